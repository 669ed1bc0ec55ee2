"""The signed error over the test, and the biased stretches between its change points."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from saibench.analysis.tracing import sentences
from saibench.analysis.tracing.bias import signed_errors
from saibench.analysis.tracing.in_words import in_words
from saibench.analysis.tracing.records import BiasTrace, PointTrace
from saibench.analysis.tracing.study_traces import study_traces
from saibench.errors import UserError
from saibench.evidence.reader import StudyEvidence
from saibench.evidence.titles import titled
from saibench.figures.questions import DRIVERS
from saibench.figures.style import (
    INK,
    MUTED,
    PALETTE,
    axis_label,
    panel_title,
    panels,
    quantity_label,
    styled,
)
from saibench.formatting import are, counted

title = "Stretches of biased errors"
paper = "Figure 5"
question = DRIVERS

MAX_PANELS = 4
SERIES, MEAN, BELOW, ABOVE = MUTED, INK, PALETTE[0], PALETTE[1]


def needs(evidence: StudyEvidence) -> str | None:
    try:
        found = study_traces(evidence)
    except UserError as error:
        return str(error)
    if any(trace.bias for trace in found.traces):
        return None
    if found.config.bias is None:
        return "The workload names no signed error under workload.trace."
    return next(reason for trace in found.traces for reason in trace.refused)


def table(evidence: StudyEvidence) -> polars.DataFrame:
    """One row per (points, stretch): its bounds, signed mean, p and q, and share of the error."""
    rows: list[dict[str, object]] = []
    level = study_traces(evidence).config.level
    for trace in _drawn(evidence):
        bias = trace.bias
        assert bias is not None
        biased = bias.biased(level)
        stretches: list[tuple[Any, ...]] = [
            (one.low, one.high, one in biased, one.mean, one.change, one.share_of_error.estimate)
            for one in bias.stretches
        ]
        whole = (None, None, False, bias.mean, bias.first, 1.0)
        rows += [
            {"points": trace.label, "from": start, "to": end, "biased": is_biased}
            | {"mean": mean.estimate, "low": mean.low, "high": mean.high, "samples": mean.count}
            | {"p": test.p, "q": test.q, "share of error": share}
            for start, end, is_biased, mean, test, share in stretches or [whole]
        ]
    return polars.DataFrame(rows, infer_schema_length=None)


@styled
def draw(evidence: StudyEvidence) -> Figure:
    traces = _drawn(evidence)
    level = study_traces(evidence).config.level
    figure, axes = panels(len(traces), 1, 0.9 + 2.2 * len(traces), sharex=True)
    for letter, trace, panel in zip("abcd", traces, axes[:, 0], strict=False):
        assert trace.bias is not None
        _draw_bias(panel, evidence, trace, trace.bias, level)
        statistic = trace.bias.statistic
        name = titled(statistic.name, evidence)
        panel.set_ylabel(_in_lines(axis_label(name, statistic.unit)))
        panel_title(panel, letter, trace.label if len(traces) > 1 else name)
    along = traces[0].bias.along if traces[0].bias else None
    assert along is not None
    axes[-1, 0].set_xlabel(quantity_label(along, evidence))
    legend = [
        Line2D([], [], color=MEAN, linewidth=1.6, label="mean between change points, 95 %"),
        Patch(color=BELOW, alpha=0.22, label="negative bias"),
        Patch(color=ABOVE, alpha=0.22, label="positive bias"),
    ]
    figure.legend(handles=legend, loc="outside lower center", ncols=3)
    return figure


def reading(evidence: StudyEvidence) -> str:
    """Whether the error of the first run is biased."""
    return _sentences(_drawn(evidence), evidence)[0][0]


def caption(evidence: StudyEvidence) -> str:
    found, traces = study_traces(evidence), _drawn(evidence)
    first = traces[0].bias
    assert first is not None
    statistic = axis_label(first.statistic.describe or first.statistic.name, first.statistic.unit)
    parts = [
        f"{statistic} in order of {titled(first.along.name, evidence)}, "
        f"{first.mean.count:,} samples of {traces[0].partition}. Change points of the mean: "
        "circular binary segmentation in units of the local spread, tested against series of "
        "permuted blocks of neighbours, at a false discovery rate of "
        f"{100 * found.config.level:g} % over all comparisons of a run. Shaded: stretches whose "
        "mean is significantly above 0 and above the rest, or below both."
    ]
    parts += [" ".join(of_run) for of_run in _sentences(traces, evidence)]
    if found.num_omitted:
        omitted = counted(found.num_omitted, "further run")
        parts.append(f"{omitted} {are(found.num_omitted)} not drawn.")
    return "\n".join(parts)


def _sentences(traces: list[PointTrace], evidence: StudyEvidence) -> list[list[str]]:
    """Of each run, beginning with its name if there are several."""
    level, found = study_traces(evidence).config.level, []
    for trace in traces:
        assert trace.bias is not None
        first, *others = sentences.bias_sentences(in_words(trace.bias, evidence), level)
        found.append([f"{trace.label}: {first}" if len(traces) > 1 else first, *others])
    return found


def _drawn(evidence: StudyEvidence) -> list[PointTrace]:
    return [trace for trace in study_traces(evidence).traces if trace.bias][:MAX_PANELS]


def _draw_bias(
    axes: Axes, evidence: StudyEvidence, trace: PointTrace, bias: BiasTrace, level: float
) -> None:
    position, values = signed_errors(
        evidence, trace.point, trace.partition, bias.statistic.name, bias.along.name
    )
    ordered = bias.along.name in evidence.order_columns
    style = {"linewidth": 0.8} if ordered else {"linestyle": "", "marker": "o", "markersize": 2.5}
    axes.plot(position, values, color=SERIES, alpha=0.8, rasterized=len(values) > 5000, **style)
    axes.axhline(0, color=INK, linewidth=0.8)
    significant = bias.first.is_significant(level)
    spans = [(one.low, one.high, one.mean) for one in bias.stretches] if significant else []
    for low, high, mean in spans or [(position[0], position[-1], bias.mean)]:
        axes.plot([low, high], [mean.estimate] * 2, color=MEAN, linewidth=1.6)
        axes.fill_between([low, high], mean.low, mean.high, color=MEAN, alpha=0.18, linewidth=0)
    for one in bias.biased(level) if significant else []:
        colour = BELOW if one.mean.estimate < 0 else ABOVE
        axes.axvspan(one.low, one.high, color=colour, alpha=0.22, linewidth=0)
    low, high = np.quantile(values, [0.001, 0.999])
    margin = 0.08 * (high - low) or 1.0
    axes.set_ylim(low - margin, high + margin)
    axes.margins(x=0.01)


def _in_lines(label: str) -> str:
    """A label that fits the y axis: a long difference and its unit are separate lines."""
    label = label.replace(" - ", " − ")
    return label if len(label) <= 24 else label.replace(" − ", "\n− ").replace(" [", "\n[")
