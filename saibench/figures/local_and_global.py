"""Whether two settings change the error everywhere, or in some regions of the test."""

from __future__ import annotations

import numpy as np
import polars
from matplotlib.figure import Figure

from saibench.analysis.setting_axes import MAX_PAIRS
from saibench.analysis.tracing.config import trace_config
from saibench.analysis.tracing.in_words import in_words
from saibench.analysis.two_axes import TwoAxes, two_axes
from saibench.errors import UserError
from saibench.evidence.once import once
from saibench.evidence.reader import StudyEvidence
from saibench.evidence.titles import titled
from saibench.figures.questions import DRIVERS
from saibench.figures.style import (
    MUTED,
    PALETTE,
    legend_below,
    panel_title,
    panels,
    quantity_label,
    styled,
)
from saibench.findings.two_axes import levels_text, sentences

title = "Effects of two settings: local or global"
paper = "Section 4.3"
question = DRIVERS

TICKS = (0.25, 0.5, 0.75, 1, 1.5, 2, 3, 4, 6)


def needs(evidence: StudyEvidence) -> str | None:
    try:
        found = _parted(evidence)
    except UserError as error:
        return str(error)
    if any(change.is_change for one in found for change in one.changes):
        return None
    return "Neither setting changes the error significantly."


def table(evidence: StudyEvidence) -> polars.DataFrame:
    """One row per (statistic, setting, number), then one per (statistic, setting, region)."""
    rows: list[dict[str, object]] = []
    for parted in _parted(evidence):
        for axis, change, ratios in zip(parted.axes, parted.changes, parted.ratios, strict=True):
            about = {"statistic": parted.statistic.name, "setting": axis.name}
            numbers = {
                "worse": change.worse,
                "better": change.better,
                "amplitude": change.amplitude,
                "local share": change.local,
                "global share": change.global_share,
                **({"share of bias in a region": change.signed} if parted.is_signed else {}),
            }
            for key, one in numbers.items():
                row = {**about, "number": key, "at": None, "estimate": one.estimate}
                row |= {"low": one.low, "high": one.high}
                rows.append({**row, "samples": one.count, "blocks": one.num_blocks})
            for place, ratio in zip(parted.places.tolist(), ratios.tolist(), strict=True):
                rows.append(
                    {**about, "number": "ratio in a region", "at": place, "estimate": ratio}
                )
    return polars.DataFrame(rows, infer_schema_length=None)


@styled
def draw(evidence: StudyEvidence) -> Figure:
    found = _parted(evidence)
    figure, axes = panels(len(found), 1, 0.6 + 2.7 * len(found))
    for panel, parted, letter in zip(axes[:, 0], found, "abcdefgh", strict=False):
        for axis, change, ratios, colour in zip(
            parted.axes, parted.changes, parted.ratios, PALETTE, strict=False
        ):
            label = f"{axis.name}: {levels_text(axis.levels)}"
            panel.plot(
                parted.places, ratios, color=colour, linewidth=0.9, marker="o", markersize=3,
                alpha=0.8, label=label,
            )  # fmt: skip
            panel.axhline(change.amplitude.estimate, color=colour, linewidth=1.6)
        panel.axhline(1, color=MUTED, linewidth=0.8, linestyle="--")
        panel.set_yscale("log")
        panel.set_yticks(TICKS, [f"{tick:g}" for tick in TICKS])
        panel.minorticks_off()
        every = np.concatenate(parted.ratios)
        drawn = every[np.isfinite(every) & (every > 0)]
        panel.set_ylim(0.9 * min(1.0, *drawn), 1.1 * max(1.0, *drawn))
        panel.set_xlabel(quantity_label(parted.along, evidence))
        panel.set_ylabel("ratio")
        panel_title(panel, letter, f"{titled(parted.statistic.name, evidence)}: worse over better")
    legend_below(figure, axes[0, 0], max_columns=1)
    return figure


def reading(evidence: StudyEvidence) -> str:
    """How the change by the first setting is distributed."""
    return sentences(in_words(_parted(evidence)[0], evidence))[0]


def caption(evidence: StudyEvidence) -> str:
    found = _parted(evidence)
    text = (
        "Root mean square error of the worse models over that of the better ones, in regions of "
        f"{titled(found[0].along.name, evidence)}. Line: global amplitude, the ratio of a typical "
        "region (Tukey's biweight mean of the logarithm). 95 % intervals from resampling blocks, "
        "including the variance between seeds if every setting has several."
    )
    if found[0].num_omitted:
        text += (
            f" Of each setting at most about {MAX_PAIRS} pairs of runs are compared, those of the "
            f"first seeds of each level; {found[0].num_omitted:,} further pairs are omitted."
        )
    return "\n".join([text, *(" ".join(sentences(in_words(one, evidence))) for one in found)])


@once
def _parted(evidence: StudyEvidence) -> list[TwoAxes]:
    """The effects on the signed error and on the first response."""
    config = trace_config(evidence)
    statistics = dict.fromkeys(name for name in (config.bias, config.responses[0]) if name)
    return [two_axes(evidence, name, config.along, config.across) for name in statistics]
