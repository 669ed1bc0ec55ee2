"""Scores of more than two classes: each against all others."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from saibench.evidence.imported.classes import Classes
from saibench.evidence.imported.column import LABEL, plain
from saibench.evidence.roc import area_under_roc
from saibench.evidence.schema import BEFORE
from saibench.evidence.statistic import PartitionMetric, Statistic
from saibench.printable import printable

MOST_SCORED = 20
"""Most classes whose scores are columns of the evidence, with an AUC each."""


def one_versus_rest(
    probabilities: NDArray[np.float64], classes: Classes, sample: str
) -> tuple[list[tuple[Statistic, np.ndarray]], list[PartitionMetric]]:
    """The score of each class, its AUC against all others, and the mean of the AUCs (macro).

    As `roc_auc_score(..., multi_class="ovr", average="macro")` of scikit-learn.

    Args:
        probabilities: (N, K).
        classes: K labels; of more than `MOST_SCORED` there is neither score nor AUC.
        sample: what one row is.
    """
    if len(classes) > MOST_SCORED:
        return [], []
    names = _names(classes)
    columns = [f"score_{name}" for name in names]
    scores = [
        Statistic(
            column, "", sample, f"predicted probability of {printable(str(one))}", known=BEFORE
        )
        for column, one in zip(columns, classes, strict=True)
    ]
    per = f"pair of {sample}s"
    metrics = [
        PartitionMetric("auc_macro", "", per, (*columns, LABEL), _mean_area),
        *(
            PartitionMetric(
                f"auc_{name}", "", per, (column, LABEL), partial(_area, number=number),
                {"how": "auc", "of_class": number},
            )
            for number, (name, column) in enumerate(zip(names, columns, strict=True))
        ),
    ]  # fmt: skip
    return list(zip(scores, probabilities.T, strict=True)), metrics


def _names(classes: Classes) -> Sequence[str]:
    """Parts of the names of columns: of the labels, or their numbers if some would be equal."""
    names = [plain(str(one)).strip("_") for one in classes]
    is_unclear = len({*names, "macro"}) <= len(names)
    return [str(number) for number in range(len(classes))] if is_unclear else names


def _area(score: np.ndarray, label: np.ndarray, number: int) -> float:
    return area_under_roc(score, (label == number).astype(np.int64))


def _mean_area(*given: np.ndarray) -> float:
    """NaN if a class is absent."""
    *scores, label = given
    return float(np.mean([_area(score, label, place) for place, score in enumerate(scores)]))
