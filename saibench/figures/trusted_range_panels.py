"""The panels of the figure of the trusted range."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from saibench.evidence.reader import StudyEvidence
from saibench.figures.style import (
    INK,
    MUTED,
    PAGE_WIDTH,
    PALETTE,
    axis_label,
    error_bars,
    in_lines,
    panel_title,
    quantity_label,
)
from saibench.figures.trusted_range_rows import Drawn
from saibench.formatting import fixed

IN_A_ROW = 3
"""Small panels in a row."""
HEIGHT, SMALL_HEIGHT = 3.1, 2.3
"""Of a row, in inches."""
LEGEND_HEIGHT = 0.7
MAX_DOTS = 3000
MIN_KEPT = 0.05
"""Smallest share of kept samples that is drawn."""
SAMPLES, MEAN, BOUND, TRUSTED, FAILS = MUTED, INK, PALETTE[0], PALETTE[2], PALETTE[1]


def draw_ranges(first: Drawn, others: Sequence[Drawn], evidence: StudyEvidence) -> Figure:
    """A row of three panels for the first range, and one small panel for each of the others."""
    rows = -(-len(others) // IN_A_ROW)
    heights = [HEIGHT, *[SMALL_HEIGHT] * rows]
    figure = Figure(figsize=(PAGE_WIDTH, LEGEND_HEIGHT + sum(heights)), layout="constrained")
    # whole ratios: the layout solver rounds others differently from one drawing to the next
    ratios = [round(10 * height) for height in heights]
    parts = figure.subfigures(1 + rows, 1, height_ratios=ratios, squeeze=False)[:, 0]
    errors, kept, coverage = parts[0].subplots(1, 3, width_ratios=(4, 3, 3))
    _draw_errors(errors, first, evidence, first.top)
    _draw_kept(kept, first)
    _draw_coverage(coverage, first, evidence)
    panel_title(errors, "a", "error and bound", first.label if others else "")
    panel_title(kept, "b", "largest bounds rejected")
    panel_title(coverage, "c", "coverage of the bound")
    for row, part in enumerate(parts[1:]):
        axes = part.subplots(1, min(IN_A_ROW, max(2, len(others))))
        drawn = others[row * IN_A_ROW : (row + 1) * IN_A_ROW]
        for one, small in zip(drawn, axes, strict=False):
            _draw_errors(small, one, evidence, max(other.top for other in others))
            small.set_title(in_lines(one.label))
            small.set_ylabel(small.get_ylabel() if small is axes[0] else "")
        for unused in axes[len(drawn) :]:
            unused.remove()
    figure.legend(handles=_legend(first), loc="outside lower center", ncols=5)
    return figure


def _draw_errors(axes: Axes, one: Drawn, evidence: StudyEvidence, top: float) -> None:
    """Samples, of which those are coloured that all features together declare trusted."""
    trusted, declared = one.trusted, one.declared
    feature = one.samples.feature(trusted.best.features[0].name)
    every = slice(None, None, max(1, len(feature) // MAX_DOTS))
    for mask, colour, alpha in ((~declared, SAMPLES, 0.35), (declared, TRUSTED, 0.55)):
        axes.scatter(
            feature[every][mask[every]], one.samples.errors[every][mask[every]], s=5, color=colour,
            alpha=alpha, linewidths=0, rasterized=True,
        )  # fmt: skip
    line = one.line
    for name, colour in (("expected error", MEAN), ("upper bound", BOUND)):
        within = np.where(line["inside"], line[name], np.nan)
        beyond = np.where(line["inside"], np.nan, line[name])
        axes.plot(line["at"], within, color=colour, linewidth=1.8)
        axes.plot(line["at"], beyond, color=colour, linewidth=1.3, linestyle=(0, (3, 2)))
    if trusted.tolerance is not None:
        axes.axhline(trusted.tolerance, color=TRUSTED, linewidth=1.2, linestyle="--")
        for low, high in trusted.trusted().intervals:
            axes.axvspan(low, high, color=TRUSTED, alpha=0.15, linewidth=0)
        text = f"{100 * declared.mean():.3g} % of the samples trusted"
        axes.text(0.03, 0.97, text, transform=axes.transAxes, va="top", color=INK, fontsize=9)
    axes.set_ylim(0, top)
    axes.set_xlim(line["at"][0], line["at"][-1])
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.set_xlabel(in_lines(quantity_label(trusted.best.features[0], evidence)))
    axes.set_ylabel(quantity_label(trusted.statistic, evidence))


def _draw_kept(axes: Axes, one: Drawn) -> None:
    """The risk–coverage curve."""
    axes.set_xlabel("kept samples [%]")
    if one.found.validation is None:
        _say(axes, "too few blocks\nto validate")
        return
    usefulness = one.found.validation.usefulness
    curve = usefulness.risk_coverage
    drawn = curve.kept >= MIN_KEPT
    kept, risk = 100 * curve.kept[drawn], curve.risk[drawn]
    axes.axhline(curve.random, color=SAMPLES, linewidth=1.2, linestyle=":")
    axes.plot(kept, curve.ideal[drawn], color=MEAN, linewidth=1.2, linestyle=(0, (4, 2)))
    axes.plot(kept, risk, color=BOUND, linewidth=1.8)
    text = f"area {fixed(curve.area)}\nAUROC {fixed(usefulness.auroc)}"
    axes.text(0.97, 0.04, text, transform=axes.transAxes, va="bottom", ha="right", fontsize=8)
    axes.set_xlim(0, 100)
    axes.set_ylim(0, 1.2 * max(curve.random, float(risk.max())))
    axes.set_ylabel(axis_label("their mean error", one.trusted.statistic.unit))


def _draw_coverage(axes: Axes, one: Drawn, evidence: StudyEvidence) -> None:
    """Coverage by bin of the best feature; all samples as a band."""
    trusted, validation = one.trusted, one.found.validation
    axes.set_xlabel(in_lines(quantity_label(trusted.best.features[0], evidence)))
    axes.set_ylabel("samples below the bound [%]")
    if validation is None:
        _say(axes, "too few blocks\nto validate")
        return
    overall = validation.at_coverage
    axes.axhspan(100 * overall.low, 100 * overall.high, color=BOUND, alpha=0.13, linewidth=0)
    axes.axhline(100 * trusted.coverage, color=INK, linewidth=1.2)
    lowest = overall.low
    for part in one.bins:
        estimate, low, high = (
            100 * np.array([getattr(part.coverage, end)]) for end in ("estimate", "low", "high")
        )
        middle = (part.low + part.high) / 2
        axes.errorbar(
            [middle], estimate, yerr=error_bars(estimate, low, high),
            xerr=(part.high - part.low) / 2, fmt="s" if part.fails else "o",
            color=FAILS if part.fails else BOUND, capsize=0, markersize=4.5, elinewidth=1.2,
        )  # fmt: skip
        lowest = np.nanmin([lowest, part.coverage.low, part.coverage.estimate])
    axes.set_ylim(min(100 * lowest - 3, 100 * trusted.coverage - 15), 101)
    axes.xaxis.set_major_locator(MaxNLocator(4))


def _legend(one: Drawn) -> list[Line2D]:
    trusted = one.trusted
    nominal = f"{100 * trusted.coverage:g} %"
    dots: Any = {"marker": "o", "markersize": 4, "linewidth": 0}
    handles = [
        Line2D([], [], color=SAMPLES, label="samples", **dots),
        Line2D([], [], color=MEAN, linewidth=1.8, label="expected (mean) error"),
        Line2D([], [], color=BOUND, linewidth=1.8, label=f"{nominal} bound, and its order"),
    ]
    if trusted.tolerance is not None:
        label = f"tolerance {trusted.tolerance:g} {trusted.statistic.unit}".rstrip()
        handles.insert(1, Line2D([], [], color=TRUSTED, label="trusted", **dots))
        handles.append(Line2D([], [], color=TRUSTED, linestyle="--", label=label))
    handles += [
        Line2D([], [], color=MEAN, linewidth=1.2, linestyle=(0, (4, 2)), label="ideal order"),
        Line2D([], [], color=SAMPLES, linewidth=1.2, linestyle=":", label="random order"),
        Line2D([], [], color=INK, linewidth=1.2, label=f"nominal {nominal}"),
        Line2D([], [], color=BOUND, linewidth=8, alpha=0.25, label="coverage of all samples"),
    ]
    if any(part.fails for part in one.bins):
        fails: Any = {"marker": "s", "markersize": 5, "linewidth": 0}
        handles.append(Line2D([], [], color=FAILS, label="coverage too low", **fails))
    return handles


def _say(axes: Axes, text: str) -> None:
    axes.text(0.5, 0.5, text, ha="center", va="center", transform=axes.transAxes, color=MUTED)
    axes.set_xticks([])
    axes.set_yticks([])
