"""Scores of a classifier of two classes, from the columns `label` and `logit` alone."""
