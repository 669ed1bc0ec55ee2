"""Equivariance and invariance of a force field on rotated molecules."""

from __future__ import annotations

import numpy as np
import polars
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from saibench.analysis.estimates import estimate_mean
from saibench.analysis.force_field.rotated_frames import rotated_pairs, rotated_partition
from saibench.evidence.once import once
from saibench.evidence.reader import StudyEvidence
from saibench.evidence.selection import Variant, tested, variants, why_untested
from saibench.figures.captions import row_text
from saibench.figures.questions import TRUST
from saibench.figures.style import PALETTE, error_bars, legend_below, panel_title, panels, styled

title = "Rotated molecules"
paper = ""
question = TRUST

FORCES = {
    "force_mae": "error, original",
    "rotated_force_mae": "error, rotated",
    "equivariance_error": "change by rotation",
}
ENERGIES = {
    "energy_mae": "error, original",
    "rotated_energy_mae": "error, rotated",
    "energy_change": "change by rotation",
}
UNITS = {**dict.fromkeys(FORCES, "meV/Å"), **dict.fromkeys(ENERGIES, "meV")}


def needs(evidence: StudyEvidence) -> str | None:
    untested = why_untested(evidence, ["force_mae", "energy_error"])
    if untested or rotated_partition(evidence):
        return untested
    return "No run was tested on rotated molecules. Use test=[last_tenth,last_tenth_rotated]."


@once
def table(evidence: StudyEvidence) -> polars.DataFrame:
    """One row per (model, quantity): its mean over frames with its interval."""
    pairs, rows = rotated_pairs(evidence), []
    for variant in _variants(evidence):
        points = [point for cell in variant.cells for point in cell.points]
        of_model = pairs.filter(polars.col("point").is_in(points))
        for name, unit in UNITS.items():
            found = estimate_mean(of_model, name).interval
            rows.append(
                {"model": variant.label, "quantity": name, "unit": unit}
                | {"estimate": found.estimate, "low": found.low, "high": found.high}
                | {"blocks": found.num_blocks, "samples": found.count}
            )
    return polars.DataFrame(rows)


@styled
def draw(evidence: StudyEvidence) -> Figure:
    numbers = table(evidence)
    models = numbers["model"].unique(maintain_order=True).to_list()
    figure, axes = panels(1, 2, 1.6 + 0.5 * len(models), sharey=True)
    forces, energies = axes[0]
    _draw(forces, numbers, FORCES, models)
    _draw(energies, numbers, ENERGIES, models)
    panel_title(forces, "a", "forces, per component")
    panel_title(energies, "b", "total energy")
    forces.set_xlabel("mean absolute value [meV/Å]")
    energies.set_xlabel("mean absolute value [meV]")
    forces.set_yticks(range(len(models)), models)
    forces.set_ylim(len(models) - 0.4, -0.6)
    legend_below(figure, forces)
    return figure


def reading(evidence: StudyEvidence) -> str:
    """How much a rotation changes the forces of the first model, compared with their error."""
    numbers = table(evidence)
    of_model = numbers.filter(model=numbers["model"][0])
    (change,) = of_model.filter(quantity="equivariance_error").rows(named=True)
    (error,) = of_model.filter(quantity="force_mae").rows(named=True)
    named = f" of {change['model']}" if numbers["model"].n_unique() > 1 else ""
    share = 100 * change["estimate"] / error["estimate"]
    return (
        f"Rotation changes the forces{named} by {row_text(change, 'meV/Å')}, {share:.2g} % of "
        "their error."
    )


def caption(evidence: StudyEvidence) -> str:
    numbers = table(evidence)
    changes = numbers.filter(polars.col("quantity") == "equivariance_error")
    listed = "; ".join(
        f"{row['model'] or 'the model'}: {row['estimate']:.2g}"
        f"{'' if np.isnan(row['low']) else bounds} meV/Å"
        for row in changes.iter_rows(named=True)
        for bounds in [f" [{row['low']:.2g}, {row['high']:.2g}]"]
    )
    frames = max(changes["samples"].to_list())
    return (
        f"Over {frames:,} frames of {evidence.held_out}, original and rotated at random. (a) "
        "Difference between the forces of rotated molecules and the rotated forces, compared with "
        "the errors; zero up to rounding for an equivariant model. (b) Change of the energy by "
        f"rotation. Change of the forces: {listed}. Error bars: 95 % intervals from resampling "
        "blocks of time. The axes are logarithmic."
    )


def _variants(evidence: StudyEvidence) -> list[Variant]:
    return variants(tested(evidence), [], by=["train_count"])


def _draw(
    axes: Axes, numbers: polars.DataFrame, quantities: dict[str, str], models: list[str]
) -> None:
    for position, (name, label) in enumerate(quantities.items()):
        rows = numbers.filter(polars.col("quantity") == name)
        heights = [models.index(model) + 0.2 * (position - 1) for model in rows["model"]]
        axes.errorbar(
            rows["estimate"],
            heights,
            xerr=error_bars(rows["estimate"], rows["low"], rows["high"]),
            color=PALETTE[(2, 0, 1)[position]],
            fmt="o",
            capsize=2.5,
            label=label,
        )
    axes.set_xscale("log")
    axes.grid(axis="y", visible=False)
