"""Which energies of jets are tested, and which each training range draws from."""

from __future__ import annotations

import matplotlib.ticker
import numpy as np
import polars
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from saibench.datamodules.jet_tagging.energy_bins import NUM_BINS
from saibench.evidence.reader import StudyEvidence
from saibench.evidence.selection import Cell, Variant, tested
from saibench.figures.captions import first_of
from saibench.figures.jet_panels import bin_axis, gaps_text, jets_text
from saibench.figures.style import PALETTE, panel_title, panels, shades, styled
from saibench.interpretation.energy_decay import range_text, train_bins, training_ranges
from saibench.interpretation.tested_jets import tested_jets, why_no_jets

title = "Energy of the jets"
paper = "Figure 10"

CLASSES = {"top_jets": "top", "qcd_jets": "QCD"}
"""Counts in the record of a partition, by class."""


def needs(evidence: StudyEvidence) -> str | None:
    lacking = why_no_jets(evidence)
    if lacking:
        return lacking
    if not training_ranges(tested(evidence)):
        return "It takes points that were trained on ranges of energy (train_bins)."
    return None if _counted(evidence) else "The records do not count training jets by energy."


def table(evidence: StudyEvidence) -> polars.DataFrame:
    """One row a (part, range, bin): jets of either class; part is `tested` or `trained on`."""
    variant = _counted(evidence)[0]
    jets = tested_jets(evidence, variant.cells)
    rows = [
        {"part": "tested", "range": "", "bin": number}
        | {
            name: int(((jets.bins == number) & (jets.label == label)).sum())
            for name, label in (("top_jets", 1), ("qcd_jets", 0))
        }
        for number in range(NUM_BINS)
    ]
    for cell in variant.cells:
        counts = _trained(evidence, cell)
        for number in range(NUM_BINS):
            row = {"part": "trained on", "range": range_text(cell), "bin": number}
            rows.append(row | {name: int(counts[name][number]) for name in CLASSES})
    return polars.DataFrame(rows)


@styled
def draw(evidence: StudyEvidence) -> Figure:
    numbers, cells = table(evidence), _counted(evidence)[0].cells
    figure, axes = panels(1, 2, 3.6, sharey=True)
    given, trained = axes[0]
    _draw_tested(given, numbers.filter(part="tested"))
    for position, (cell, colour) in enumerate(
        zip(cells, reversed(shades(len(cells))), strict=True)
    ):
        of_range = numbers.filter(part="trained on", range=range_text(cell))
        own = of_range.filter(polars.col("bin").is_in(train_bins(cell)))
        beside = 0.8 * (position + 0.5) / len(cells) - 0.4
        total = own["top_jets"] + own["qcd_jets"]
        trained.bar(
            own["bin"] + beside, total, width=0.8 / len(cells), color=colour, label=range_text(cell)
        )
    for panel in (given, trained):
        panel.set_yscale("log")
        panel.set_ylim(bottom=0.7)
        bin_axis(panel)
        panel.grid(axis="x", visible=False)
        panel.yaxis.set_major_formatter(
            matplotlib.ticker.FuncFormatter(lambda count, _: f"{count:,.0f}")
        )
    given.set_ylabel("jets (log scale)")
    panel_title(given, "a", "tested")
    panel_title(trained, "b", "trained on, by range")
    given.legend()
    trained.legend(ncols=2 if len(cells) > 3 else 1, fontsize=8)
    return figure


def caption(evidence: StudyEvidence) -> str:
    found = _counted(evidence)
    jets = tested_jets(evidence, found[0].cells)
    totals = [sum(sum(_trained(evidence, c)[name]) for name in CLASSES) for c in found[0].cells]
    trained = ", ".join(
        f"{range_text(cell)}: {total:,}" for cell, total in zip(found[0].cells, totals, strict=True)
    )
    first = float((jets.bins == 0).mean())
    return (
        f"Jets by their energy [GeV], in 8 bins of 236.25 GeV: (a) tested, "
        f"{jets_text(evidence, jets, evidence.held_out)}, {100 * first:.0f} % of them in bin 0; "
        f"(b) trained on, by training range, as many in all ranges where the data hold them "
        f"({trained} jets). {gaps_text(jets, 'Few')}{first_of(1, len(found))}"
    )


def _counted(evidence: StudyEvidence) -> list[Variant]:
    """Variants all of whose points recorded how many jets of each bin they were trained on."""
    return [
        variant
        for variant in training_ranges(tested(evidence))
        if all(_recorded(evidence, cell) is not None for cell in variant.cells)
    ]


def _recorded(evidence: StudyEvidence, cell: Cell) -> dict[str, list[int]] | None:
    train = (evidence.records[cell.points[0]].get("partitions") or {}).get("train") or {}
    return {name: train[name] for name in CLASSES} if set(CLASSES) <= set(train) else None


def _trained(evidence: StudyEvidence, cell: Cell) -> dict[str, list[int]]:
    """Jets of the first seed by bin, those outside last."""
    counts = _recorded(evidence, cell)
    assert counts is not None  # `_counted` has looked
    return counts


def _draw_tested(axes: Axes, numbers: polars.DataFrame) -> None:
    for side, (name, label) in enumerate(CLASSES.items()):
        axes.bar(
            np.arange(NUM_BINS) + 0.4 * side - 0.2,
            numbers[name],
            width=0.4,
            color=PALETTE[side],
            label=f"{label} jets",
        )
