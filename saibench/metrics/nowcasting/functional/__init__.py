"""Pure functions behind the rain metrics."""
