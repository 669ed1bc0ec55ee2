"""Forecasts of evolving fields by nets, regressions and simple baselines."""
