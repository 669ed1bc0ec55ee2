"""The effect of physics in a tagger's inputs: scores by features and training set size."""

from __future__ import annotations

import polars
from matplotlib.figure import Figure

from saibench.analysis.jet_tagging.tested_jets import FEATURES, SIZES, tested_jets, why_no_jets
from saibench.evidence.once import once
from saibench.evidence.reader import StudyEvidence
from saibench.evidence.selection import Variant, tested, variants
from saibench.figures.captions import first_and_last, first_of, row_text, shared_text
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
from saibench.figures.questions import BEST
from saibench.figures.style import INK, legend_below, panel_title, panels, styled

title = "Physical prior in the inputs"
paper = "Figure 8"
question = BEST

MAX_VARIANTS = 2
COUNT = "train_count"
PRIOR = "kinematic"
STATISTICS = ("accuracy", "auc")


def needs(evidence: StudyEvidence) -> str | None:
    reason = why_no_jets(evidence)
    if reason or feature_variants(evidence):
        return reason
    return "It takes runs with two kinds of inputs. Use model.net.features=kinematic,raw."


def feature_variants(evidence: StudyEvidence) -> list[Variant]:
    """The variants of the study with two or more inputs, which differ in inputs and size alone."""
    points = tested(evidence)
    if FEATURES not in points.columns:
        return []
    found = variants(points, [*SIZES, FEATURES], by=[FEATURES, COUNT])
    return [each for each in found if len({cell.shared[FEATURES] for cell in each.cells}) > 1]


@once
def table(evidence: StudyEvidence) -> polars.DataFrame:
    """One row per (variant, features, size, statistic, measure).

    Measures are the value, and the paired lead of the kinematic features (`lead`).
    """
    rows = []
    for variant in feature_variants(evidence):
        jets = tested_jets(evidence, variant.cells)
        scores = {
            (cell.shared[FEATURES], cell.shared[COUNT], name): getattr(jets, name)(cell)
            for cell in variant.cells
            for name in STATISTICS
        }
        for (features, count, name), score in scores.items():
            row = {"variant": variant.label, "features": features, COUNT: count, "statistic": name}
            rows.append({**row, "measure": "value", **score_row([score])})
            prior = scores.get((PRIOR, count, name))
            if prior is not None and features != PRIOR:
                lead = score_row([prior, score], lambda values: values[:, 0] - values[:, 1])
                rows.append({**row, "measure": "lead", **lead})
    return polars.DataFrame(rows, infer_schema_length=None)


@styled
def draw(evidence: StudyEvidence) -> Figure:
    numbers, found = table(evidence), feature_variants(evidence)[:MAX_VARIANTS]
    figure, axes = panels(len(found), 3, 0.8 + 2.9 * len(found), sharex=True)
    for row, variant in zip(axes, found, strict=True):
        of_variant = numbers.filter(polars.col("variant") == variant.label)
        names = of_variant["features"].unique(maintain_order=True).to_list()
        colours = feature_colours(names)
        drawn = (
            ("accuracy", "value", "accuracy", "accuracy [%]"),
            ("auc", "value", "area under the ROC", "AUC"),
            ("accuracy", "lead", "lead of the kinematic features", "accuracy gain [% of jets]"),
        )
        for panel, letter, (statistic, measure, text, label) in zip(row, "abc", drawn, strict=True):
            of_panel = of_variant.filter(statistic=statistic, measure=measure)
            for name in names:
                line = of_panel.filter(features=name)
                scale = PERCENT if statistic == "accuracy" else 1.0
                if line.height:
                    draw_curve(panel, line, COUNT, colours[name], scale, label=feature_name(name))
            jets_axis(panel, of_variant[COUNT].unique().to_list())
            panel_title(panel, letter, text, variant.label if letter == "a" else "")
            panel.set_ylabel(label)
        row[2].axhline(0, color=INK, linewidth=1)
    legend_below(figure, axes[0, 0])
    return figure


def reading(evidence: StudyEvidence) -> str:
    """The lead in accuracy of the kinematic features with the fewest and the most jets."""
    leads = table(evidence).filter(measure="lead", statistic="accuracy")
    leads = leads.filter(polars.col("estimate").is_not_null())
    if not leads.height:
        return ""
    first = leads.row(0, named=True)
    own = leads.filter(variant=first["variant"], features=first["features"]).sort(COUNT)
    sizes = [
        f"{row_text(row, 'percentage points', PERCENT)} with {row[COUNT]:,} training jets"
        for row in own.iter_rows(named=True)
    ]
    other = feature_name(first["features"])
    ends = first_and_last(sizes)
    return f"The accuracy of kinematic features is above that of {other} by {ends}."


def caption(evidence: StudyEvidence) -> str:
    found = feature_variants(evidence)
    jets = tested_jets(evidence, found[0].cells)
    return (
        "By input features and training set size: (a) accuracy [% of jets] at a threshold of 0.5; "
        "(b) area under the ROC curve; (c) accuracy with kinematic features minus that with the "
        "others, paired. Kinematic: seven features of each constituent relative to the jet, and "
        "four of each pair; four-momenta: E, px, py, pz of each constituent, with or without the "
        f"pair features. Over {jets_text(evidence, jets, evidence.held_out)}. "
        f"{intervals_text(jets)}{first_of(MAX_VARIANTS, len(found))}"
        f"{shared_text(found[0].label) if len(found) == 1 else ''}"
    )
