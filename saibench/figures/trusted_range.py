"""The trusted range: error against a feature, with a calibrated and validated bound."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from saibench.analysis.trusted_range.config import trust_config
from saibench.analysis.trusted_range.records import Quantity
from saibench.analysis.trusted_range.study_ranges import (
    Found,
    fit_all,
    further,
    range_sentences,
    refusals,
)
from saibench.analysis.trusted_range.tolerance import lower_limit
from saibench.errors import UserError
from saibench.evidence.once import once
from saibench.evidence.reader import StudyEvidence
from saibench.figures.questions import TRUST
from saibench.figures.style import (
    INK,
    MUTED,
    PALETTE,
    axis_label,
    error_bars,
    panel_title,
    panels,
    styled,
)
from saibench.formatting import number

title = "Trusted operating range"
paper = "Section 2.5"
question = TRUST

MAX_ROWS = 3
MAX_DOTS = 3000
POSITIONS = 201
BEYOND = 0.12
"""Extension of the bound beyond the fitted range, as a fraction of its width."""
SAMPLES, MEAN, BOUND, TRUSTED = MUTED, INK, PALETTE[1], PALETTE[2]


def needs(evidence: StudyEvidence) -> str | None:
    try:
        trust_config(evidence)
        found = _found(evidence)
    except UserError as error:
        return str(error)
    if any(one.trusted for one in found):
        return None
    return found[0].refused if found else "No run was tested."


def table(evidence: StudyEvidence) -> polars.DataFrame:
    """One row per (points, curve, position): error and bound along the first feature, and coverage.

    For `observed coverage`, `position` is the nominal coverage and `value` the observed one.
    """
    rows = []
    for one in _drawn(evidence):
        line = _line(one)
        inside = np.where(line["inside"], "", " beyond the data")
        for name in ("expected error", "upper bound"):
            for position, value, place in zip(line["at"], line[name], inside, strict=True):
                rows.append(_row(one.label, f"{name}{place}", position, value))
        if one.validation:
            levels = zip(one.validation.levels, one.validation.observed, strict=True)
            for level, observed in levels:
                bounds = {"low": observed.low, "high": observed.high, "samples": observed.count}
                row = _row(one.label, "observed coverage", level, observed.estimate)
                rows.append({**row, **bounds})
    return polars.DataFrame(rows, infer_schema_length=None)


@styled
def draw(evidence: StudyEvidence) -> Figure:
    found = _drawn(evidence)
    # whole ratios: the layout solver rounds others differently from one drawing to the next
    figure, axes = panels(len(found), 3, 0.5 + 3.1 * len(found), width_ratios=(2, 1, 1))
    letters = iter("abcdefghi")
    for (errors, coverage, width), one in zip(axes, found, strict=True):
        _draw_errors(errors, one)
        _draw_coverage(coverage, one)
        _draw_widths(width, one)
        variant = one.label if len(found) > 1 else ""
        panel_title(errors, next(letters), "error and bound", variant)
        panel_title(coverage, next(letters), "coverage")
        panel_title(width, next(letters), "mean bound")
    figure.legend(handles=_legend(found), loc="outside lower center", ncols=5)
    return figure


def caption(evidence: StudyEvidence) -> str:
    found = _found(evidence)
    first = next(one.trusted for one in found if one.trusted)
    statistic, feature = first.statistic, first.best.features[0]
    parts = [
        f"Left: {statistic.describe or statistic.name} [{_unit(statistic)}] of each sample "
        f"against {feature.describe or feature.name}; expected error, and the bound that "
        f"holds for {100 * first.coverage:g} % of new samples of new blocks, calibrated by "
        "conformal prediction on held-out blocks; dashed: extrapolation. Middle: nominal and "
        "observed coverage on held-out samples, with 95 % intervals from resampling blocks. Right: "
        "mean bound with and without the feature."
    ]
    drawn = _drawn(evidence)
    for one in drawn:
        named = f"{one.label}: " if len(found) > 1 else ""
        parts.append(named + " ".join(range_sentences(one)))
    parts += refusals(found)
    return "\n".join([*parts, *further([one for one in found if one.trusted][len(drawn) :])])


@once
def _found(evidence: StudyEvidence) -> list[Found]:
    return fit_all(evidence)


def _drawn(evidence: StudyEvidence) -> list[Found]:
    return [one for one in _found(evidence) if one.trusted][:MAX_ROWS]


def _line(one: Found) -> dict[str, np.ndarray]:
    """Values along the best feature, slightly beyond its range."""
    assert one.trusted is not None
    trusted = one.trusted.best
    low, high = trusted.low[0], trusted.high[0]
    reach = BEYOND * (high - low)
    at = np.linspace(lower_limit(low, reach), high + reach, POSITIONS)
    check = trusted.check(at)
    bounds = {"expected error": check.expected, "upper bound": check.upper}
    return {"at": at, "inside": check.inside, **bounds}


def _row(label: str, curve: str, at: float, value: float) -> dict[str, object]:
    row = {"points": label, "curve": curve, "position": float(at), "value": float(value)}
    return {**row, "low": None, "high": None, "samples": None}


def _draw_errors(axes: Axes, one: Found) -> None:
    trusted, samples = one.trusted, one.samples
    assert trusted is not None and samples is not None
    along = trusted.best.features[0]
    feature = samples.feature(along.name)
    every = max(1, len(feature) // MAX_DOTS)
    axes.scatter(
        feature[::every], samples.errors[::every], s=5, color=SAMPLES, alpha=0.35, linewidths=0,
        rasterized=True,
    )  # fmt: skip
    line = _line(one)
    for name, colour in (("expected error", MEAN), ("upper bound", BOUND)):
        within = np.where(line["inside"], line[name], np.nan)
        beyond = np.where(line["inside"], np.nan, line[name])
        axes.plot(line["at"], within, color=colour, linewidth=1.8)
        axes.plot(line["at"], beyond, color=colour, linewidth=1.3, linestyle=(0, (3, 2)))
    if trusted.tolerance is not None:
        axes.axhline(trusted.tolerance, color=TRUSTED, linewidth=1.2, linestyle="--")
        for low, high in trusted.trusted().intervals:
            axes.axvspan(low, high, color=TRUSTED, alpha=0.15, linewidth=0)
    top = max(np.quantile(samples.errors, 0.995), np.nanmax(line["upper bound"]))
    axes.set_ylim(0, 1.05 * max(top, trusted.tolerance or 0))
    axes.set_xlim(line["at"][0], line["at"][-1])
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.set_xlabel(axis_label(along.name, along.unit))
    axes.set_ylabel(axis_label(trusted.statistic.title, trusted.statistic.unit))


def _draw_coverage(axes: Axes, one: Found) -> None:
    axes.set_xlabel("nominal [%]")
    axes.set_ylabel("observed [%]")
    if one.validation is None:
        _say(axes, "too few blocks\nto validate")
        return
    levels = 100 * np.array(one.validation.levels)
    observed = [(o.estimate, o.low, o.high) for o in one.validation.observed]
    estimate, low, high = 100 * np.array(observed).T
    axes.plot([0, 100], [0, 100], color=MUTED, linewidth=1)
    axes.errorbar(
        levels, estimate, yerr=error_bars(estimate, low, high), fmt="o", color=BOUND, capsize=2.5,
        markersize=4.5,
    )  # fmt: skip
    least = min(levels.min(), low.min())
    axes.set_xlim(least - 4, 101)
    axes.set_ylim(least - 4, 101)


def _draw_widths(axes: Axes, one: Found) -> None:
    trusted = one.trusted
    assert trusted is not None
    if one.validation is None:
        bounds = trusted.mean_bound, trusted.unconditional_bound
    else:
        bounds = one.validation.mean_bound, one.validation.unconditional
    labels = ["with", "without"]
    axes.bar(labels, bounds, color=[BOUND, SAMPLES], width=0.6, alpha=0.85)
    for position, bound in enumerate(bounds):
        axes.text(position, bound, number(bound), ha="center", va="bottom", fontsize=9)
    axes.set_ylim(0, 1.18 * max(bounds))
    axes.grid(axis="x", visible=False)
    axes.set_ylabel(axis_label("mean bound", trusted.statistic.unit))
    axes.set_xlabel("the feature")


def _legend(found: Sequence[Found]) -> list[Line2D]:
    trusted = found[0].trusted
    assert trusted is not None
    handles = [
        Line2D([], [], color=SAMPLES, marker="o", markersize=4, linewidth=0, label="samples"),
        Line2D([], [], color=MEAN, linewidth=1.8, label="expected error"),
        Line2D([], [], color=BOUND, linewidth=1.8, label=f"{100 * trusted.coverage:g} % bound"),
    ]
    if trusted.tolerance is not None:
        label = f"tolerance {trusted.tolerance:g} {trusted.statistic.unit}".rstrip()
        handles.append(Line2D([], [], color=TRUSTED, linestyle="--", label=label))
        handles.append(Line2D([], [], color=TRUSTED, linewidth=8, alpha=0.25, label="trusted"))
    return handles


def _say(axes: Axes, text: str) -> None:
    axes.text(0.5, 0.5, text, ha="center", va="center", transform=axes.transAxes, color=MUTED)
    axes.set_xticks([])
    axes.set_yticks([])


def _unit(quantity: Quantity) -> str:
    unit = quantity.unit or "no unit"
    return f"{unit} per {quantity.per}" if quantity.per else unit
