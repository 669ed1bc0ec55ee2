"""Sample efficiency of force fields: error against the number of frames trained on."""

from __future__ import annotations

import polars
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from saibench.analysis.estimates import estimate_mean
from saibench.evidence.reader import StudyEvidence
from saibench.evidence.selection import Cell, Variant, rows_of, tested, variants, why_untested
from saibench.figures.captions import INTERVALS, SEEDS, first_of, partition_text
from saibench.figures.force_field.species import FORCE_MAE, colour_of
from saibench.figures.style import (
    count_axis,
    error_bars,
    from_zero,
    panel_title,
    panels,
    styled,
)

title = "Sample efficiency"
paper = "Figure 2"

FORCES = "force MAE"
ENERGY = "energy MAE per atom"
MAX_VARIANTS = 6

LABEL_WIDTH = 0.085
"""Of an axis, which a number of frames takes."""


def needs(evidence: StudyEvidence) -> str | None:
    untested = why_untested(evidence, ["force_mae", "energy_error_per_atom", "time"])
    if untested or _variants(evidence):
        return untested
    return "It takes two training set sizes, drawn from the same window, to show the efficiency."


def table(evidence: StudyEvidence) -> polars.DataFrame:
    """One row a (variant, size, statistic, species); rows with a point are single seeds."""
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
    for panel in axes[-1]:  # shared limits follow the data of all panels until they are set
        from_zero(panel)
        panel.set_xlabel("frames trained on (log scale)")
    return figure


def caption(evidence: StudyEvidence) -> str:
    found = _variants(evidence)
    return (
        f"(a) Force MAE [meV/Å], {FORCE_MAE}, overall and by species; (b) absolute error of the "
        "total energy over the number of atoms [meV/atom], averaged over frames; against the "
        f"number of frames trained on. Tested on {partition_text(evidence)}. "
        f"{INTERVALS}; {SEEDS}.{first_of(MAX_VARIANTS, len(found))}"
    )


def _variants(evidence: StudyEvidence) -> list[Variant]:
    points = tested(evidence)
    across = ["subset.count", "subset.fraction"]
    found = variants(points, across, by=["train_count"])
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
        axes.errorbar(
            mean["train_count"],
            mean["estimate"],
            yerr=error_bars(mean["estimate"], mean["low"], mean["high"]),
            color=colour,
            linewidth=2.2 if name == "all" else 1.4,
            marker="o" if name == "all" else "s",
            markersize=5,
            capsize=3,
            label="all atoms" if name == "all" else name,
        )
        beside = seeds["train_count"] * 1.025
        axes.scatter(beside, seeds["estimate"], s=11, facecolors="none", edgecolors=colour)
