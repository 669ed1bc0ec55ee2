"""The share of an error that each feature explains, and that each component contributes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from saibench.analysis.answers.drivers import drivers_of, drivers_sentence
from saibench.analysis.bootstrap import Interval
from saibench.analysis.tracing import sentences, tables
from saibench.analysis.tracing.comparisons import tested_in
from saibench.analysis.tracing.in_words import in_words
from saibench.analysis.tracing.records import Association, Component, ResponseTrace
from saibench.analysis.tracing.study_traces import study_traces
from saibench.errors import UserError
from saibench.evidence.reader import StudyEvidence
from saibench.evidence.titles import titled
from saibench.figures.questions import DRIVERS
from saibench.figures.style import INK, MUTED, PALETTE, error_bars, panel_title, panels, styled
from saibench.formatting import are, counted, joined

title = "Where errors come from"
paper = "Section 2.5"
question = DRIVERS

MAX_ROWS = 4
MAX_BARS = 9
RHO = 0.27
"""Space for ρ next to the bars, as a fraction of the axis."""
SIGNIFICANT, OTHER, SIZE = PALETTE[0], "#c9d6df", PALETTE[4]
Traced = tuple[str, ResponseTrace]


def needs(evidence: StudyEvidence) -> str | None:
    try:
        found = study_traces(evidence)
    except UserError as error:
        return str(error)
    if any(trace.responses for trace in found.traces):
        return None
    return next(reason for trace in found.traces for reason in trace.refused)


def table(evidence: StudyEvidence) -> polars.DataFrame:
    """One row per number (shares, correlations, components, stretches), with p and q."""
    return tables.table(study_traces(evidence).traces)


@styled
def draw(evidence: StudyEvidence) -> Figure:
    level, rows = study_traces(evidence).config.level, _rows(evidence)
    heights = [
        max(2, len(trace.associations), min(MAX_BARS, len(trace.components))) for _, trace in rows
    ]
    # whole ratios: the layout solver rounds others differently from one drawing to the next
    figure, axes = panels(
        len(rows), 2, 0.7 + sum(0.9 + 0.27 * count for count in heights), width_ratios=(3, 2),
        height_ratios=[3 + count for count in heights],
    )  # fmt: skip
    letters = iter("abcdefgh")
    for (left, right), (label, trace) in zip(axes, rows, strict=True):
        names = [
            titled(one.feature.name, evidence) + " (model)" * one.of_model
            for one in trace.associations
        ]
        _draw_features(left, trace.associations, names, level)
        _draw_components(right, trace.components, level, evidence)
        several = len({name for name, _ in rows}) > 1
        response = titled(trace.response.name, evidence)
        panel_title(left, next(letters), f"{response} by feature", label * several)
        panel_title(right, next(letters), "by component", " " if several else "")
    legend = [
        Patch(color=SIGNIFICANT, label="significant"),
        Patch(color=OTHER, label="not significant"),
        Line2D([], [], color=SIZE, marker="|", markersize=11, markeredgewidth=2.2, linestyle="",
               label="share if all had the same error"),
    ]  # fmt: skip
    figure.legend(handles=legend, loc="outside lower center", ncols=3)
    return figure


def reading(evidence: StudyEvidence) -> str:
    """The largest contributors to the error in the first row."""
    label, trace = _rows(evidence)[0]
    run = label if len(evidence.metrics) > 1 else ""
    numbers = drivers_of(trace, study_traces(evidence).config.level, run)
    return drivers_sentence(numbers, evidence)


def caption(evidence: StudyEvidence) -> str:
    found = study_traces(evidence)
    rows = _rows(evidence)
    traced = [trace for _, trace in rows]
    num_tests = sum(one.q == one.q for one in tested_in(found.traces))
    parts = [
        "Left: share of the variation of the error's rank that each feature explains (Shapley "
        "value of R², in held-out blocks), with Spearman's ρ; the share of a feature without "
        "predictive power can be below 0. That of a feature of the model is beyond those of the "
        "data. Right: share of the summed error that each component "
        "contributes, and its share of what errors are averaged over. 95 % intervals from "
        f"resampling blocks, over {_counts(traced)}. Significant: at a false discovery rate of "
        f"{100 * found.config.level:g} % per run, over {num_tests} comparisons in "
        "all."
    ]
    parts += [
        f"{label}: {sentences.together_sentence(in_words(trace, evidence))}"
        for label, trace in rows
        if trace.together
    ]
    parts += dict.fromkeys(note for trace in traced for note in trace.notes)
    drawn = sum(len(trace.responses) for trace in found.traces)
    omitted, runs = drawn - len(rows), found.num_omitted
    names = [f"{counted(omitted, 'further error')} of these runs"] if omitted else []
    names += [counted(runs, "further run")] if runs else []
    if names:
        verb = are(omitted + runs)
        parts.append(f"{joined(names)} {verb} not drawn (`python -m saibench trace` prints all).")
    return "\n".join(parts)


def _rows(evidence: StudyEvidence) -> list[Traced]:
    """The first response of each run, then the others."""
    traces = study_traces(evidence).traces
    most = max(len(trace.responses) for trace in traces)
    rows = [
        (trace.label, trace.responses[number])
        for number in range(most)
        for trace in traces
        if number < len(trace.responses)
    ]
    return rows[:MAX_ROWS]


def _draw_features(
    axes: Axes, associations: Sequence[Association], names: Sequence[str], level: float
) -> None:
    significant = sentences.significant(associations, level)
    values = _draw_bars(
        axes,
        [one.share for one in associations],
        names,
        [one in significant for one in associations],
    )
    left, right = min(0.0, *values.flat), max(1.0, *values.flat)
    width = right - left
    for at, one in enumerate(associations):
        rho = f"ρ {one.rho.interval.estimate:+.2f}".replace("-", "−")
        axes.text(right + RHO * width, at, rho, va="center", ha="right", fontsize=8.5, color=INK)
    axes.set_xlim(left - 0.03 * width, right + (RHO + 0.01) * width)
    axes.axvline(0, color=MUTED, linewidth=0.8)
    axes.set_xlabel("explained variation [%]")


def _draw_components(
    axes: Axes, components: Sequence[Component], level: float, evidence: StudyEvidence
) -> None:
    if not components:
        axes.axis("off")
        axes.text(0, 0.5, "no components", color=MUTED, transform=axes.transAxes)
        return
    drawn = components
    if len(components) > MAX_BARS:
        drawn = sorted(components, key=lambda one: -one.share.estimate)[:MAX_BARS]
    values = _draw_bars(
        axes,
        [one.share for one in drawn],
        [f"{titled(one.of, evidence)} {one.name}" for one in drawn],
        [one.relative.is_significant(level) for one in drawn],
    )
    sizes = [100 * one.size for one in drawn]
    axes.plot(
        sizes, range(len(drawn)), linestyle="", marker="|", markersize=11, markeredgewidth=2.2,
        color=SIZE,
    )  # fmt: skip
    ends = [end for end in (*values.flat, *sizes) if end > 0]
    axes.set_xlim(0, 1.08 * max(ends, default=1.0))  # shares are undefined without any error
    axes.set_xlabel("share of the error [%]")


def _draw_bars(
    axes: Axes, shares: Sequence[Interval], names: Sequence[str], significant: Sequence[bool]
) -> np.ndarray:
    """Draw shares as horizontal bars; returns `(3, bars)` estimates and bounds in percent."""
    values = 100 * np.array([(one.estimate, one.low, one.high) for one in shares]).T
    axes.barh(
        range(len(names)), values[0], xerr=error_bars(*values), height=0.68, ecolor=INK,
        color=[SIGNIFICANT if sure else OTHER for sure in significant],
        error_kw={"linewidth": 1.1, "capsize": 2},
    )  # fmt: skip
    axes.set_yticks(range(len(names)), names)
    axes.grid(axis="y", visible=False)
    axes.invert_yaxis()
    return values


def _counts(traced: Sequence[ResponseTrace]) -> str:
    counts = [trace.mean.count for trace in traced]
    blocks = [trace.mean.num_blocks for trace in traced]
    return f"{_span(counts)} samples in {_span(blocks)} blocks"


def _span(counts: Sequence[int]) -> str:
    """`964`, or `68 to 95`."""
    return " to ".join(f"{count:,}" for count in sorted({min(counts), max(counts)}))
