"""A guarded simulation: error and bound over time, and the feature that the guard monitors."""

from __future__ import annotations

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from saibench.analysis.exchangeability.monitor import LEVEL
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

ERROR, BOUND, RANGE, ALARM = INK, PALETTE[1], PALETTE[2], PALETTE[3]
WIDE = 10
"""Ratio of the largest to the median error above which the axis is logarithmic."""


@styled
def draw(
    run: pl.DataFrame, trusted: TrustedRange, tolerance: float | None, level: float = LEVEL
) -> Figure:
    """Draw error, feature and the monitor's martingale over time in ps.

    Args:
        run: the table from `saibench.runs.force_field.dynamics.guarded_dynamics`.
        trusted: the range of the guard.
        tolerance: of the guard, in the unit of the statistic.
        level: probability of a false alarm of the monitor.
    """
    monitored = "martingale" in run.columns and run["martingale"].null_count() < run.height
    if monitored:
        figure, axes = panels(3, 1, 7.2, sharex=True, height_ratios=(3, 2, 2))
        _draw_martingale(axes[2, 0], run, level)
    else:
        figure, axes = panels(2, 1, 5.6, sharex=True, height_ratios=(3, 2))
    errors, features = axes[:2, 0]
    time = run["time"].to_numpy()
    for own in axes[:2, 0]:
        _shade(own, time, ~run["trusted"].to_numpy())
        if monitored:
            _mark_alarm(own, run, level)
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
    errors.legend(ncols=3, loc="upper left", columnspacing=1.2)

    first = trusted.features[0]
    features.plot(time, run[first.name], color=MUTED, linewidth=0.7)
    for edge in (trusted.low[0], trusted.high[0]):
        features.axhline(edge, color=RANGE, linestyle=":", linewidth=1.2)
    features.set_ylabel(quantity_label(first))
    features.set_xlim(time[0], time[-1])
    axes[-1, 0].set_xlabel("time [ps]")
    panel_title(features, "b", "monitored feature (dotted: fitted range)")
    return figure


def _shade(axes: Axes, time: np.ndarray, flagged: np.ndarray) -> None:
    """Shade the steps at which the net is not trusted."""
    axes.fill_between(
        time, 0, 1, where=flagged, step="mid", transform=axes.get_xaxis_transform(),
        color=TEST_REGION, alpha=0.7, linewidth=0, label="not trusted",
    )  # fmt: skip


def _draw_martingale(axes: Axes, run: pl.DataFrame, level: float) -> None:
    """Draw the martingale and its threshold on a logarithmic axis."""
    values = run["martingale"].to_numpy().astype(float)
    axes.step(run["time"], values, where="post", color=MUTED, linewidth=1.2)
    axes.axhline(1 / level, color=ALARM, linestyle="--", linewidth=1.2)
    axes.set_yscale("log")
    axes.set_ylim(max(values.min(), 1e-3) / 2, min(max(values.max(), 1 / level), 1e12) * 3)
    axes.set_ylabel("martingale")
    _mark_alarm(axes, run, level)
    panel_title(axes, "c", "does the simulation resemble the calibration? (dashed: alarm)")


def _mark_alarm(axes: Axes, run: pl.DataFrame, level: float) -> None:
    """Mark the time from which on the simulation does not resemble the calibration."""
    after = run.filter(pl.col("martingale") >= 1 / level)["time"]
    if len(after):
        axes.axvline(after[0], color=ALARM, linewidth=1.6, label="alarm: unlike the calibration")


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
