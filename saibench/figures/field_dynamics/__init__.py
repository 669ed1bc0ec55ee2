"""Figures of forecasts of evolving fields."""
