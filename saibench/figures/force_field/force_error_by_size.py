"""Sample efficiency of force fields: errors by training set size."""

from __future__ import annotations

from typing import Any

import polars
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from saibench.analysis.estimates import estimate_mean
from saibench.evidence.once import once
from saibench.evidence.reader import StudyEvidence
from saibench.evidence.selection import Cell, Variant, rows_of, tested, variants, why_untested
from saibench.figures.captions import INTERVALS, SEEDS, change_text, ends, first_of, partition_text
from saibench.figures.force_field.species import FORCE_MAE, colour_of
from saibench.figures.questions import BEST
from saibench.figures.style import (
    count_axis,
    draw_intervals,
    from_zero,
    panel_title,
    panels,
    styled,
)

title = "Sample efficiency"
paper = "Figure 2"
question = BEST

FORCES = "force MAE"
ENERGY = "energy MAE per atom"
MAX_VARIANTS = 6

LABEL_WIDTH = 0.085
"""Width of a tick label as a fraction of the axis."""


def needs(evidence: StudyEvidence) -> str | None:
    untested = why_untested(evidence, ["force_mae", "energy_error_per_atom", "time"])
    if untested or _variants(evidence):
        return untested
    return "It takes two training set sizes from the same window."


@once
def table(evidence: StudyEvidence) -> polars.DataFrame:
    """One row per (variant, size, statistic, species); rows with `point` are single seeds."""
    rows = [
        row
        for variant in _variants(evidence)
        for cell in variant.cells
        for row in _rows(evidence, variant, cell)
    ]
    return polars.DataFrame(rows, infer_schema_length=None)


@styled
def draw(evidence: StudyEvidence) -> Figure:
    numbers = table(evidence)
    labels = numbers["variant"].unique(maintain_order=True).to_list()[:MAX_VARIANTS]
    figure, axes = panels(len(labels), 2, 0.5 + 3.1 * len(labels), sharex=True, sharey="col")
    for (forces, energy), label in zip(axes, labels, strict=True):
        of_variant = numbers.filter(polars.col("variant") == label)
        _draw_lines(forces, of_variant.filter(polars.col("statistic") == FORCES))
        _draw_lines(energy, of_variant.filter(polars.col("statistic") == ENERGY))
        panel_title(forces, "a", "forces", label)
        panel_title(energy, "b", "energy")
        forces.set_ylabel("force MAE [meV/Å]")
        energy.set_ylabel("energy MAE per atom [meV/atom]")
        forces.legend(ncols=2)
        for panel in (forces, energy):
            count_axis(
                panel, numbers["train_count"].unique().to_list(), LABEL_WIDTH, "{:,.0f}".format
            )
    for panel in axes[-1]:  # set last: shared limits follow the data of all panels until then
        from_zero(panel)
        panel.set_xlabel("frames trained on (log scale)")
    return figure


def reading(evidence: StudyEvidence) -> str:
    """The force error of the first variant with the fewest and the most training frames."""
    rows = table(evidence).filter(polars.col("point").is_null(), statistic=FORCES, species="all")
    first, last = ends(rows.filter(variant=rows["variant"][0]), "train_count")
    sizes = f"between {first['train_count']:,} and {last['train_count']:,} training frames"
    variant = f" ({first['variant']})" if first["variant"] else ""
    return f"Force MAE {change_text(first, last, 'meV/Å')} {sizes}{variant}."


def caption(evidence: StudyEvidence) -> str:
    found = _variants(evidence)
    return (
        f"(a) Force MAE [meV/Å], {FORCE_MAE}, overall and by species; (b) absolute error of the "
        "total energy over the number of atoms [meV/atom], averaged over frames; against the "
        f"training set size. Tested on {partition_text(evidence)}. "
        f"{INTERVALS}; {SEEDS}.{first_of(MAX_VARIANTS, len(found))}"
    )


def _variants(evidence: StudyEvidence) -> list[Variant]:
    found = variants(tested(evidence), ["subset.count", "subset.fraction"], by=["train_count"])
    return [variant for variant in found if len(variant.cells) > 1]


def _rows(evidence: StudyEvidence, variant: Variant, cell: Cell) -> list[dict[str, object]]:
    frames = rows_of(evidence.samples, cell.points, evidence.held_out)
    energy = polars.col("energy_error_per_atom").abs()
    estimates = [
        (FORCES, "all", "meV/Å", estimate_mean(frames, "force_mae")),
        (ENERGY, "all", "meV/atom", estimate_mean(frames, energy)),
    ]
    if "species" in evidence.axes:
        atoms = rows_of(evidence.table("by_species"), cell.points, evidence.held_out)
        for (species,), rows in sorted(atoms.group_by("species"), key=lambda group: group[0]):
            estimate = estimate_mean(rows, "force_mae", weight="num_atoms")
            estimates.append((FORCES, str(species), "meV/Å", estimate))
    settings = {"variant": variant.label, **cell.shared}
    return [
        {**settings, "statistic": statistic, "species": species, "unit": unit, **row}
        for statistic, species, unit, estimate in estimates
        for row in estimate.rows()
    ]


def _draw_lines(axes: Axes, numbers: polars.DataFrame) -> None:
    species = numbers["species"].unique(maintain_order=True).to_list()
    for position, name in enumerate(species):
        line = numbers.filter(polars.col("species") == name)
        mean = line.filter(polars.col("point").is_null())
        seeds = line.filter(polars.col("point").is_not_null())
        colour = colour_of(name, position)
        style: dict[str, Any] = (
            {"linewidth": 2.2, "marker": "o", "label": "all atoms"}
            if name == "all"
            else {"linewidth": 1.4, "marker": "s", "label": name}
        )
        draw_intervals(
            axes, mean["train_count"], mean, color=colour, markersize=5, capsize=3, **style
        )
        x = seeds["train_count"] * 1.025
        axes.scatter(x, seeds["estimate"], s=11, facecolors="none", edgecolors=colour)
