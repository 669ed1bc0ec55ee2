"""Forecasts of evolving fields, read from evidence."""
