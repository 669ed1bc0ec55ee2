"""The error by training set size, the fitted law, and the data needed to reach a target."""

from __future__ import annotations

import matplotlib.ticker
import numpy as np
import polars
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from saibench.analysis.learning_curve import sentences
from saibench.analysis.learning_curve.data_needed import ANSWERED, REACH, DataNeeded
from saibench.analysis.learning_curve.laws import LAWS
from saibench.analysis.learning_curve.study_laws import FittedCurve, fitted_curves, summary
from saibench.errors import UserError
from saibench.evidence.reader import StudyEvidence
from saibench.figures.captions import first_of
from saibench.figures.questions import BEST
from saibench.figures.style import INK, MUTED, PALETTE, error_bars, panel_title, panels, styled

title = "Learning curve and its law"
paper = "Section 2.5"
question = BEST

MAX_ROWS = 3
POSITIONS = 81
AHEAD = 4.0
"""The law is drawn at least up to this multiple of the largest size."""
FARTHEST = 3.0
"""Ratio up to which an interval sets the limits of its panel."""
OBSERVED, LAW, TARGET = INK, PALETTE[0], PALETTE[2]
OTHERS = dict(zip((law.name for law in LAWS), (PALETTE[4], PALETTE[5], PALETTE[3], PALETTE[1]),
                  strict=True))  # fmt: skip


def needs(evidence: StudyEvidence) -> str | None:
    try:
        found = fitted_curves(evidence)
    except UserError as error:
        return str(error)
    if any(one.law for one in found):
        return None
    few = "No two runs differ in their training set size alone."
    return found[0].refused if found else few


def table(evidence: StudyEvidence) -> polars.DataFrame:
    """One row per (variant, curve, training set size): error with its interval."""
    rows = []
    for one in _drawn(evidence):
        law, label = one.law, one.curve.label
        assert law is not None
        for size, observed in zip(one.curve.sizes, one.curve.intervals(), strict=True):
            bounds = observed.low, observed.high
            rows.append(_row(label, "seen", size, observed.estimate, *bounds))
        for size in _ahead(one):
            at = law.at(size)
            rows.append(_row(label, law.law.name, size, at.estimate, at.low, at.high))
        for withheld in one.check.predictions if one.check else ():
            at = withheld.expected
            rows.append(_row(label, "predicted", withheld.size, at.estimate, at.low, at.high))
        if one.needed is not None and one.needed.verdict == ANSWERED:
            size = one.needed.size
            for name, value in (("", size.estimate), (", low", size.low), (", high", size.high)):
                rows.append(_row(label, f"needed for the target{name}", value, one.needed.error))
    return polars.DataFrame(rows, infer_schema_length=None)


@styled
def draw(evidence: StudyEvidence) -> Figure:
    found = _drawn(evidence)
    figure, axes = panels(len(found), 2, 0.6 + 3.3 * len(found), width_ratios=(2, 1))
    letters = iter("abcdef")
    for (errors, ratios), one in zip(axes, found, strict=True):
        _draw_errors(errors, one)
        _draw_ratios(ratios, one)
        panel_title(errors, next(letters), "error and its law", one.curve.label)
        panel_title(ratios, next(letters), "withheld sizes")
    figure.legend(handles=_legend(found), loc="outside lower center", ncols=5)
    return figure


def reading(evidence: StudyEvidence) -> str:
    """The law of the first curve."""
    return summary(_drawn(evidence)[0])[0]


def caption(evidence: StudyEvidence) -> str:
    found = fitted_curves(evidence)
    with_law = [one for one in found if one.law]
    first = with_law[0].curve
    parts = [
        f"Left: {sentences.error_name(first)}"
        f"{f', {first.statistic.describe}' if first.statistic.describe else ''}, mean over "
        f"{len(first.values):,} samples of {first.partition}, against the number of samples "
        "trained on; error bars: 95 % intervals from resampling blocks of the test, including the "
        "variance between seeds if there are several; open dots: single seeds. The law that "
        "predicts the largest sizes best from the smaller ones, with its 95 % band over blocks, "
        "seeds and laws; dashed: extrapolation. Right: errors at the largest sizes over their "
        "predictions by each law from the smaller sizes; with an interval, the law that was chosen "
        "without them."
    ]
    for one in with_law[:MAX_ROWS]:
        named = [f"{one.label}:"] if len(found) > 1 else []
        parts.append(" ".join([*named, *summary(one)]))
    parts += [f"{one.label}: no law. {one.refused}" for one in found if one.refused]
    parts += filter(None, [first_of(MAX_ROWS, len(with_law)).strip()])
    return "\n".join(parts)


def _drawn(evidence: StudyEvidence) -> list[FittedCurve]:
    return [one for one in fitted_curves(evidence) if one.law][:MAX_ROWS]


def _row(
    label: str, curve: str, size: float, error: float, low: float | None = None,
    high: float | None = None,
) -> dict[str, object]:  # fmt: skip
    row = {"variant": label, "curve": curve, "train_count": float(size), "error": float(error)}
    return {**row, "low": low, "high": high}


def _ahead(one: FittedCurve) -> np.ndarray:
    """Sizes at which the law is drawn: beyond the data, and beyond the size that is needed."""
    sizes = one.curve.sizes
    farthest = AHEAD * sizes[-1]
    if one.needed is not None and one.needed.verdict == ANSWERED:
        bound = one.needed.size.high if one.needed.is_bounded else one.needed.size.estimate
        farthest = max(farthest, min(1.3 * bound, REACH * sizes[-1]))
    return np.geomspace(0.9 * sizes[0], farthest, POSITIONS)


def _draw_errors(axes: Axes, one: FittedCurve) -> None:
    curve, law = one.curve, one.law
    assert law is not None
    sizes = _ahead(one)
    estimate, low, high = np.array(
        [(at.estimate, at.low, at.high) for at in (law.at(size) for size in sizes)]
    ).T
    inside = sizes <= curve.sizes[-1]
    axes.fill_between(sizes, np.maximum(low, 0), high, color=LAW, alpha=0.15, linewidth=0)
    axes.plot(sizes[inside], estimate[inside], color=LAW, linewidth=1.8)
    axes.plot(sizes[~inside], estimate[~inside], color=LAW, linewidth=1.5, linestyle=(0, (3, 2)))
    values, bottom, top = np.array([(o.estimate, o.low, o.high) for o in curve.intervals()]).T
    axes.errorbar(
        curve.sizes, values, yerr=error_bars(values, bottom, top), fmt="o", color=OBSERVED,
        capsize=3, markersize=5, zorder=3,
    )  # fmt: skip
    for size, of_size in zip(curve.sizes, curve.trainings, strict=True):
        if len(of_size) > 1:
            x = np.full(len(of_size), 1.04 * size)
            axes.scatter(x, of_size, s=13, facecolors="none", edgecolors=OBSERVED, zorder=3)
    error = None if one.needed is None else one.needed.error
    if error is not None and one.needed is not None:
        axes.axhline(error, color=TARGET, linewidth=1.2, linestyle="--")
        if one.needed.verdict == ANSWERED:
            _draw_needed(axes, one.needed, error, sizes[-1])
    bounds = [*np.maximum(low, 0), *high[inside], *top, *([] if error is None else [error])]
    axes.set_ylim(0, 1.08 * max(bounds))
    axes.set_xlim(sizes[0] * 0.9, sizes[-1])
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(matplotlib.ticker.LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(matplotlib.ticker.FuncFormatter(lambda x, _: f"{x:,.0f}"))
    axes.xaxis.set_minor_locator(matplotlib.ticker.NullLocator())
    axes.set_xlabel("samples trained on (log scale)")
    axes.set_ylabel(sentences.error_name(curve))


def _draw_needed(axes: Axes, needed: DataNeeded, error: float, farthest: float) -> None:
    high = min(needed.size.high, farthest)
    axes.plot([needed.size.low, high], [error, error], color=TARGET, linewidth=5, alpha=0.45,
              solid_capstyle="butt")  # fmt: skip
    axes.scatter([needed.size.estimate], [error], color=TARGET, marker="D", s=32, zorder=4)


def _draw_ratios(axes: Axes, one: FittedCurve) -> None:
    """Observed over predicted errors at the withheld sizes, by law."""
    law = one.law
    assert law is not None
    axes.axvline(1, color=MUTED, linewidth=1)
    names = [other.name for other in LAWS if np.isfinite(law.misses[other.name])]
    for position, name in enumerate(names):
        of_law = law.ratios[name]
        spread = np.linspace(-0.12, 0.12, len(of_law)) if len(of_law) > 1 else np.zeros(1)
        axes.scatter(of_law, position + spread, s=26, color=OTHERS[name], zorder=3)
    labels = [f"{name} ←" if name == law.law.name else name for name in names]
    if one.check is not None:
        labels.append("check")
        predictions = one.check.predictions
        offsets = np.linspace(-0.15, 0.15, len(predictions)) if len(predictions) > 1 else [0.0]
        for offset, predicted in zip(offsets, predictions, strict=True):
            ratio = predicted.ratio
            axes.errorbar(
                [ratio.estimate], [len(names) + offset], color=LAW, fmt="s", markersize=4.5,
                xerr=error_bars([ratio.estimate], [ratio.low], [ratio.high]), capsize=2.5,
            )  # fmt: skip
    known = [*(ratio for name in names for ratio in law.ratios[name] if np.isfinite(ratio))]
    for predicted in one.check.predictions if one.check else ():
        known += [max(predicted.ratio.low, 1 / FARTHEST), min(predicted.ratio.high, FARTHEST)]
    margin = 0.08 * (max(*known, 1) - min(*known, 1))
    axes.set_xlim(min(*known, 1) - margin, max(*known, 1) + margin)
    axes.set_yticks(range(len(labels)), labels)
    axes.set_ylim(len(labels) - 0.4, -0.6)
    axes.grid(axis="y", visible=False)
    axes.set_xlabel("observed / predicted")


def _legend(found: list[FittedCurve]) -> list[Line2D | Patch]:
    handles: list[Line2D | Patch] = [
        Line2D([], [], color=OBSERVED, marker="o", linewidth=0, label="observed"),
        Line2D([], [], color=LAW, linewidth=1.8, label="law"),
        Patch(color=LAW, alpha=0.15, label="95 % band"),
    ]
    if any(one.needed is not None for one in found):
        handles.append(Line2D([], [], color=TARGET, linestyle="--", label="target"))
    if any(one.needed is not None and one.needed.verdict == ANSWERED for one in found):
        handles.append(
            Line2D([], [], color=TARGET, marker="D", linewidth=5, alpha=0.6, label="samples needed")
        )
    return handles
