"""Statistics of the samples of an imported run: errors of numbers, and scores of classes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars
from numpy.typing import NDArray

from saibench.errors import UserError
from saibench.evidence.imported.classes import Classes
from saibench.evidence.imported.column import LABEL, Column
from saibench.evidence.imported.one_versus_rest import one_versus_rest
from saibench.evidence.imported.runs import Run
from saibench.evidence.roc import area_under_roc
from saibench.evidence.schema import BEFORE
from saibench.evidence.statistic import PartitionMetric, Statistic
from saibench.printable import printable

Floats = NDArray[np.float64]

EPSILON = float(np.finfo(np.float64).eps)
"""Smallest probability in a logarithm, as in scikit-learn's `log_loss`."""
SUM_TOLERANCE = 1e-3
"""Largest distance of the sum of the probabilities of all classes from 1."""
POSITIVE = ("1", "pos", "positive", "signal", "top", "true")
"""Usual names of the second of two classes that are numbers, as in `score_signal`."""


@dataclass(frozen=True, eq=False)
class Computed:
    """Statistics, and their values by `Statistic.key`; partial ones with `Statistic.defined_key`.

    Args:
        partition_metrics: metrics of all samples of a partition at once.
    """

    statistics: tuple[Statistic, ...]
    values: dict[str, np.ndarray]
    partition_metrics: tuple[PartitionMetric, ...] = ()


def statistics_of(run: Run, classes: Classes, sample: str) -> Computed:
    """The statistics of a run's rows.

    Args:
        run: its rows are in the order of the values.
        classes: labels by number.
        sample: what one row is.

    Raises:
        UserError: the scores do not fit the classes.
    """
    found: list[tuple[Statistic, np.ndarray]] = []
    for column in run.of("prediction"):
        found += _of_number(run, column, sample)
    for column in run.of("error"):
        found.append(_of_error(run, column, sample))
    metrics: list[PartitionMetric] = []
    if run.of("score"):
        of_classes, metrics = _of_classes(run, classes, sample)
        found += of_classes
    elif run.of("predicted_label"):
        predicted = run.rows[run.of("predicted_label")[0].source].to_numpy()
        found.append(_correct(predicted == _label(run), sample))
    values: dict[str, np.ndarray] = {}
    for statistic, column_values in found:
        values[statistic.key] = column_values
        if statistic.partial:
            values[statistic.defined_key] = ~np.isnan(column_values)
    return Computed(tuple(statistic for statistic, _ in found), values, tuple(metrics))


def _of_number(run: Run, column: Column, sample: str) -> list[tuple[Statistic, np.ndarray]]:
    """The prediction and its signed error, prediction − truth."""
    truth = next(one for one in run.of("truth") if one.target == column.target)
    predicted, true = _floats(run.rows, column), _floats(run.rows, truth)
    prefix = f"{column.target}_" if column.target else ""
    of = f" of {column.target}" if column.target else ""
    unit = column.unit or truth.unit
    prediction = Statistic(
        column.name, unit, sample, column.describe or f"prediction{of}", known=BEFORE,
        title=column.title,
    )  # fmt: skip
    error = Statistic(
        f"{prefix}error",
        unit,
        sample,
        f"prediction − truth{of}",
        summaries={
            f"{prefix}mae": "mean_abs",
            f"{prefix}rmse": "root_mean_square",
            f"{prefix}bias": "mean",
        },
        partial=truth.missing == "undefined",
    )
    return [(prediction, predicted), (error, predicted - true)]


def _of_error(run: Run, column: Column, sample: str) -> tuple[Statistic, np.ndarray]:
    """An error as given; if it has a sign, its mean is a bias."""
    values = _floats(run.rows, column)
    signed = bool((values < 0).any())
    summaries = (
        {f"{column.name}_mean_abs": "mean_abs", f"{column.name}_mean": "mean"}
        if signed
        else {column.name: "mean"}
    )
    statistic = Statistic(
        column.name,
        column.unit,
        sample,
        column.describe or f"{column.source}, as imported",
        summaries=summaries,
        partial=column.missing == "undefined",
        title=column.title,
    )
    return statistic, values


def _of_classes(
    run: Run, classes: Classes, sample: str
) -> tuple[list[tuple[Statistic, np.ndarray]], list[PartitionMetric]]:
    label = _label(run)
    probabilities = _probabilities(run, classes)
    rows = np.arange(len(label))
    one_hot = np.zeros_like(probabilities)
    one_hot[rows, label] = 1.0
    largest = probabilities.max(axis=1)
    of_class = np.clip(probabilities[rows, label], EPSILON, 1.0)
    binary = len(classes) == 2
    predicted = probabilities.argmax(axis=1)
    if given := run.of("predicted_label"):  # perhaps of another threshold
        predicted = run.rows[given[0].source].to_numpy()
    brier = ((probabilities - one_hot) ** 2).sum(axis=1) / (2 if binary else 1)
    found = [
        (
            Statistic(
                "least_confidence", "", sample, "1 − the largest predicted probability",
                known=BEFORE, title="least confidence",
            ),
            1 - largest,
        ),
        _correct(predicted == label, sample),
        (
            Statistic(
                "log_loss", "", sample, "−ln of the probability of the label",
                summaries={"log_loss": "mean"}, title="log loss",
            ),
            -np.log(of_class),
        ),
        (
            Statistic(
                "brier", "", sample, "squared distance of the probabilities from the label",
                summaries={"brier": "mean"}, title="Brier score",
            ),
            brier,
        ),
    ]  # fmt: skip
    if not binary:
        scores, metrics = one_versus_rest(probabilities, classes, sample)
        return [*scores, *found], metrics
    score = Statistic(
        "score", "", sample, f"predicted probability of {printable(str(classes[1]))}", known=BEFORE
    )
    auc = PartitionMetric(
        "auc", "", f"pair of {sample}s", ("score", LABEL), area_under_roc,
        {"how": "auc", "threshold": 0.5},
    )  # fmt: skip
    return [(score, probabilities[:, 1]), *found], [auc]


def _correct(correct: np.ndarray, sample: str) -> tuple[Statistic, np.ndarray]:
    statistic = Statistic(
        "correct",
        "",
        sample,
        "1 if the predicted class is the label",
        summaries={"accuracy": "mean"},
        binary=True,
    )
    return statistic, correct.astype(np.float64)


def _probabilities(run: Run, classes: Classes) -> Floats:
    """`(rows, classes)`; one score of two classes is that of the second."""
    scores = run.of("score")
    given = np.stack([_floats(run.rows, column) for column in scores], axis=1)
    if len(scores) == 1:
        _refuse_more_classes(scores[0], classes)
        position = _position(scores[0], classes)
        both = [1 - given[:, 0], given[:, 0]]
        return np.stack(both if position == 1 else both[::-1], axis=1)
    positions = [_position(column, classes) for column in scores]
    missing = [str(one) for number, one in enumerate(classes) if number not in positions]
    if missing or len(set(positions)) < len(positions):
        raise UserError(
            f"{len(scores)} columns are scores of {len(set(positions))} of {len(classes)} classes"
            f"{', and none is of ' + printable(missing[0]) if missing else ''}. Set of_class of "
            "each score in a schema."
        )
    wrong = np.flatnonzero(np.abs(given.sum(axis=1) - 1) > SUM_TOLERANCE)
    if len(wrong):
        names = ", ".join(column.source for column in scores)
        raise UserError(
            f"the scores {printable(names)} sum to {given[wrong[0]].sum():.4g} for a sample, and "
            "probabilities of all classes sum to 1. Convert them."
        )
    ordered = np.empty_like(given)
    ordered[:, positions] = given
    return ordered


def _refuse_more_classes(column: Column, classes: Classes) -> None:
    if len(classes) != 2:
        raise UserError(
            f"column '{column.source}' is the only score, and the label has {len(classes)} "
            f"class{'es' if len(classes) != 1 else ''}. Use one score per class, or two classes."
        )


def _position(column: Column, classes: Classes) -> int:
    """The class of a score; without a name, the second of two classes that are numbers."""
    two_numbers = len(classes) == 2 and not any(isinstance(one, str) for one in classes)
    if column.of_class is None:
        if two_numbers:
            return 1
        raise UserError(
            f"column '{column.source}' is the score of one of the classes "
            f"{', '.join(printable(str(one)) for one in classes[:5])}. Set of_class in a schema: "
            f"columns: {{{column.source}: {{role: score, of_class: {classes[-1]}}}}}."
        )
    names = [str(one) for one in classes]
    name = str(int(column.of_class) if isinstance(column.of_class, bool) else column.of_class)
    if name in names:
        return names.index(name)
    if two_numbers and name.lower() in POSITIVE:
        return 1
    raise UserError(
        f"column '{column.source}' is the score of class {printable(name)}, which no label has. "
        f"The classes are {', '.join(printable(str(one)) for one in classes[:5])}. Set of_class in "
        "a schema."
    )


def _label(run: Run) -> NDArray[np.int64]:
    return run.rows[run.of(LABEL)[0].source].to_numpy()


def _floats(rows: polars.DataFrame, column: Column) -> Floats:
    """Float64 values, NaN where missing."""
    return rows[column.source].fill_null(np.nan).to_numpy()
