"""Energies of the training and test jets, and the fraction that each training range draws."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import matplotlib.ticker
import numpy as np
import polars
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from saibench.analysis.jet_tagging.energy_decay import (
    bin_text,
    range_text,
    train_bins,
    training_ranges,
)
from saibench.analysis.jet_tagging.tested_jets import tested_jets, why_no_jets
from saibench.datamodules.jet_tagging.energy_bins import NUM_BINS
from saibench.evidence.jet_tagging.class_names import ClassNames
from saibench.evidence.reader import StudyEvidence
from saibench.evidence.selection import Cell, Variant, tested
from saibench.figures.captions import first_of
from saibench.figures.jet_tagging.panels import bin_axis, class_names, gaps_text, jets_text
from saibench.figures.questions import FAIR
from saibench.figures.style import PALETTE, panel_title, panels, shades, styled

title = "Energy of the jets"
paper = "Figure 10"
question = FAIR

CLASSES = {"top_jets": 1, "qcd_jets": 0}
"""Labels of the counts in a partition's record."""


def needs(evidence: StudyEvidence) -> str | None:
    if reason := why_no_jets(evidence):
        return reason
    if not training_ranges(tested(evidence)):
        return "It takes runs trained on energy ranges (train_bins)."
    return None if _counted(evidence) else "The records have no counts of training jets by energy."


def table(evidence: StudyEvidence) -> polars.DataFrame:
    """One row per (part, range, bin): jets of either class, and the fraction that is drawn.

    Part is `candidates`, the jets that a range can draw from, `tested` or `trained on`. `sampled`
    is null if a range draws nothing, or if the record has no counts of candidates.
    """
    variant = _counted(evidence)[0]
    jets = tested_jets(evidence, variant.cells)
    tested_counts = {
        name: [
            int(((jets.bins == number) & (jets.label == one)).sum()) for number in range(NUM_BINS)
        ]
        for name, one in (("top_jets", 1), ("qcd_jets", 0))
    }
    candidates = _candidates(evidence, variant.cells[0])
    parts = [("candidates", "", candidates)] if candidates else []
    parts.append(("tested", "", tested_counts))
    parts += [("trained on", range_text(cell), _trained(evidence, cell)) for cell in variant.cells]
    rows = [
        {"part": part, "range": of, "bin": number}
        | {name: int(counts[name][number]) for name in CLASSES}
        | {"sampled": _sampled(counts, candidates, number) if of else None}
        for part, of, counts in parts
        for number in range(NUM_BINS)
    ]
    return polars.DataFrame(rows, schema_overrides={"sampled": polars.Float64})


@styled
def draw(evidence: StudyEvidence) -> Figure:
    numbers, cells = table(evidence), _counted(evidence)[0].cells
    names = class_names(evidence)
    colours = list(reversed(shades(len(cells))))
    has_candidates = bool(numbers.filter(part="candidates").height)
    figure, axes = panels(2, 2, 6.4) if has_candidates else panels(1, 2, 3.6, sharey=True)
    letters = iter("abcd")
    flat = iter(axes.flat)
    if has_candidates:
        _draw_counts(panel := next(flat), numbers.filter(part="candidates"), names)
        panel_title(panel, next(letters), "training candidates")
    _draw_counts(panel := next(flat), numbers.filter(part="tested"), names)
    panel_title(panel, next(letters), "tested")
    if has_candidates:
        _draw_probabilities(panel := next(flat), numbers, cells, colours)
        panel_title(panel, next(letters), "sampling probability by range")
    _draw_trained(panel := next(flat), numbers, cells, colours)
    panel_title(panel, next(letters), "trained on, by range")
    return figure


def reading(evidence: StudyEvidence) -> str:
    """The bins with the largest and the smallest share of the tested jets."""
    tested_jets_by_bin = (
        table(evidence)
        .filter(part="tested")
        .select("bin", jets=polars.sum_horizontal(list(CLASSES)))
    )
    total = max(1, tested_jets_by_bin["jets"].sum())
    ordered = tested_jets_by_bin.sort("jets", descending=True)
    most, fewest = (
        f"{100 * count / total:.2g} % are in {bin_text(number)}"
        for number, count in (ordered.row(0), ordered.row(-1))
    )
    return f"Of {total:,} tested jets, {most}, the most of a bin, and {fewest}, the fewest."


def caption(evidence: StudyEvidence) -> str:
    found = _counted(evidence)
    jets, cells = tested_jets(evidence, found[0].cells), found[0].cells
    totals = [sum(sum(_trained(evidence, c)[name]) for name in CLASSES) for c in cells]
    trained = ", ".join(
        f"{range_text(cell)}: {total:,}" for cell, total in zip(cells, totals, strict=True)
    )
    first = float((jets.bins == 0).mean())
    tested_text = f"{jets_text(evidence, jets, evidence.held_out)}, {100 * first:.0f} % in bin 0"
    drawn = f"by training range, with equal totals if the data have enough jets ({trained} jets)"
    candidates = _candidates(evidence, cells[0])
    if candidates is None:
        parts = f"(a) tested, {tested_text}; (b) trained on, {drawn}."
    else:
        whole = sum(sum(candidates[name][:NUM_BINS]) for name in CLASSES)
        low = sum(candidates[name][0] for name in CLASSES) / max(1, whole)
        parts = (
            f"(a) training candidates, {whole:,} jets, {100 * low:.0f} % in bin 0; (b) tested, "
            f"{tested_text}; (c) fraction of the candidates that a training range draws, equal in "
            f"all its bins up to chance; (d) trained on, {drawn}."
        )
    return (
        f"Jets by their energy [GeV], in 8 bins of 236.25 GeV: {parts} "
        f"{gaps_text(jets, class_names(evidence), 'Few')}{first_of(1, len(found))}"
    )


def _counted(evidence: StudyEvidence) -> list[Variant]:
    """Variants whose runs all recorded their training jets by bin."""
    return [
        variant
        for variant in training_ranges(tested(evidence))
        if all(_recorded(evidence, cell) is not None for cell in variant.cells)
    ]


def _recorded(evidence: StudyEvidence, cell: Cell) -> dict[str, list[int]] | None:
    train = (evidence.records[cell.points[0]].get("partitions") or {}).get("train") or {}
    return {name: train[name] for name in CLASSES} if set(CLASSES) <= set(train) else None


def _trained(evidence: StudyEvidence, cell: Cell) -> dict[str, list[int]]:
    """Training jets of the first seed by bin; those outside all bins are last."""
    counts = _recorded(evidence, cell)
    assert counts is not None  # checked by `_counted`
    return counts


def _candidates(evidence: StudyEvidence, cell: Cell) -> dict[str, list[int]] | None:
    """Candidates of a range by class and bin, if recorded."""
    train = (evidence.records[cell.points[0]].get("partitions") or {}).get("train") or {}
    names = {name: f"candidate_{name}" for name in CLASSES}
    return {n: train[of] for n, of in names.items()} if set(names.values()) <= set(train) else None


def _sampled(
    counts: dict[str, list[int]], candidates: dict[str, list[int]] | None, number: int
) -> float | None:
    """Fraction of a bin's candidates that a range draws."""
    drawn = sum(counts[name][number] for name in CLASSES)
    available = sum(candidates[name][number] for name in CLASSES) if candidates else 0
    return drawn / available if drawn and available else None


def _draw_counts(axes: Axes, numbers: polars.DataFrame, names: ClassNames) -> None:
    for side, (name, label) in enumerate(CLASSES.items()):
        x = np.arange(NUM_BINS) + 0.4 * side - 0.2
        axes.bar(x, numbers[name], width=0.4, color=PALETTE[side], label=names.of(label) + " jets")
    axes.legend()
    _count_axes(axes)


def _draw_probabilities(
    axes: Axes, numbers: polars.DataFrame, cells: Sequence[Cell], colours: Sequence[Any]
) -> None:
    """Draw the fractions as steps over the bins of a range (figure 10b of the paper)."""
    for cell, colour in zip(cells, colours, strict=True):
        rows = numbers.filter(part="trained on", range=range_text(cell)).sort("bin")
        share = rows["sampled"].fill_null(np.nan).to_numpy()
        edges = np.arange(NUM_BINS + 1) - 0.5
        axes.stairs(share, edges, color=colour, linewidth=1.8, label=range_text(cell))
    axes.set_ylim(0, 1.05 * max(0.05, *numbers["sampled"].drop_nulls()))
    axes.set_ylabel("fraction drawn")
    axes.legend(ncols=2 if len(cells) > 3 else 1, fontsize=8)
    bin_axis(axes)
    axes.grid(axis="x", visible=False)


def _draw_trained(
    axes: Axes, numbers: polars.DataFrame, cells: Sequence[Cell], colours: Sequence[Any]
) -> None:
    for position, (cell, colour) in enumerate(zip(cells, colours, strict=True)):
        rows = numbers.filter(part="trained on", range=range_text(cell))
        own = rows.filter(polars.col("bin").is_in(train_bins(cell)))
        x = own["bin"] + 0.8 * (position + 0.5) / len(cells) - 0.4
        bars = {"width": 0.8 / len(cells), "color": colour, "label": range_text(cell)}
        axes.bar(x, own["top_jets"] + own["qcd_jets"], **bars)
    axes.legend(ncols=2 if len(cells) > 3 else 1, fontsize=8)
    _count_axes(axes)


def _count_axes(axes: Axes) -> None:
    axes.set_yscale("log")
    axes.set_ylim(bottom=0.7)
    axes.set_ylabel("jets (log scale)")
    bin_axis(axes)
    axes.grid(axis="x", visible=False)
    axes.yaxis.set_major_formatter(matplotlib.ticker.FuncFormatter(lambda n, _: f"{n:,.0f}"))
