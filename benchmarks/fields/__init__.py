"""Contestants that train on fields."""
