"""Statistics of a tagger, and metrics of a partition."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from saibench.evidence.jet_tagging.class_names import TOP_AND_QCD, ClassNames
from saibench.evidence.known import TITLES
from saibench.evidence.schema import BEFORE
from saibench.evidence.statistic import Axis, PartitionMetric, Statistic
from saibench.metrics.functional.classification import (
    area_under_roc,
    background_rejection,
    class_accuracies,
    rejection_lower_limit,
)

SIGNAL_EFFICIENCIES = (30, 50)
"""Percentages of top jets at which the rejection of QCD jets is reported."""


def angle_labels(step_degrees: float, count: int) -> tuple[int, ...] | tuple[str, ...]:
    """`count` angles from 0°, `step_degrees` apart: integers, or text if one is not an integer.

    >>> angle_labels(5, 3), angle_labels(2.5, 3)
    ((0, 5, 10), ('0', '2.5', '5'))
    """
    degrees = [step_degrees * number for number in range(count)]
    if all(float(angle).is_integer() for angle in degrees):
        return tuple(int(angle) for angle in degrees)
    return tuple(f"{angle:g}" for angle in degrees)


def committee_statistic(members: int) -> Statistic:
    """Disagreement of a committee about a jet."""
    describe = (
        "standard deviation of the log-odds over the weights of the last validations (up to "
        f"{members})"
    )
    return Statistic(
        "committee_std", "", "jet", describe, known=BEFORE, title=TITLES["committee_std"]
    )


def jet_statistics(
    degrees: Sequence[int | str] | None, names: ClassNames = TOP_AND_QCD
) -> list[Statistic]:
    """Scores of a jet, and its scores by rotation angle.

    Args:
        degrees: labels of the angles; None without rotations.
        names: of the classes.
    """
    found = _statistics(degrees)
    return [replace(one, describe=names.worded(one.describe)) for one in found]


def _statistics(degrees: Sequence[int | str] | None) -> list[Statistic]:
    statistics = [
        Statistic("score", "", "jet", "predicted probability of a top jet", known=BEFORE),
        Statistic("logit", "", "jet", "log-odds of a top jet, predicted", known=BEFORE),
        Statistic(
            "least_confidence",
            "",
            "jet",
            "predicted probability of the class that is not predicted",
            known=BEFORE,
        ),
        Statistic(
            "correct",
            "",
            "jet",
            "1 if the jet is classified correctly, else 0",
            summaries={"accuracy": "mean"},
            binary=True,
        ),
        Statistic(
            "score_error",
            "",
            "jet",
            "predicted probability of the wrong class, above 0.5 for a misclassified jet",
        ),
    ]
    if degrees is None:
        return statistics
    by_angle = Axis("angle", tuple(degrees))
    return [
        *statistics,
        Statistic(
            "score_range",
            "",
            "jet",
            "largest minus smallest score of the jet over the angles",
            summaries={"score_range": "mean"},
            known=BEFORE,
        ),
        Statistic("score", "", "jet", "probability of a top jet, rotated", by_angle, known=BEFORE),
        Statistic("logit", "", "jet", "log-odds of a top jet, rotated", by_angle, known=BEFORE),
    ]


def jet_metrics(
    degrees: Sequence[int | str] | None, names: ClassNames = TOP_AND_QCD
) -> list[PartitionMetric]:
    """Exact metrics of a partition: AUC, rejections, accuracy of either class, AUC by angle.

    They use logits, because scores near 1 are equal in floating point.
    """
    columns = ("logit", "label")
    metrics = [
        PartitionMetric("auc", "", "pair of jets", columns, area_under_roc, {"how": "auc"}),
        *(
            PartitionMetric(
                f"rejection_{percent}",
                "",
                "accepted QCD jet",
                columns,
                partial(background_rejection, signal_efficiency=percent / 100),
                {"how": "rejection", "signal_efficiency": percent / 100},
                rejection_lower_limit,
            )
            for percent in SIGNAL_EFFICIENCIES
        ),
        *(
            PartitionMetric(
                f"{name}_accuracy",
                "",
                f"{jet} jet",
                columns,
                partial(_accuracy_of, label=label),
                {"how": "class_accuracy", "class": label},
            )
            for name, jet, label in (("signal", "top", 1), ("background", "QCD", 0))
        ),
    ]
    for position, label in enumerate(degrees or ()):
        metrics += [
            PartitionMetric(
                f"{name}_{label}",
                "",
                per,
                ("angle/logit", "label"),
                partial(function, position=position),
                {"how": name, "label": label},
            )
            for name, per, function in (
                ("auc", "pair of jets", _area_at),
                ("accuracy", "jet", _accuracy_at),
            )
        ]
    return [replace(metric, per=names.worded(metric.per)) for metric in metrics]


def _accuracy_of(logit: np.ndarray, labels: np.ndarray, label: int) -> float:
    _, signal, background = class_accuracies(logit, labels, threshold=0.0)
    return signal if label else background


def _area_at(logits: np.ndarray, label: np.ndarray, position: int) -> float:
    return area_under_roc(logits[:, position], label)


def _accuracy_at(logits: np.ndarray, label: np.ndarray, position: int) -> float:
    return class_accuracies(logits[:, position], label, threshold=0.0)[0]
