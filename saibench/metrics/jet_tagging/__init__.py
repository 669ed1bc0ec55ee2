"""Metrics of jet taggers."""

from saibench.metrics.jet_tagging.accuracy import TaggingAccuracy
from saibench.metrics.jet_tagging.binned_roc import BinnedROC

__all__ = ["BinnedROC", "TaggingAccuracy"]
