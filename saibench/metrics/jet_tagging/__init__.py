"""Metrics of taggers: signal against background, as sums that batches and ranks add to."""

from saibench.metrics.jet_tagging.accuracy import TaggingAccuracy
from saibench.metrics.jet_tagging.binned_roc import BinnedROC

__all__ = ["BinnedROC", "TaggingAccuracy"]
