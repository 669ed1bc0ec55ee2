"""Claims on forecasts of evolving fields."""
