"""Where an error comes from: shares of features, and of components beside their size."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from saibench.analysis.tracing import sentences, tables
from saibench.analysis.tracing.comparisons import tested_in
from saibench.analysis.tracing.records import Association, Component, ResponseTrace
from saibench.analysis.tracing.study_traces import study_traces
from saibench.errors import UserError
from saibench.evidence.reader import StudyEvidence
from saibench.figures.style import INK, MUTED, PALETTE, error_bars, panel_title, panels, styled

title = "Where errors come from"
paper = "Section 2.5"

MAX_ROWS = 4
MAX_BARS = 9
RHO = 0.27
"""Room for ρ beside the bars, as a share of their axis."""
SURE, OPEN, SIZE = PALETTE[0], "#c9d6df", PALETTE[4]
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
    """One row a number: shares, correlations, components, stretches; p and q."""
    return tables.table(study_traces(evidence).traces)


@styled
def draw(evidence: StudyEvidence) -> Figure:
    level, rows = study_traces(evidence).config.level, _rows(evidence)
    heights = [max(2, len(trace.associations), _bars(trace.components)) for _, trace in rows]
    # whole ratios: the layout solver rounds others differently from one drawing to the next
    figure, axes = panels(
        len(rows), 2, 0.7 + sum(0.9 + 0.27 * count for count in heights), width_ratios=(3, 2),
        height_ratios=[3 + count for count in heights],
    )  # fmt: skip
    letters = iter("abcdefgh")
    for (left, right), (label, trace) in zip(axes, rows, strict=True):
        _draw_features(left, trace.associations, level)
        _draw_components(right, trace.components, level)
        several = len({name for name, _ in rows}) > 1
        panel_title(left, next(letters), f"{trace.response.name} by feature", label * several)
        panel_title(right, next(letters), "by component", " " if several else "")
    legend = [
        Patch(color=SURE, label="beyond doubt"),
        Patch(color=OPEN, label="not beyond doubt"),
        Line2D([], [], color=SIZE, marker="|", markersize=11, markeredgewidth=2.2, linestyle="",
               label="share if all erred alike"),
    ]  # fmt: skip
    figure.legend(handles=legend, loc="outside lower center", ncols=3)
    return figure


def caption(evidence: StudyEvidence) -> str:
    found = study_traces(evidence)
    rows = _rows(evidence)
    traced = [trace for _, trace in rows]
    parts = [
        "Left: share of the variation of the error's rank that each feature explains (Shapley "
        "value of R², predicted in blocks that were not fitted), with Spearman's ρ; a share may "
        "be below 0 where a feature predicts nothing. Right: share of the summed error that each "
        "component carries, beside its share of what errors are averaged over. 95 % intervals "
        f"from resampling blocks, over {_counts(traced)}. Beyond doubt: at a false discovery rate "
        f"of {100 * found.config.level:g} % by point, over {_num_tests(found.traces)} comparisons "
        "in all."
    ]
    told = [
        f"{label}: {sentences.together_sentence(trace)}" for label, trace in rows if trace.together
    ]
    parts += told
    parts += dict.fromkeys(note for trace in traced for note in trace.notes)
    drawn = sum(len(trace.responses) for trace in found.traces)
    if drawn > len(rows) or found.num_omitted:
        parts.append(
            f"{drawn - len(rows)} further errors of these runs and {found.num_omitted} further "
            "runs are not drawn (`python -m saibench trace` prints all)."
        )
    return "\n".join(parts)


def _rows(evidence: StudyEvidence) -> list[Traced]:
    """The first response of each point, then the others."""
    traces = study_traces(evidence).traces
    most = max(len(trace.responses) for trace in traces)
    rows = [
        (trace.label, trace.responses[number])
        for number in range(most)
        for trace in traces
        if number < len(trace.responses)
    ]
    return rows[:MAX_ROWS]


def _draw_features(axes: Axes, associations: Sequence[Association], level: float) -> None:
    place = np.arange(len(associations))
    shares = [100 * one.share.estimate for one in associations]
    low, high = ([100 * getattr(one.share, end) for one in associations] for end in ("low", "high"))
    held = sentences.significant(associations, level)
    axes.barh(
        place, shares, xerr=error_bars(shares, low, high), height=0.68, ecolor=INK,
        color=[SURE if one in held else OPEN for one in associations],
        error_kw={"linewidth": 1.1, "capsize": 2},
    )  # fmt: skip
    right = max(1.0, *high, *shares)
    left = min(0.0, *low)
    width = right - left
    for at, one in zip(place, associations, strict=True):
        rho = f"ρ {one.rho.interval.estimate:+.2f}".replace("-", "−")
        end = right + RHO * width
        axes.text(end, float(at), rho, va="center", ha="right", fontsize=8.5, color=INK)
    axes.set_xlim(left - 0.03 * width, right + (RHO + 0.01) * width)
    axes.set_yticks(place, [one.feature.name for one in associations])
    axes.axvline(0, color=MUTED, linewidth=0.8)
    axes.grid(axis="y", visible=False)
    axes.invert_yaxis()
    axes.set_xlabel("explained variation [%]")


def _bars(components: Sequence[Component]) -> int:
    return min(MAX_BARS, len(components))


def _draw_components(axes: Axes, components: Sequence[Component], level: float) -> None:
    if not components:
        axes.axis("off")
        axes.text(0, 0.5, "no components", color=MUTED, transform=axes.transAxes)
        return
    shown = components
    if len(components) > MAX_BARS:
        shown = sorted(components, key=lambda one: -one.share.estimate)[:MAX_BARS]
    place = np.arange(len(shown))
    shares = [100 * one.share.estimate for one in shown]
    low, high = ([100 * getattr(one.share, end) for one in shown] for end in ("low", "high"))
    colours = [SURE if one.relative.is_significant(level) else OPEN for one in shown]
    axes.barh(
        place, shares, xerr=error_bars(shares, low, high), height=0.68, ecolor=INK, color=colours,
        error_kw={"linewidth": 1.1, "capsize": 2},
    )  # fmt: skip
    axes.plot(
        [100 * one.size for one in shown], place, linestyle="", marker="|", markersize=11,
        markeredgewidth=2.2, color=SIZE,
    )  # fmt: skip
    axes.set_yticks(place, [f"{one.of} {one.name}" for one in shown])
    ends = [end for end in (*high, *shares, *(100 * one.size for one in shown)) if end > 0]
    axes.set_xlim(0, 1.08 * max(ends, default=1.0))  # where there is no error, no share is defined
    axes.grid(axis="y", visible=False)
    axes.invert_yaxis()
    axes.set_xlabel("share of the error [%]")


def _counts(traced: Sequence[ResponseTrace]) -> str:
    counts = [trace.mean.count for trace in traced]
    blocks = [trace.mean.num_blocks for trace in traced]
    return f"{_span(counts)} samples in {_span(blocks)} blocks"


def _span(counts: Sequence[int]) -> str:
    """`964`, or `68 to 95`."""
    return " to ".join(f"{count:,}" for count in sorted({min(counts), max(counts)}))


def _num_tests(traces: object) -> int:
    return sum(one.q == one.q for one in tested_in(traces))
