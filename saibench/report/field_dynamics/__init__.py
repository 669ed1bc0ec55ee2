"""Viewer of saved forecasts of fields."""
