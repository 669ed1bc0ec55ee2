"""What two settings change in the error: everywhere alike, or in some stretches of the test."""

from __future__ import annotations

import weakref
from math import isfinite

import polars
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from saibench.analysis.tracing.asked import asked
from saibench.errors import UserError
from saibench.evidence.reader import StudyEvidence
from saibench.figures.style import INK, MUTED, PALETTE, error_bars, panel_title, panels, styled
from saibench.findings.two_axes import TwoAxes, levels_text, sentences, two_axes

title = "Effects of two settings: local or global"
paper = "Section 4.3"

COLOURS = (PALETTE[0], PALETTE[1])
TICKS = (0.25, 0.5, 0.75, 1, 1.5, 2, 3, 4, 6)


def needs(evidence: StudyEvidence) -> str | None:
    try:
        found = _parted(evidence)
    except UserError as error:
        return str(error)
    if any(change.is_change for one in found for change in one.changes):
        return None
    return "Neither setting changes the error beyond doubt."


def table(evidence: StudyEvidence) -> polars.DataFrame:
    """One row a (statistic, setting, number), then a (statistic, setting, region)."""
    rows: list[dict[str, object]] = []
    for parted in _parted(evidence):
        for number, name in enumerate(parted.axes):
            change, about = parted.changes[number], {"statistic": parted.statistic.name}
            numbers = {
                "worse": change.worse,
                "better": change.better,
                "amplitude": change.amplitude,
                "local share": change.local,
                "global share": change.global_share,
                **({"share of bias in a region": change.signed} if parted.is_signed else {}),
            }
            for key, one in numbers.items():
                row: dict[str, object] = {**about, "setting": name, "number": key, "at": None}
                row |= {"estimate": one.estimate, "low": one.low, "high": one.high}
                rows.append({**row, "samples": one.count, "blocks": one.num_blocks})
            for place, ratio in zip(parted.places, parted.ratios[number], strict=True):
                row = {**about, "setting": name, "number": "ratio in a region", "at": place}
                rows.append({**row, "estimate": ratio})
    return polars.DataFrame(rows, infer_schema_length=None)


@styled
def draw(evidence: StudyEvidence) -> Figure:
    found = _parted(evidence)
    figure, axes = panels(len(found), 2, 0.6 + 2.7 * len(found), width_ratios=(3, 2))
    letters = iter("abcdefgh")
    for (left, right), parted in zip(axes, found, strict=True):
        _draw_ratios(left, parted)
        _draw_shares(right, parted)
        panel_title(left, next(letters), f"{parted.statistic.name}: worse over better")
        panel_title(right, next(letters), "share of the change")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=1)
    return figure


def caption(evidence: StudyEvidence) -> str:
    found = _parted(evidence)
    along = found[0].along.name
    told = [" ".join(sentences(parted)) for parted in found]
    shown = (
        "Left: root mean square error of the models with less over that of those with more, in "
        f"regions of {along}; the line is the typical region's (Tukey's biweight mean of the "
        "logarithm), a global amplitude. Right: share of the change of the mean squared error that "
        "only some regions have (local), and of the amplitude that all have (global); 95 % "
        "intervals from resampling blocks, and seeds where every setting has several."
    )
    return "\n".join([shown, *told])


_last: tuple[weakref.ref[StudyEvidence], list[TwoAxes]] | None = None
"""What was parted last: `needs`, `draw`, `caption` and `table` ask for the same."""


def _parted(evidence: StudyEvidence) -> list[TwoAxes]:
    """Of the signed error and of the first response."""
    global _last
    if _last is None or _last[0]() is not evidence:
        wanted = asked(evidence)
        statistics = dict.fromkeys(name for name in (wanted.bias, wanted.responses[0]) if name)
        found = [two_axes(evidence, name, wanted.along, wanted.across) for name in statistics]
        _last = weakref.ref(evidence), found
    return _last[1]


def _draw_ratios(axes: Axes, parted: TwoAxes) -> None:
    for number, (name, colour) in enumerate(zip(parted.axes, COLOURS, strict=True)):
        label = f"{name}: {levels_text(parted.levels[number])}"
        axes.plot(
            parted.places, parted.ratios[number], color=colour, linewidth=0.9, marker="o",
            markersize=3, alpha=0.8, label=label,
        )  # fmt: skip
        axes.axhline(parted.changes[number].amplitude.estimate, color=colour, linewidth=1.6)
    axes.axhline(1, color=MUTED, linewidth=0.8, linestyle="--")
    axes.set_yscale("log")
    axes.set_yticks(TICKS, [f"{tick:g}" for tick in TICKS])
    axes.minorticks_off()
    drawn = [ratio for of_axis in parted.ratios for ratio in of_axis if isfinite(ratio) and ratio]
    axes.set_ylim(0.9 * min(1.0, *drawn), 1.1 * max(1.0, *drawn))
    unit = f" [{parted.along.unit}]" if parted.along.unit else ""
    axes.set_xlabel(f"{parted.along.name}{unit}")
    axes.set_ylabel("ratio")


def _draw_shares(axes: Axes, parted: TwoAxes) -> None:
    for number, (change, colour) in enumerate(zip(parted.changes, COLOURS, strict=True)):
        if not change.is_change:
            axes.text(0, number, " no change beyond doubt", va="center", fontsize=9, color=MUTED)
            continue
        local = change.local
        shown = [100 * part for part in (local.estimate, local.low, local.high)]
        axes.barh(
            number, shown[0], xerr=error_bars(*[[one] for one in shown]), color=colour,
            height=0.5, ecolor=INK, error_kw={"linewidth": 1.2, "capsize": 3},
        )  # fmt: skip
    axes.axvline(50, color=MUTED, linewidth=0.8, linestyle="--")
    axes.axvline(0, color=MUTED, linewidth=0.8)
    axes.set_yticks(range(len(parted.axes)), list(parted.axes))
    axes.set_ylim(len(parted.axes) - 0.5, -0.5)
    low, high = axes.get_xlim()
    axes.set_xlim(max(-60, min(0, low)), min(160, max(100, high)))
    axes.grid(axis="y", visible=False)
    axes.set_xlabel("local [%]; the rest is global")
