"""How a tagger answers to jets turned about the beam, by its inputs and training set."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib.ticker
import numpy as np
import polars
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from saibench.evidence.reader import StudyEvidence
from saibench.evidence.selection import Cell, Variant, tested, variants
from saibench.figures.captions import first_of
from saibench.figures.jet_panels import (
    PERCENT,
    draw_curve,
    feature_colours,
    feature_name,
    intervals_text,
    jets_axis,
    jets_text,
    score_row,
)
from saibench.figures.style import INK, PAGE_WIDTH, panel_title, shades, styled
from saibench.interpretation.jet_scores import JetScore
from saibench.interpretation.tested_jets import (
    FEATURES,
    SIZES,
    tested_jets,
    turned_jets,
    turned_partition,
    why_no_jets,
)
from saibench.interpretation.turned_scores import best_less_worst, extremes

title = "Jets turned about the beam"
paper = "Figure 9"

COUNT = "train_count"
STATISTICS = ("accuracy", "auc")
MAX_FEATURES = 3
WORST, GAP = "worst angle", "best less worst angle"


def needs(evidence: StudyEvidence) -> str | None:
    lacking = why_no_jets(evidence)
    if lacking:
        return lacking
    if turned_partition(evidence) is None:
        return "It takes jets that were scored turned (test=[held_out, rotated])."
    return None if _variants(evidence) else "No point says which inputs its model takes."


def table(evidence: StudyEvidence) -> polars.DataFrame:
    """One row a (variant, features, size, statistic, measure).

    Measures are each angle in degrees (`0°`), the worst angle, and the best less the worst.
    """
    rows = []
    for variant in _variants(evidence):
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
                rows.append({**row, "measure": GAP, **score_row(pair, best_less_worst)})
    return polars.DataFrame(rows, infer_schema_length=None)


def angle_scores(
    evidence: StudyEvidence, cell: Cell
) -> tuple[Sequence[str], dict[str, list[JetScore]]]:
    """Angles in degrees, and the cell's accuracy and AUC at each."""
    partition = turned_partition(evidence)
    assert partition is not None  # `needs` has been asked
    angles, turned = turned_jets(evidence, cell, partition)
    return angles, {name: [getattr(jets, name)(cell) for jets in turned] for name in STATISTICS}


@styled
def draw(evidence: StudyEvidence) -> Figure:
    variant = _variants(evidence)[0]
    numbers = table(evidence).filter(polars.col("variant") == variant.label)
    names = numbers["features"].unique(maintain_order=True).to_list()[:MAX_FEATURES]
    figure = Figure(figsize=(PAGE_WIDTH, 6.4), layout="constrained")
    curves, gaps = figure.subfigures(2, 1, squeeze=False).flat
    counts = numbers[COUNT].unique().sort().to_list()
    above = curves.subplots(1, len(names), sharey=True, squeeze=False)[0]
    for panel, letter, name in zip(above, "abc", names, strict=False):
        _draw_angles(panel, numbers.filter(features=name, statistic="accuracy"), counts)
        panel_title(panel, letter, feature_name(name))
    above[0].set_ylabel("accuracy, change from 0° [%]")
    handles, labels = above[0].get_legend_handles_labels()
    curves.legend(handles, labels, loc="outside upper center", ncols=len(labels))
    below = gaps.subplots(1, 3, squeeze=False)[0]
    wanted = (("accuracy", GAP), ("auc", GAP), ("accuracy", WORST))
    texts = ("best less worst angle", "best less worst angle", "accuracy at the worst angle")
    labels_y = ("accuracy, best less worst [%]", "AUC, best less worst", "accuracy [%]")
    colours = feature_colours(names)
    for number, (panel, (statistic, measure)) in enumerate(zip(below, wanted, strict=True)):
        for name in names:
            line = numbers.filter(features=name, statistic=statistic, measure=measure)
            scale = PERCENT if statistic == "accuracy" else 1.0
            draw_curve(panel, line, COUNT, colours[name], scale, label=feature_name(name))
        jets_axis(panel, counts)
        panel_title(panel, "def"[number], texts[number])
        panel.set_ylabel(labels_y[number])
        if measure == GAP:
            panel.axhline(0, color=INK, linewidth=1)
    handles, labels = below[0].get_legend_handles_labels()
    gaps.legend(handles, labels, loc="outside lower center", ncols=len(labels))
    return figure


def caption(evidence: StudyEvidence) -> str:
    found = _variants(evidence)
    partition = str(turned_partition(evidence))
    jets = tested_jets(evidence, found[0].cells[:1], partition)
    return (
        "All jets turned by one angle about the beam: (a to c) accuracy [% of jets] less that at "
        "0°, by the number of jets trained on; (d, e) accuracy [%] and area under the ROC curve "
        "at the angle where they are best less where they are worst; the angles are chosen by "
        "these jets, so gaps lean upwards; (f) accuracy at the worst angle. Over "
        f"{jets_text(evidence, jets, partition)}. {intervals_text(jets)} Paired: the same jets at "
        f"every angle.{first_of(1, len(found))}"
    )


def _variants(evidence: StudyEvidence) -> list[Variant]:
    """Points with turned jets, in groups that differ in inputs and size alone."""
    partition = turned_partition(evidence)
    points = tested(evidence)
    if partition is None or FEATURES not in points.columns:
        return []
    with_angles = evidence.samples.filter(polars.col("partition") == partition)["point"].unique()
    chosen = points.filter(polars.col("point").is_in(with_angles.to_list()))
    return variants(chosen, [*SIZES, FEATURES], by=[FEATURES, COUNT])


def _draw_angles(axes: Axes, numbers: polars.DataFrame, counts: Sequence[int]) -> None:
    colours = dict(zip(counts, reversed(shades(len(counts))), strict=True))
    axes.axhline(0, color=INK, linewidth=0.8)
    for count in counts:
        line = numbers.filter(polars.col("angle").is_not_null(), train_count=count).sort("angle")
        if not line.height:
            continue
        values = line["estimate"].cast(polars.Float64).fill_null(np.nan).to_numpy()
        axes.plot(
            line["angle"],
            PERCENT * (values - values[0]),
            color=colours[count],
            linewidth=1.5,
            label=f"{count:,} jets",
        )
    axes.set_xlabel("angle about the beam [°]")
    axes.set_xlim(0, 180)
    axes.xaxis.set_major_locator(matplotlib.ticker.MultipleLocator(45))
