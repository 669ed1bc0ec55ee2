"""Scores of two-class classifiers, computed from the columns `label` and `logit`."""
