"""A guarded simulation: error and bound over time, and the feature that the guard monitors."""

from __future__ import annotations

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from saibench.analysis.trusted_range import TrustedRange
from saibench.figures.style import (
    INK,
    MUTED,
    PALETTE,
    TEST_REGION,
    panel_title,
    panels,
    quantity_label,
    styled,
)

ERROR, BOUND, RANGE = INK, PALETTE[1], PALETTE[2]
WIDE = 10
"""Ratio of the largest to the median error above which the axis is logarithmic."""


@styled
def draw(run: pl.DataFrame, trusted: TrustedRange, tolerance: float | None) -> Figure:
    """Draw error and feature over time in ps.

    Args:
        run: the table from `saibench.runs.force_field.dynamics.guarded_dynamics`.
        trusted: the range of the guard.
        tolerance: of the guard, in the unit of the statistic.
    """
    figure, axes = panels(2, 1, 5.6, sharex=True, height_ratios=(3, 2))
    errors, features = axes[:, 0]
    time = run["time"].to_numpy()
    _shade(errors, time, ~run["trusted"].to_numpy())
    _shade(features, time, ~run["trusted"].to_numpy())
    if run["error"].null_count() < run.height:
        error = run["error"].to_numpy().astype(float)
        errors.plot(time, error, color=ERROR, linewidth=0.5, alpha=0.5)
        errors.plot(*_smooth(time, error), color=ERROR, linewidth=1.6, label="true error")
    errors.plot(time, run["expected"], color=PALETTE[0], linewidth=0.9, label="expected error")
    label = f"{100 * trusted.coverage:g} % bound"
    errors.plot(time, run["bound"], color=BOUND, linewidth=0.9, label=label)
    if tolerance is not None:
        errors.axhline(tolerance, color=RANGE, linestyle="--", linewidth=1.2, label="tolerance")
    errors.set_ylabel(quantity_label(trusted.statistic))
    _scale(errors, run, tolerance)
    panel_title(errors, "a", "error of the net along its own trajectory")
    errors.legend(ncols=5, loc="upper left", columnspacing=1.2)

    first = trusted.features[0]
    features.plot(time, run[first.name], color=MUTED, linewidth=0.7)
    for edge in (trusted.low[0], trusted.high[0]):
        features.axhline(edge, color=RANGE, linestyle=":", linewidth=1.2)
    features.set_ylabel(quantity_label(first))
    features.set_xlim(time[0], time[-1])
    features.set_xlabel("time [ps]")
    panel_title(features, "b", "monitored feature (dotted: fitted range)")
    return figure


def _shade(axes: Axes, time: np.ndarray, flagged: np.ndarray) -> None:
    """Shade the steps at which the net is not trusted."""
    axes.fill_between(
        time, 0, 1, where=flagged, step="mid", transform=axes.get_xaxis_transform(),
        color=TEST_REGION, alpha=0.7, linewidth=0, label="not trusted",
    )  # fmt: skip


def _smooth(time: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Running mean over a fiftieth of the simulation."""
    width = max(1, len(values) // 50)
    kernel = np.ones(width) / width
    return np.convolve(time, kernel, "valid"), np.convolve(values, kernel, "valid")


def _scale(axes: Axes, run: pl.DataFrame, tolerance: float | None) -> None:
    """Set a linear y axis from zero; a logarithmic one if a molecule broke apart."""
    values = np.concatenate([run["bound"].to_numpy(), run["error"].drop_nulls().to_numpy()])
    known = values[np.isfinite(values) & (values > 0)]
    low, middle, high = np.quantile(known, [0.005, 0.5, 0.995])
    high = max(float(high), tolerance or 0)
    if high > WIDE * middle:
        axes.set_yscale("log")
        axes.set_ylim(low / 2, 8 * known.max())
    else:
        axes.set_ylim(0, 1.25 * high)
