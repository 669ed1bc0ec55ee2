"""Sample efficiency of taggers: accuracy and ROC curves by training set size."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from saibench.analysis.classification.roc_bands import RocBand, background_efficiency, roc_band
from saibench.analysis.jet_tagging.tested_jets import SIZES, ScoredJets, tested_jets, why_no_jets
from saibench.evidence.once import once
from saibench.evidence.reader import StudyEvidence
from saibench.evidence.selection import Cell, Variant, tested, variants
from saibench.figures.captions import SEEDS, change_text, ends, first_of
from saibench.figures.jet_tagging.panels import (
    PERCENT,
    class_names,
    draw_curve,
    interval_row,
    intervals_text,
    jets_axis,
    jets_text,
    score_row,
)
from saibench.figures.questions import BEST
from saibench.figures.style import PALETTE, panel_title, panels, shades, styled

title = "Sample efficiency"
paper = "Figure 7"
question = BEST

MAX_VARIANTS = 3
SIGNAL_EFFICIENCIES = (0.3, 0.5)
COUNT = "train_count"


def needs(evidence: StudyEvidence) -> str | None:
    reason = why_no_jets(evidence)
    if reason or size_variants(evidence):
        return reason
    return "It takes two training set sizes."


def size_variants(evidence: StudyEvidence) -> list[Variant]:
    """The variants of the study with two or more training set sizes."""
    found = variants(tested(evidence), SIZES, by=[COUNT])
    return [variant for variant in found if len(variant.cells) > 1]


@once
def table(evidence: StudyEvidence) -> polars.DataFrame:
    """One row per (variant, size, statistic); rows with `point` are single seeds."""
    rows = []
    for variant in size_variants(evidence):
        jets = tested_jets(evidence, variant.cells)
        for cell in variant.cells:
            for row in _rows(jets, cell):
                rows.append({"variant": variant.label, **cell.shared, **row})
    return polars.DataFrame(rows, infer_schema_length=None)


@styled
def draw(evidence: StudyEvidence) -> Figure:
    numbers, found = table(evidence), size_variants(evidence)[:MAX_VARIANTS]
    figure, axes = panels(len(found), 2, 0.5 + 3.2 * len(found), sharex="col")
    letters = iter("abcdefgh")
    for (accuracy, roc), variant in zip(axes, found, strict=True):
        of_variant = numbers.filter(polars.col("variant") == variant.label)
        _draw_accuracy(accuracy, of_variant.filter(statistic="accuracy"))
        jets = tested_jets(evidence, variant.cells)
        for cell, colour in zip(variant.cells, reversed(shades(len(variant.cells))), strict=True):
            _draw_roc(roc, _band(jets, cell), colour, f"{cell.shared[COUNT]:,} jets")
        panel_title(accuracy, next(letters), "accuracy", variant.label)
        panel_title(roc, next(letters), "ROC")
        roc.legend(loc="lower right")
    axes[-1, 0].set_xlabel("jets trained on (log scale)")
    axes[-1, 1].set_xlabel("background efficiency (QCD jets, log scale)")
    return figure


def reading(evidence: StudyEvidence) -> str:
    """The accuracy of the first variant with the fewest and the most training jets."""
    rows = table(evidence).filter(polars.col("point").is_null(), statistic="accuracy")
    first, last = ends(rows.filter(variant=rows["variant"][0]), COUNT)
    variant = f" ({first['variant']})" if first["variant"] else ""
    return (
        f"Accuracy {change_text(first, last, '%', PERCENT)} between {first[COUNT]:,} and "
        f"{last[COUNT]:,} training jets{variant}."
    )


def caption(evidence: StudyEvidence) -> str:
    found = size_variants(evidence)
    jets = tested_jets(evidence, found[0].cells)
    return class_names(evidence).worded(
        "Left: accuracy [% of jets] at a threshold of 0.5, against the training set size; right: "
        "signal efficiency (fraction of top jets above the threshold) against background "
        "efficiency (of QCD jets), for all thresholds with at least 10 QCD jets above. Over "
        f"{jets_text(evidence, jets, evidence.held_out)}. {intervals_text(jets)} "
        f"{SEEDS.capitalize()}.{first_of(MAX_VARIANTS, len(found))}"
    )


def _rows(jets: ScoredJets, cell: Cell) -> list[dict[str, object]]:
    scores = {"accuracy": jets.accuracy(cell), "auc": jets.auc(cell)}
    rows: list[dict[str, object]] = [
        {"statistic": name, "point": None, **score_row([score])} for name, score in scores.items()
    ]
    of_seeds = [jets.scores[point] for point in cell.points]
    for level in SIGNAL_EFFICIENCIES:
        passed = background_efficiency(of_seeds, jets.label, jets.blocks, level)
        name = f"background_efficiency_{100 * level:.0f}"
        rows.append({"statistic": name, "point": None, **interval_row(passed)})
    if len(cell.points) > 1:
        for point in cell.points:
            alone = Cell(cell.shared, (point,))
            accuracy = jets.accuracy(alone).estimate
            rows.append({"statistic": "accuracy", "point": point, "estimate": accuracy})
    return rows


def _band(jets: ScoredJets, cell: Cell) -> RocBand:
    return roc_band([jets.scores[point] for point in cell.points], jets.label, jets.blocks)


def _draw_accuracy(axes: Axes, numbers: polars.DataFrame) -> None:
    mean = numbers.filter(polars.col("point").is_null())
    seeds = numbers.filter(polars.col("point").is_not_null())
    draw_curve(axes, mean, COUNT, PALETTE[0], PERCENT)
    x, y = seeds[COUNT] * 1.06, PERCENT * seeds["estimate"]
    axes.scatter(x, y, s=12, facecolors="none", edgecolors=PALETTE[0])
    axes.set_ylabel("accuracy [%]")
    jets_axis(axes, mean[COUNT].to_list())
    axes.set_xlabel("")


def _draw_roc(axes: Axes, band: RocBand, colour: Any, label: str) -> None:
    axes.fill_between(band.background, band.low, band.high, color=colour, alpha=0.15, linewidth=0)
    axes.plot(band.background, band.signal, color=colour, linewidth=1.6, label=label)
    axes.set_xscale("log")
    axes.set_ylim(0, 1.02)
    axes.set_yticks(np.arange(0, 1.1, 0.2))
    axes.set_ylabel("signal efficiency (top jets)")
