"""Decay of a tagger's scores with energy beyond its training range, with a quadratic fit."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from saibench.analysis.classification.scores import ClassScore
from saibench.analysis.jet_tagging.energy_decay import (
    MIN_BINS,
    QuadraticDecay,
    by_bin,
    quadratic_decay,
    range_text,
    train_bins,
    training_ranges,
)
from saibench.analysis.jet_tagging.tested_jets import tested_jets, why_no_jets
from saibench.datamodules.jet_tagging.energy_bins import WIDTH
from saibench.evidence.once import once
from saibench.evidence.reader import StudyEvidence
from saibench.evidence.selection import Cell, Variant, tested
from saibench.figures.captions import first_of, row_text
from saibench.figures.jet_tagging.panels import (
    PERCENT,
    class_names,
    gaps_text,
    interval_row,
    intervals_text,
    jets_text,
    score_row,
)
from saibench.figures.questions import TRUST
from saibench.figures.style import INK, error_bars, panel_title, panels, shades, styled

title = "Decay beyond the training range"
paper = "Figure 11, fitted"
question = TRUST

STATISTICS = {"accuracy": "accuracy [%]", "auc": "area under the ROC"}
Fitted = tuple[Cell, str, list[ClassScore], QuadraticDecay]


def needs(evidence: StudyEvidence) -> str | None:
    if reason := why_no_jets(evidence):
        return reason
    found = training_ranges(tested(evidence))
    if not found:
        return "It takes runs trained on energy ranges (train_bins)."
    if _fitted(evidence, found[0]):
        return None
    return f"It takes {MIN_BINS} bins with enough jets, from the last bin of a training range on."


@once
def table(evidence: StudyEvidence) -> polars.DataFrame:
    """One row per (variant, range, statistic, measure).

    Measures are the scores by bin from the last training bin on (`bin <n>`), and the slope
    [per bin] and curvature [per bin²] of the fit.
    """
    rows = []
    for variant in training_ranges(tested(evidence)):
        for cell, name, scores, fit in _fitted(evidence, variant):
            row = {"variant": variant.label, "range": range_text(cell), "statistic": name}
            last = max(train_bins(cell))
            for number in fit.bins:
                at = {"measure": f"bin {number}", "beyond": number - last}
                rows.append({**row, **at, **score_row([scores[number]])})
            for measure, found in (("slope", fit.slope), ("curvature", fit.curvature)):
                rows.append({**row, "measure": measure, **interval_row(found)})
    return polars.DataFrame(rows, infer_schema_length=None)


@styled
def draw(evidence: StudyEvidence) -> Figure:
    variant = training_ranges(tested(evidence))[0]
    fitted = _fitted(evidence, variant)
    cells = list(dict.fromkeys(range_text(cell) for cell, *_ in fitted))
    colours = dict(zip(cells, reversed(shades(len(cells))), strict=True))
    figure, axes = panels(2, 2, 5.6, width_ratios=(2.2, 1), sharex="col")
    letters = iter("abcd")
    for (curves, numbers), (name, label) in zip(axes, STATISTICS.items(), strict=True):
        scale = PERCENT if name == "accuracy" else 1.0
        of_statistic = [found for found in fitted if found[1] == name]
        for cell, _, scores, fit in of_statistic:
            _draw_fit(curves, cell, fit, scores, colours[range_text(cell)], scale)
        curves.set_ylabel(label)
        panel_title(curves, next(letters), f"{'accuracy' if scale > 1 else 'AUC'}, fitted")
        _draw_curvature(numbers, of_statistic, cells, colours, scale)
        panel_title(numbers, next(letters), "curvature of the fit")
        numbers.set_ylabel(f"per bin²{' [%]' if scale > 1 else ''}")
    axes[0, 0].legend(fontsize=8)
    axes[1, 0].set_xlabel(f"bins of {WIDTH:g} GeV beyond the training range")
    axes[1, 1].set_xlabel("trained on bins")
    return figure


def reading(evidence: StudyEvidence) -> str:
    """The fitted decay of the accuracy beyond the first training range."""
    rows = table(evidence).filter(statistic="accuracy")
    if not rows.height:
        return ""
    rows = rows.filter(variant=rows["variant"][0], range=rows["range"][0])
    slope, curvature = (
        row_text(rows.row(by_predicate=polars.col("measure") == name, named=True), "", PERCENT)
        for name in ("slope", "curvature")
    )
    return (
        f"Trained on {rows['range'][0]}, the accuracy changes by {slope} percentage points per bin "
        f"at the edge of training, and by {curvature} per squared bin beyond."
    )


def caption(evidence: StudyEvidence) -> str:
    found = training_ranges(tested(evidence))
    jets = tested_jets(evidence, found[0].cells)
    return (
        "(a) Accuracy [% of jets] and (c) area under the ROC curve from the last training bin of "
        "energy on, with a least squares fit of a + b·d + c·d² by the distance d in bins of "
        f"{WIDTH:g} GeV, weighted by jets, without bins that have fewer than 20 jets of a class; "
        "(b, d) the curvature c, negative if the decay grows with the distance. "
        f"Ranges with fewer than {MIN_BINS} such bins are not fitted. Over "
        f"{jets_text(evidence, jets, evidence.held_out)}. "
        f"{gaps_text(jets, class_names(evidence), 'Excluded')} "
        f"{intervals_text(jets)}{first_of(1, len(found))}"
    )


def _fitted(evidence: StudyEvidence, variant: Variant) -> list[Fitted]:
    jets = tested_jets(evidence, variant.cells)
    found = []
    for name in STATISTICS:
        for cell in variant.cells:
            scores = [getattr(jets, name)(cell, chosen) for chosen in by_bin(jets)]
            fit = quadratic_decay(scores, train_bins(cell))
            if fit is not None:
                found.append((cell, name, scores, fit))
    return found


def _draw_fit(
    axes: Axes, cell: Cell, fit: QuadraticDecay, scores: list[ClassScore], colour: Any, scale: float
) -> None:
    low, high, line = (scale * values for values in (fit.low, fit.high, fit.line))
    axes.fill_between(fit.positions, low, high, color=colour, alpha=0.14, linewidth=0)
    axes.plot(fit.positions, line, color=colour, linewidth=1.6, label=range_text(cell))
    distances = np.array(fit.bins) - max(train_bins(cell))
    values = [scale * scores[number].estimate for number in fit.bins]
    axes.scatter(distances, values, s=20, color=[colour], zorder=3)


def _draw_curvature(
    axes: Axes, fitted: list[Fitted], names: list[str], colours: dict[str, Any], scale: float
) -> None:
    axes.axhline(0, color=INK, linewidth=1)
    for cell, _, _, fit in fitted:
        name, found = range_text(cell), fit.curvature
        values = scale * np.array([[found.estimate], [found.low], [found.high]])
        style = {"fmt": "o", "color": colours[name], "capsize": 3}
        axes.errorbar([names.index(name)], values[0], yerr=error_bars(*values), **style)
    axes.set_xticks(range(len(names)), [name.rpartition(" ")[2] for name in names])
    axes.set_xlim(-0.6, len(names) - 0.4)
