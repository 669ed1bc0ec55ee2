"""Sources of a tagger's accuracy by energy: class balance or the classifier."""

from __future__ import annotations

import numpy as np
import polars
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from saibench.analysis.jet_tagging.class_balance import BALANCE, PARTS, accuracy_change
from saibench.analysis.jet_tagging.energy_decay import (
    TRAIN_BINS,
    by_bin,
    is_ambiguous,
    range_text,
    traced_cell,
)
from saibench.analysis.jet_tagging.tested_jets import ScoredJets, tested_jets, why_no_jets
from saibench.datamodules.jet_tagging.energy_bins import NUM_BINS
from saibench.evidence.jet_tagging.class_names import ClassNames
from saibench.evidence.once import once
from saibench.evidence.reader import StudyEvidence
from saibench.evidence.selection import Cell
from saibench.figures.captions import row_text
from saibench.figures.jet_tagging.panels import (
    PERCENT,
    bin_axis,
    class_names,
    draw_curve,
    gaps_text,
    interval_row,
    intervals_text,
    jets_text,
    score_row,
)
from saibench.figures.questions import DRIVERS
from saibench.figures.style import INK, MUTED, PALETTE, panel_title, panels, styled
from saibench.formatting import percent

title = "Error tracing by energy"
paper = "Figure 12"
question = DRIVERS

SCORES = ("signal_ratio", "signal", "background", "accuracy", "balanced")
WHOLE = "change"
BUMP = 6
"""The bin in which the paper finds a higher accuracy."""
PART_COLOURS = dict(zip(PARTS, (PALETTE[4], PALETTE[0], PALETTE[1]), strict=True))


def needs(evidence: StudyEvidence) -> str | None:
    if reason := why_no_jets(evidence):
        return reason
    if is_ambiguous(evidence):
        return "It takes one model, or runs trained on energy ranges (train_bins)."
    jets = tested_jets(evidence, [traced_cell(evidence)])
    if len(set(jets.bins.tolist()) - {-1}) > 1:
        return None
    return "It takes jets in two energy bins."


@once
def table(evidence: StudyEvidence) -> polars.DataFrame:
    """One row per (bin, measure): scores, and their change from the previous bin and its parts."""
    cell = traced_cell(evidence)
    jets = tested_jets(evidence, [cell])
    rows = []
    for number, chosen in enumerate(by_bin(jets)):
        scores = (
            jets.unstratified.signal_ratio(chosen),
            jets.class_accuracy(cell, 1, chosen),
            jets.class_accuracy(cell, 0, chosen),
            jets.accuracy(cell, chosen),
            jets.balanced_accuracy(cell, chosen),
        )
        for name, score in zip(SCORES, scores, strict=True):
            rows.append({"bin": number, "measure": name, **score_row([score])})
        if number:
            change = accuracy_change(jets, cell, number - 1, number)
            for name, part in ((WHOLE, change.whole), *change.parts.items()):
                rows.append({"bin": number, "measure": name, **interval_row(part)})
    return polars.DataFrame(rows, infer_schema_length=None)


@styled
def draw(evidence: StudyEvidence) -> Figure:
    numbers = table(evidence)
    names = class_names(evidence)
    figure, axes = panels(2, 2, 6.2)
    ratio, classes, balance, change = axes.flat
    draw_curve(ratio, numbers.filter(measure="signal_ratio"), "bin", INK, PERCENT)
    ratio.axhline(50, color=MUTED, linewidth=1, linestyle=":")
    for name, label, colour in (
        ("signal", "top jets (signal)", PALETTE[0]),
        ("background", "QCD jets (background)", PALETTE[1]),
    ):
        draw_curve(
            classes, numbers.filter(measure=name), "bin", colour, PERCENT, label=names.worded(label)
        )
    for name, label, colour in (
        ("accuracy", "original classes", INK),
        ("balanced", "balanced classes", PALETTE[2]),
    ):
        draw_curve(balance, numbers.filter(measure=name), "bin", colour, PERCENT, label=label)
    _draw_changes(change, numbers, names)
    for panel, letter, text, label in (
        (ratio, "a", "fraction of top jets", "top jets [%]"),
        (classes, "b", "accuracy by class", "accuracy [%]"),
        (balance, "c", "accuracy and balanced accuracy", "accuracy [%]"),
        (change, "d", "change from the previous bin, and its parts", "change of the accuracy [%]"),
    ):
        panel_title(panel, letter, names.worded(text))
        panel.set_ylabel(names.worded(label))
        bin_axis(panel, label=panel in axes[1])
    for panel in (classes, balance, change):
        panel.legend(fontsize=8)
    return figure


def reading(evidence: StudyEvidence) -> str:
    """The largest significant change between neighbouring bins, and its largest part."""
    rows = table(evidence).drop_nulls(["estimate", "low", "high"])
    changes = rows.filter(measure=WHOLE).sort(polars.col("estimate").abs())
    if not changes.height:
        return ""
    clear = changes.filter((polars.col("low") > 0) | (polars.col("high") < 0))
    largest = (clear if clear.height else changes).row(-1, named=True)
    parts = rows.filter(polars.col("measure").is_in(PARTS), bin=largest["bin"])
    part = parts.row(int(parts["estimate"].abs().arg_max() or 0), named=True)
    whole, own = (row_text(row, "", PERCENT) for row in (largest, part))
    where = f"from bin {largest['bin'] - 1} to bin {largest['bin']}"
    if not clear.height:
        return (
            "No change of the accuracy between neighbouring bins is significant; the largest is "
            f"{whole} percentage points, {where}."
        )
    return (
        f"The accuracy changes most {where}, by "
        f"{whole} percentage points; the largest part is "
        f"{class_names(evidence).worded(part['measure'])}, {own}."
    )


def caption(evidence: StudyEvidence) -> str:
    cell = traced_cell(evidence)
    jets = tested_jets(evidence, [cell])
    names = class_names(evidence)
    return names.worded(
        f"For the model {_trained_text(cell)}, by the energy [GeV] of the test jets: (a) fraction "
        "of top jets; (b) accuracy [%] on either class; (c) accuracy with the original classes, "
        "and with balanced classes; (d) change of the accuracy from the previous bin, split "
        f"exactly into class balance and the classifier on either class. {bump_text(jets, cell)} "
        f"Over {jets_text(evidence, jets, evidence.held_out)}. "
        f"{gaps_text(jets, names)} {intervals_text(jets)}"
    )


def bump_text(jets: ScoredJets, cell: Cell) -> str:
    """The contributions of class balance and classifier to the change in bin 6."""
    change = accuracy_change(jets, cell, BUMP - 1, BUMP)
    if np.isnan(change.whole.estimate):
        return f"Bin {BUMP - 1} or bin {BUMP} lacks jets of a class."
    _, signal, background = (percent(change.parts[name]) for name in PARTS)
    return (
        f"From bin {BUMP - 1} to bin {BUMP} the accuracy changes by {percent(change.whole)}: "
        f"{percent(change.parts[BALANCE])} by class balance, {signal} by the classifier on top "
        f"jets, {background} on QCD jets."
    )


def _trained_text(cell: Cell) -> str:
    if cell.shared.get(TRAIN_BINS):
        return f"trained on {range_text(cell)} of energy"
    if not cell.shared["train_count"]:
        return "without training"
    return f"trained on {cell.shared['train_count']:,} jets of all energies"


def _draw_changes(axes: Axes, numbers: polars.DataFrame, names: ClassNames) -> None:
    """Draw the parts side by side at each bin, and the whole change as a line across them."""
    axes.axhline(0, color=INK, linewidth=1)
    for position, name in enumerate(PARTS):
        rows = numbers.filter(measure=name).with_columns(polars.col("bin") + 0.26 * (position - 1))
        draw_curve(
            axes, rows, "bin", PART_COLOURS[name], PERCENT,
            linestyle="", capsize=2, label=names.worded(name),
        )  # fmt: skip
    whole = numbers.filter(measure=WHOLE, bin=polars.col("bin"))
    values = whole["estimate"].cast(polars.Float64).fill_null(np.nan).to_numpy()
    axes.hlines(
        PERCENT * values, whole["bin"] - 0.4, whole["bin"] + 0.4, color=INK, linewidth=2,
        label="whole change",
    )  # fmt: skip
    axes.set_xlim(-0.6, NUM_BINS - 0.4)
