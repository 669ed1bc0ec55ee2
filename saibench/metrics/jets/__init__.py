"""Metrics of taggers: signal against background, as sums that batches and ranks add to."""

from saibench.metrics.jets.accuracy import TaggingAccuracy
from saibench.metrics.jets.binned_roc import BinnedROC

__all__ = ["BinnedROC", "TaggingAccuracy"]
