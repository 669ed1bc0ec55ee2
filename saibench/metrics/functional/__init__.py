"""The pure core of metrics that several workloads may use: tensors in, tensors out, no state."""

from saibench.metrics.functional.classification import (
    ROC,
    area_under_roc,
    background_rejection,
    class_accuracies,
    roc_curve,
)

__all__ = ["ROC", "area_under_roc", "background_rejection", "class_accuracies", "roc_curve"]
