"""Shared by figures that compare models: colours, rows of a table, panels, bands."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
import polars
from matplotlib.axes import Axes

from saibench.analysis.bootstrap import Interval
from saibench.analysis.tested_models import TestedModel
from saibench.figures.style import INK, MUTED, PALETTE, draw_intervals, from_zero

MAX_MODELS = 8
MEAN, CHANGE = "mean", "relative change"


def model_colours(models: Sequence[TestedModel], references: Collection[str]) -> dict[str, str]:
    """The colour of each model's label, the same in every figure; references are grey."""
    coloured = [model.label for model in models if model.label not in references]
    colours = {model.label: MUTED for model in models}
    return colours | {
        label: PALETTE[position % len(PALETTE)] for position, label in enumerate(coloured)
    }


def interval_row(interval: Interval, counted: str = "samples") -> dict[str, float | int]:
    """The columns of an interval in a table, with its count in column `counted`."""
    return {
        "estimate": interval.estimate,
        "low": interval.low,
        "high": interval.high,
        counted: interval.count,
    }


def draw_band(axes: Axes, rows: polars.DataFrame, x: str, colour: str, **line: Any) -> None:
    """Draw `estimate` against column `x` as a line, with a band from `low` to `high`."""
    axes.fill_between(rows[x], rows["low"], rows["high"], color=colour, alpha=0.16, linewidth=0)
    axes.plot(rows[x], rows["estimate"], color=colour, **line)


def draw_mean_and_change(
    mean: Axes, change: Axes, numbers: polars.DataFrame, colours: dict[str, str]
) -> None:
    """Draw the models' means by partition, and their relative changes from the reference.

    Args:
        numbers: `partition`, `model`, `measure` (`MEAN` or `CHANGE`), and an interval.
        colours: by label.
    """
    _draw_by_partition(mean, numbers, MEAN, colours)
    _draw_by_partition(change, numbers, CHANGE, colours)
    from_zero(mean)
    change.set_ylabel("change of the error [%]")
    change.axhline(0, color=INK, linewidth=1)


def _draw_by_partition(
    axes: Axes, numbers: polars.DataFrame, measure: str, colours: dict[str, str]
) -> None:
    """Draw the models' values of one measure side by side at each partition; changes in percent."""
    rows = numbers.filter(polars.col("measure") == measure)
    partitions = rows["partition"].unique(maintain_order=True).to_list()
    labels = rows["model"].unique(maintain_order=True).to_list()
    scale = 100 if measure == CHANGE else 1
    for position, label in enumerate(labels):
        of_model = rows.filter(polars.col("model") == label)
        shift = 0.6 * (position - (len(labels) - 1) / 2) / max(len(labels), 2)
        style = {"color": colours[label], "fmt": "o", "capsize": 3, "label": label}
        draw_intervals(axes, np.arange(len(partitions)) + shift, of_model, scale, **style)
    axes.set_xticks(range(len(partitions)), partitions)
    axes.set_xlim(-0.5, len(partitions) - 0.5)


def first_models(found: int) -> str:
    """A sentence if only the first models of the study are drawn."""
    return f" The first {MAX_MODELS} of {found} models are drawn." if found > MAX_MODELS else ""
