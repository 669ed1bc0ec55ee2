"""Scores of jets rotated about the beam axis, by input features and training set size."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import matplotlib.ticker
import numpy as np
import polars
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from saibench.analysis.classification.scores import ClassScore
from saibench.analysis.jet_tagging.rotated_scores import best_minus_worst, extremes
from saibench.analysis.jet_tagging.tested_jets import (
    FEATURES,
    rotated_jets,
    rotated_partition,
    rotated_variants,
    tested_jets,
    why_no_jets,
)
from saibench.evidence.once import once
from saibench.evidence.reader import StudyEvidence
from saibench.evidence.selection import Cell
from saibench.figures.captions import first_of, row_text
from saibench.figures.jet_tagging.panels import (
    PERCENT,
    draw_curve,
    feature_colours,
    feature_name,
    intervals_text,
    jets_axis,
    jets_text,
    score_row,
)
from saibench.figures.questions import TRUST
from saibench.figures.style import INK, MUTED, PAGE_WIDTH, legend_below, panel_title, styled

title = "Jets rotated about the beam axis"
paper = "Figure 9"
question = TRUST

COUNT = "train_count"
STATISTICS = ("accuracy", "auc")
MAX_FEATURES, MAX_SIZES = 3, 4
MIN_REACH = 1e-4
"""Smallest span of an AUC axis; less is rounding."""
WORST, GAP = "worst angle", "best less worst angle"


def needs(evidence: StudyEvidence) -> str | None:
    if reason := why_no_jets(evidence):
        return reason
    if rotated_partition(evidence) is None:
        return "It takes scores of rotated jets. Use test=[held_out,rotated]."
    return None if rotated_variants(evidence) else "No run records the input features of its model."


@once
def table(evidence: StudyEvidence) -> polars.DataFrame:
    """One row per (variant, features, size, statistic, measure).

    Measures are each angle in degrees (`0°`), the worst angle, and the best minus the worst.
    """
    rows = []
    for variant in rotated_variants(evidence):
        for cell in variant.cells:
            angles, scores = angle_scores(evidence, cell)
            for statistic, of_angles in scores.items():
                row = {"variant": variant.label, "features": cell.shared[FEATURES]}
                row |= {COUNT: cell.shared[COUNT], "statistic": statistic}
                for angle, score in zip(angles, of_angles, strict=True):
                    at = {"measure": f"{angle}°", "angle": float(angle)}
                    rows.append({**row, **at, **score_row([score])})
                best, worst = extremes(of_angles)
                rows.append({**row, "measure": WORST, **score_row([of_angles[worst]])})
                pair = [of_angles[best], of_angles[worst]]
                rows.append({**row, "measure": GAP, **score_row(pair, best_minus_worst)})
    return polars.DataFrame(rows, infer_schema_length=None)


def angle_scores(
    evidence: StudyEvidence, cell: Cell
) -> tuple[Sequence[str], dict[str, list[ClassScore]]]:
    """Angles in degrees, and accuracy and AUC of the cell at each."""
    partition = rotated_partition(evidence)
    assert partition is not None  # checked by `needs`
    angles, rotated = rotated_jets(evidence, cell, partition)
    return angles, {name: [getattr(jets, name)(cell) for jets in rotated] for name in STATISTICS}


@styled
def draw(evidence: StudyEvidence) -> Figure:
    variant = rotated_variants(evidence)[0]
    numbers = table(evidence).filter(polars.col("variant") == variant.label)
    names = numbers["features"].unique(maintain_order=True).to_list()[:MAX_FEATURES]
    counts = numbers[COUNT].unique().sort().to_list()
    sizes = _drawn_sizes(counts)
    height = 0.4 + 1.9 * len(names)
    figure = Figure(figsize=(PAGE_WIDTH, height + 3.2), layout="constrained")
    curves, gaps = figure.subfigures(2, 1, squeeze=False, height_ratios=(height, 3.2)).flat
    letters = iter("abcdefghijklmnopq")
    panels = curves.subplots(len(names), len(sizes), sharex=True, squeeze=False)
    for column, count in zip(panels.T, sizes, strict=True):
        for panel, name in zip(column, names, strict=True):
            rows = numbers.filter(features=name, statistic="auc", train_count=count)
            _draw_angles(panel, rows, feature_colours(names)[name])
            panel_title(panel, next(letters), f"{feature_name(name)}\n{count:,} jets")
        _share_span(column)
    for row in panels:
        row[0].set_ylabel("AUC")
    for panel in panels[-1]:
        panel.set_xlabel(f"{panel.get_xlabel()}\nangle about the beam axis [°]".lstrip())
    below = gaps.subplots(1, 3, squeeze=False)[0]
    gap = "best minus worst angle"
    drawn = (
        ("accuracy", GAP, gap, "accuracy, best minus worst [%]"),
        ("auc", GAP, gap, "AUC, best minus worst"),
        ("accuracy", WORST, "accuracy at the worst angle", "accuracy [%]"),
    )
    colours = feature_colours(names)
    for panel, (statistic, measure, text, label) in zip(below, drawn, strict=True):
        for name in names:
            line = numbers.filter(features=name, statistic=statistic, measure=measure)
            scale = PERCENT if statistic == "accuracy" else 1.0
            draw_curve(panel, line, COUNT, colours[name], scale, label=feature_name(name))
        jets_axis(panel, counts)
        panel_title(panel, next(letters), text)
        panel.set_ylabel(label)
        if measure == GAP:
            panel.axhline(0, color=INK, linewidth=1)
    legend_below(gaps, below[0])
    return figure


def reading(evidence: StudyEvidence) -> str:
    """The model whose AUC depends most on the angle, and the one whose AUC depends least."""
    gaps = table(evidence).filter(measure=GAP, statistic="auc").drop_nulls("estimate")
    if not gaps.height:
        return ""
    ordered = gaps.filter(variant=gaps["variant"][0]).sort("estimate").rows(named=True)
    first, *others = (
        f"{row_text(row)} with {feature_name(row['features'])} and {row[COUNT]:,} training jets"
        for row in reversed(ordered)
    )
    rest = f"; least, by {others[-1]}" if others else ""
    return f"Rotation changes the AUC most by {first} (best less worst angle){rest}."


def caption(evidence: StudyEvidence) -> str:
    found = rotated_variants(evidence)
    partition = str(rotated_partition(evidence))
    jets = tested_jets(evidence, found[0].cells[:1], partition)
    names, counts = ({cell.shared[name] for cell in found[0].cells} for name in (FEATURES, COUNT))
    return (
        "All jets rotated by the same angle about the beam axis. Top: area under the ROC curve "
        f"(AUC) by angle, for each input{_beyond(names, MAX_FEATURES, 'inputs')} and training set "
        f"size{_beyond(counts, MAX_SIZES, 'sizes')}; y axes of one size have equal spans, with the "
        "AUC at the best minus the worst angle below each panel. Bottom: accuracy [% of jets] and "
        "AUC at the best minus the worst angle, chosen on the same jets, so the gaps are biased "
        "upwards; accuracy at the worst angle. Over "
        f"{jets_text(evidence, jets, partition)}. {intervals_text(jets)} Paired: the same jets at "
        f"every angle.{first_of(1, len(found))}"
    )


def _beyond(all_of: Collection[object], most: int, what: str) -> str:
    return f" ({most} of {len(all_of)} {what})" if len(all_of) > most else ""


def _drawn_sizes(counts: Sequence[int]) -> list[int]:
    """At most `MAX_SIZES` training sizes, the smallest and the largest among them."""
    places = np.linspace(0, len(counts) - 1, min(MAX_SIZES, len(counts))).round().astype(int)
    return [counts[place] for place in places]


def _draw_angles(axes: Axes, numbers: polars.DataFrame, colour: str) -> None:
    """Draw the AUC at each angle, with best minus worst below, as in the paper."""
    line = numbers.filter(polars.col("angle").is_not_null()).sort("angle")
    values = line["estimate"].cast(polars.Float64).fill_null(np.nan).to_numpy()
    axes.plot(line["angle"], values, color=colour, linewidth=1.6)
    gap = numbers.filter(measure=GAP)["estimate"].to_list()
    if gap and gap[0] is not None:
        axes.set_xlabel(f"best minus worst {gap[0]:.2g}")
    if not line.height or np.isnan(values).all():
        axes.text(0.5, 0.5, "no AUC", transform=axes.transAxes, ha="center", color=MUTED)
    axes.set_xlim(0, 180)
    axes.xaxis.set_major_locator(matplotlib.ticker.MultipleLocator(45))
    axes.yaxis.set_major_locator(matplotlib.ticker.MaxNLocator(4))


def _share_span(column: np.ndarray) -> None:
    """Give axes of one size the same span, each centred on its curve, so flat curves look flat."""
    curves = [axes.lines[0].get_ydata() for axes in column]
    drawn = [curve[np.isfinite(curve)] for curve in curves]
    half = max([0.6 * float(np.ptp(curve)) for curve in drawn if curve.size] + [MIN_REACH])
    for axes, curve in zip(column, drawn, strict=True):
        if curve.size:
            top = min((curve.max() + curve.min()) / 2 + half, 1 + 0.1 * half)
            axes.set_ylim(top - 2 * half, top)
