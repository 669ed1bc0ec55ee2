"""The trusted range: where the bound keeps the tolerance, how it ranks errors, where it holds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from textwrap import fill
from typing import Any

import numpy as np
import polars
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from saibench.analysis.trusted_range.conditional import CoverageIn
from saibench.analysis.trusted_range.config import trust_config
from saibench.analysis.trusted_range.in_short import short_sentences
from saibench.analysis.trusted_range.study_ranges import Found, fit_all, further, refusals
from saibench.analysis.trusted_range.tolerance import lower_limit
from saibench.analysis.trusted_range.trusted_range import TrustedRange
from saibench.analysis.trusted_range.use_sentences import (
    conditional_sentences,
    shift_sentence,
    usefulness_sentences,
)
from saibench.errors import UserError
from saibench.evidence.reader import StudyEvidence
from saibench.evidence.titles import titled
from saibench.figures.questions import TRUST
from saibench.figures.style import (
    INK,
    MUTED,
    PALETTE,
    axis_label,
    error_bars,
    panel_title,
    panels,
    quantity_label,
    styled,
)
from saibench.formatting import fixed, joined

title = "Trusted operating range"
paper = "Section 2.5"
question = TRUST

MAX_ROWS = 3
MAX_DOTS = 3000
POSITIONS = 201
BEYOND = 0.12
"""Extension of the bound beyond the fitted range, as a fraction of its width."""
MIN_KEPT = 0.05
"""Smallest share of kept samples that is drawn."""
NARROW = 30
"""Letters in a line of the label of a narrow panel."""
SAMPLES, MEAN, BOUND, TRUSTED, FAILS = MUTED, INK, PALETTE[0], PALETTE[2], PALETTE[1]


def needs(evidence: StudyEvidence) -> str | None:
    try:
        trust_config(evidence)
        found = fit_all(evidence)
    except UserError as error:
        return str(error)
    if any(one.trusted for one in found):
        return None
    return found[0].refused if found else "No run was tested."


def table(evidence: StudyEvidence) -> polars.DataFrame:
    """One row per (points, curve, position).

    `expected error` and `upper bound` are along the best feature. For `observed coverage` the
    position is the nominal coverage, for `coverage of a bin` the middle of a bin of the best
    feature, and for `kept error` and `ideal kept error` the share of kept samples.
    """
    rows: list[dict[str, object]] = []
    for one, trusted in _drawn(evidence):
        line = _line(trusted)
        inside = np.where(line["inside"], "", " beyond the data")
        for name in ("expected error", "upper bound"):
            for position, value, place in zip(line["at"], line[name], inside, strict=True):
                rows.append(_row(one.label, f"{name}{place}", position, value))
        rows += _validated_rows(one, trusted)
    return polars.DataFrame(rows, infer_schema_length=None)


@styled
def draw(evidence: StudyEvidence) -> Figure:
    drawn = _drawn(evidence)
    # whole ratios: the layout solver rounds others differently from one drawing to the next
    figure, axes = panels(len(drawn), 3, 0.7 + 3.1 * len(drawn), width_ratios=(4, 3, 3))
    letters = iter("abcdefghi")
    for (errors, kept, parts), (one, trusted) in zip(axes, drawn, strict=True):
        _draw_errors(errors, one, trusted, evidence)
        _draw_kept(kept, one)
        _draw_parts(parts, one, trusted, evidence)
        variant = one.label if len(drawn) > 1 else ""
        panel_title(errors, next(letters), "error and bound", variant)
        panel_title(kept, next(letters), "largest bounds rejected")
        panel_title(parts, next(letters), "coverage of the bound")
    figure.legend(handles=_legend(drawn), loc="outside lower center", ncols=5)
    return figure


def caption(evidence: StudyEvidence) -> str:
    found, drawn = fit_all(evidence), _drawn(evidence)
    _, trusted = drawn[0]
    statistic = trusted.statistic
    per = f" per {statistic.per}" if statistic.per else ""
    unit = f" [{statistic.unit}{per}]" if statistic.unit else ""
    alone = together = ""
    if len(trusted.chosen) > 1:
        names = joined([titled(name, evidence) for name in trusted.chosen])
        alone, together = " by it alone", f"; the other numbers are of the bound by {names}"
    parts = [
        f"Left: {titled(statistic.title, evidence)}{unit} of each sample against "
        f"{titled(trusted.best.features[0].title, evidence)}, with the bound{alone} for "
        f"{100 * trusted.coverage:g} % of new samples{together}. Middle and right, for samples "
        "held out of the fit: mean error if those of the largest bounds are rejected (area: 0 for "
        "a random order, 1 for the ideal one; AUROC for the worst tenth), and coverage by bin of "
        "the feature, with 95 % intervals from resampling blocks."
    ]
    for one, of_one in drawn:
        named = f"{one.label}: " if len(found) > 1 else ""
        parts.append(named + " ".join(_sentences(one, of_one, evidence)))
    parts += refusals(found)
    fitted = [one for one in found if one.trusted]
    return "\n".join([*parts, *further(fitted[len(drawn) :])])


def reading(evidence: StudyEvidence) -> str:
    """Where the first of the drawn runs can be trusted."""
    (first, _), *others = _drawn(evidence)
    answer, *_ = short_sentences(first, evidence, typed=False)
    return f"{first.label}: {answer}" if others else answer


def _sentences(one: Found, trusted: TrustedRange, evidence: StudyEvidence) -> list[str]:
    lines = short_sentences(one, evidence, typed=False)
    if one.validation is not None:
        lines += usefulness_sentences(one.validation.usefulness, trusted.statistic)[-1:]
        if one.validation.conditional.failing:
            lines += conditional_sentences(one.validation.conditional, evidence)
    return [*lines, *(shift_sentence(shift, trusted.coverage) for shift in one.shifts)]


def _drawn(evidence: StudyEvidence) -> list[tuple[Found, TrustedRange]]:
    fitted = [(one, one.trusted) for one in fit_all(evidence) if one.trusted is not None]
    return fitted[:MAX_ROWS]


def _line(trusted: TrustedRange) -> dict[str, np.ndarray]:
    """Values along the best feature, slightly beyond its range."""
    low, high = trusted.best.low[0], trusted.best.high[0]
    reach = BEYOND * (high - low)
    at = np.linspace(lower_limit(low, reach), high + reach, POSITIONS)
    check = trusted.best.check(at)
    bounds = {"expected error": check.expected, "upper bound": check.upper}
    return {"at": at, "inside": check.inside, **bounds}


def _bins(one: Found, trusted: TrustedRange) -> list[CoverageIn]:
    """The bins of the best feature."""
    name = trusted.best.features[0].name
    bins = [] if one.validation is None else one.validation.conditional.bins
    return [part for part in bins if part.name == name]


def _row(
    label: str,
    curve: str,
    at: float,
    value: float,
    low: float | None = None,
    high: float | None = None,
    samples: int | None = None,
) -> dict[str, object]:
    row = {"points": label, "curve": curve, "position": float(at), "value": float(value)}
    return {**row, "low": low, "high": high, "samples": samples}


def _validated_rows(one: Found, trusted: TrustedRange) -> Iterator[dict[str, object]]:
    validation = one.validation
    if validation is None:
        return
    observed = zip(validation.levels, validation.observed, strict=True)
    at = [("observed coverage", level, interval) for level, interval in observed]
    at += [
        ("coverage of a bin", (part.low + part.high) / 2, part.coverage)
        for part in _bins(one, trusted)
    ]
    for curve, position, found in at:
        yield _row(one.label, curve, position, found.estimate, found.low, found.high, found.count)
    curve_of = validation.usefulness.risk_coverage
    for name, risk in (("kept error", curve_of.risk), ("ideal kept error", curve_of.ideal)):
        for kept, value in zip(curve_of.kept, risk, strict=True):
            yield _row(one.label, name, kept, value)


def _draw_errors(axes: Axes, one: Found, trusted: TrustedRange, evidence: StudyEvidence) -> None:
    """Samples, of which those are coloured that all features together declare trusted."""
    samples = one.samples
    assert samples is not None
    feature = samples.feature(trusted.best.features[0].name)
    declared = np.zeros(len(feature), dtype=bool)
    if trusted.tolerance is not None:
        check = trusted.check(samples.features)
        declared = check.inside & (check.upper <= trusted.tolerance)
    every = slice(None, None, max(1, len(feature) // MAX_DOTS))
    for mask, colour, alpha in ((~declared, SAMPLES, 0.35), (declared, TRUSTED, 0.55)):
        axes.scatter(
            feature[every][mask[every]], samples.errors[every][mask[every]], s=5, color=colour,
            alpha=alpha, linewidths=0, rasterized=True,
        )  # fmt: skip
    line = _line(trusted)
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
    top = max(np.quantile(samples.errors, 0.995), np.nanmax(line["upper bound"]))
    axes.set_ylim(0, 1.15 * max(top, trusted.tolerance or 0))
    axes.set_xlim(line["at"][0], line["at"][-1])
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.set_xlabel(quantity_label(trusted.best.features[0], evidence))
    axes.set_ylabel(quantity_label(trusted.statistic, evidence))


def _draw_kept(axes: Axes, one: Found) -> None:
    """The risk–coverage curve."""
    axes.set_xlabel("kept samples [%]")
    if one.validation is None:
        _say(axes, "too few blocks\nto validate")
        return
    usefulness = one.validation.usefulness
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
    assert one.trusted is not None
    statistic = one.trusted.statistic
    axes.set_ylabel(axis_label("their mean error", statistic.unit))


def _draw_parts(axes: Axes, one: Found, trusted: TrustedRange, evidence: StudyEvidence) -> None:
    """Coverage by bin of the best feature; all samples as a band."""
    axes.set_xlabel(fill(quantity_label(trusted.best.features[0], evidence), NARROW))
    axes.set_ylabel("samples below the bound [%]")
    if one.validation is None:
        _say(axes, "too few blocks\nto validate")
        return
    validation = one.validation
    overall = validation.at_coverage
    axes.axhspan(100 * overall.low, 100 * overall.high, color=BOUND, alpha=0.13, linewidth=0)
    axes.axhline(100 * trusted.coverage, color=INK, linewidth=1.2)
    lowest = overall.low
    for part in _bins(one, trusted):
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


def _legend(drawn: Sequence[tuple[Found, TrustedRange]]) -> list[Line2D]:
    _, trusted = drawn[0]
    nominal = f"{100 * trusted.coverage:g} %"
    dots: Any = {"marker": "o", "markersize": 4, "linewidth": 0}
    handles = [
        Line2D([], [], color=SAMPLES, label="samples", **dots),
        Line2D([], [], color=MEAN, linewidth=1.8, label="expected error"),
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
    if any(part.fails for one, of_one in drawn for part in _bins(one, of_one)):
        fails: Any = {"marker": "s", "markersize": 5, "linewidth": 0}
        handles.append(Line2D([], [], color=FAILS, label="coverage too low", **fails))
    return handles


def _say(axes: Axes, text: str) -> None:
    axes.text(0.5, 0.5, text, ha="center", va="center", transform=axes.transAxes, color=MUTED)
    axes.set_xticks([])
    axes.set_yticks([])
