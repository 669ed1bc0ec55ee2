"""Shared by panels of nowcasting figures: colours of models, axes, histograms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import matplotlib.ticker
import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from saibench.analysis.bootstrap import Floats, Interval
from saibench.analysis.nowcasting.errors import PERSISTENCE, RainModel
from saibench.figures import models as compared
from saibench.figures.style import INK

LEAD_TIME = "lead time [min]"
FEW = 40
"""Up to this number, each event has a tick below its histogram."""
TAIL = 0.995
"""Fraction of the values inside a histogram's bins; the last bin includes the rest."""


def model_colours(models: Sequence[RainModel]) -> dict[str, str]:
    """The colour of each model's label, the same in every figure; persistence is grey."""
    return compared.model_colours(
        models, [model.label for model in models if model.name == PERSISTENCE]
    )


def row_label(model: RainModel, models: Sequence[RainModel], first: bool) -> str:
    """The model's label above the first panel of its row; empty with a single model."""
    return (model.label if first else " ") if len(models) > 1 else ""


def lead_axis(axes: Axes, label: bool = True) -> None:
    """Set the x axis to minutes since the last observed frame, with ticks at the hours."""
    last = axes.dataLim.x1  # of the drawn data: it depends on their time step
    axes.set_xlim(0, last + 5 if np.isfinite(last) and not 195 <= last <= 205 else 205)
    axes.xaxis.set_major_locator(matplotlib.ticker.MultipleLocator(60))
    axes.xaxis.set_minor_locator(matplotlib.ticker.MultipleLocator(20))
    if label:
        axes.set_xlabel(LEAD_TIME)


def interval_row(interval: Interval) -> dict[str, float | int]:
    """The columns of an interval in a table."""
    return compared.interval_row(interval, "events")


def histogram_edges(columns: Sequence[Floats], from_zero: bool = True) -> NDArray[np.float64]:
    """Edges of equal bins for all columns; more bins for more values."""
    values = np.concatenate([column[~np.isnan(column)] for column in columns])
    if not values.size:
        return np.array([0.0, 1.0])
    largest = np.quantile(values, TAIL) if values.size > 1 / (1 - TAIL) else values.max()
    smallest = 0.0 if from_zero else values.min()
    num_bins = int(np.clip(2 * np.sqrt(values.size / len(columns)), 8, 40))
    return np.linspace(smallest, max(largest, smallest + 1e-9) * 1.0001, num_bins + 1)


def histogram_counts(values: Floats, edges: NDArray[np.float64]) -> NDArray[np.int64]:
    """Events in each bin, `(bins,)`; values above the last edge are in the last bin."""
    defined = values[~np.isnan(values)]
    within = np.clip(defined, edges[0], np.nextafter(edges[-1], edges[0]))
    return np.histogram(within, edges)[0]


def histogram_rows(values: Floats, edges: NDArray[np.float64]) -> list[dict[str, float | int]]:
    """One row per bin."""
    counts = histogram_counts(values, edges)
    bins = zip(edges[:-1], edges[1:], counts, strict=True)
    return [
        {"from": float(start), "to": float(end), "events": int(count)} for start, end, count in bins
    ]


def draw_histogram(
    axes: Axes, values: Floats, edges: NDArray[np.float64], colour: str, filled: bool = True
) -> None:
    """Draw a histogram of events with their mean, and a tick per event if there are few."""
    counts = histogram_counts(values, edges)
    axes.stairs(counts, edges, color=colour, fill=filled, alpha=0.55 if filled else 1.0, lw=1.4)
    defined = values[~np.isnan(values)]
    if defined.size:
        axes.axvline(defined.mean(), color=INK if filled else colour, linewidth=1.1)
    if filled and 0 < defined.size <= FEW:  # an empty line breaks the layout
        x, y = np.minimum(defined, edges[-1]), np.zeros(defined.size)
        bottom = axes.get_xaxis_transform()
        axes.plot(x, y, "|", color=INK, markersize=7, clip_on=False, transform=bottom)
    axes.yaxis.set_major_locator(matplotlib.ticker.MaxNLocator(5, integer=True))


def dots(count: int) -> dict[str, Any]:
    """Style of a scatter plot: smaller and lighter dots for more samples."""
    return {
        "s": float(np.clip(1500 / max(count, 1), 3, 20)),
        "alpha": float(np.clip(60 / max(count, 1), 0.08, 0.75)),
        "linewidths": 0,
        "rasterized": count > 2000,
    }
