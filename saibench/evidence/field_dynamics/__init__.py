"""Saved samples of fields that evolve."""
