"""Pure functions of predicted and true fields."""
