"""Accuracy and AUC by energy of the test jets, for each training range."""

from __future__ import annotations

from typing import Any

import polars
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from saibench.analysis.jet_tagging.energy_decay import (
    bin_text,
    by_bin,
    range_text,
    train_bins,
    training_ranges,
)
from saibench.analysis.jet_tagging.tested_jets import tested_jets, why_no_jets
from saibench.evidence.once import once
from saibench.evidence.reader import StudyEvidence
from saibench.evidence.selection import tested
from saibench.figures.captions import change_text, first_of
from saibench.figures.jet_tagging.panels import (
    PALE,
    PERCENT,
    bin_axis,
    class_names,
    draw_curve,
    few_jets,
    gaps_text,
    intervals_text,
    jets_text,
    score_row,
)
from saibench.figures.questions import TRUST
from saibench.figures.style import legend_below, panel_title, panels, shades, styled

title = "Energy extrapolation"
paper = "Figure 11"
question = TRUST

STATISTICS = {"accuracy": "accuracy [%]", "auc": "area under the ROC"}


def needs(evidence: StudyEvidence) -> str | None:
    reason = why_no_jets(evidence)
    if reason or training_ranges(tested(evidence)):
        return reason
    return "It takes runs trained on energy ranges (train_bins)."


@once
def table(evidence: StudyEvidence) -> polars.DataFrame:
    """One row per (variant, range, bin, statistic); null if a bin lacks a class."""
    rows = []
    for variant in training_ranges(tested(evidence)):
        jets = tested_jets(evidence, variant.cells)
        for cell in variant.cells:
            for number, chosen in enumerate(by_bin(jets)):
                row = {
                    "variant": variant.label,
                    "range": range_text(cell),
                    "bin": number,
                    "trained_on": number in train_bins(cell),
                }
                for name in STATISTICS:
                    score = getattr(jets, name)(cell, chosen)
                    rows.append({**row, "statistic": name, **score_row([score])})
    return polars.DataFrame(rows, infer_schema_length=None)


@styled
def draw(evidence: StudyEvidence) -> Figure:
    variant = training_ranges(tested(evidence))[0]
    numbers = table(evidence).filter(variant=variant.label)
    figure, axes = panels(1, 2, 4.0)
    colours = list(reversed(shades(len(variant.cells))))
    for letter, panel, (name, label) in zip("ab", axes[0], STATISTICS.items(), strict=True):
        for position, cell in enumerate(variant.cells):
            line = numbers.filter(statistic=name, range=range_text(cell))
            shift = 0.5 * (position - (len(colours) - 1) / 2) / max(len(colours), 2)
            _draw_range(panel, line, colours[position], shift, name == "accuracy")
        bin_axis(panel)
        panel.set_ylabel(label)
        panel_title(panel, letter, "accuracy" if name == "accuracy" else "AUC")
    legend_below(figure, axes[0, 0])
    return figure


def reading(evidence: StudyEvidence) -> str:
    """The accuracy of the first training range in its last bin and in the last with enough jets."""
    rows = table(evidence).filter(statistic="accuracy").drop_nulls("estimate")
    rows = rows.filter(~polars.Series(few_jets(rows), dtype=polars.Boolean))
    if not rows.height:
        return ""
    rows = rows.filter(variant=rows["variant"][0], range=rows["range"][0])
    inside = rows.filter("trained_on").sort("bin")
    beyond = rows.filter(~polars.col("trained_on")).sort("bin")
    if not inside.height or not beyond.height:
        return ""
    first, last = inside.row(-1, named=True), beyond.row(-1, named=True)
    return (
        f"Trained on {first['range']}, the accuracy {change_text(first, last, '%', PERCENT)} from "
        f"{bin_text(first['bin'])} to {bin_text(last['bin'])}."
    )


def caption(evidence: StudyEvidence) -> str:
    found = training_ranges(tested(evidence))
    jets = tested_jets(evidence, found[0].cells)
    return (
        "(a) Accuracy [% of jets] at a threshold of 0.5 and (b) area under the ROC curve by the "
        "energy [GeV] of the test jets, one line per training range; filled: training bins, open: "
        f"beyond. Over {jets_text(evidence, jets, evidence.held_out)}. "
        f"{gaps_text(jets, class_names(evidence))} {intervals_text(jets)}{first_of(1, len(found))}"
    )


def _draw_range(
    axes: Axes, line: polars.DataFrame, colour: Any, shift: float, is_share: bool
) -> None:
    """Draw a line with gaps at undefined bins; bins with few jets are pale and not connected."""
    scale = PERCENT if is_share else 1.0
    moved = line.with_columns(polars.col("bin") + shift)
    few = few_jets(moved)
    name = line["range"][0]
    draw_curve(axes, moved, "bin", colour, scale, marker="", label=f"trained on {name}")
    for row, pale in zip(moved.iter_rows(named=True), few, strict=True):
        if row["estimate"] is not None:
            axes.scatter(
                row["bin"], scale * row["estimate"], s=24, edgecolors=[colour],
                facecolors=[colour] if row["trained_on"] else "white",
                alpha=PALE if pale else 1.0, zorder=3,
            )  # fmt: skip
