"""Analyses of evidence: they never run a model again."""
