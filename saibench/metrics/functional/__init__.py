"""Pure functions behind metrics that several workloads may use."""

from saibench.metrics.functional.classification import (
    ROC,
    area_under_roc,
    background_rejection,
    class_accuracies,
    roc_curve,
)

__all__ = ["ROC", "area_under_roc", "background_rejection", "class_accuracies", "roc_curve"]
