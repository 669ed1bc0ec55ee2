"""The errors of a single run: over the test, and by atom, or by species of several molecules."""

from __future__ import annotations

import numpy as np
import polars
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from saibench.evidence.reader import StudyEvidence
from saibench.evidence.selection import rows_of, tested, why_untested
from saibench.figures.captions import partition_text
from saibench.figures.force_field.species import FORCE_MAE, colour_of
from saibench.figures.questions import DRIVERS
from saibench.figures.style import INK, PALETTE, axis_label, from_zero, panel_title, panels, styled

title = "Errors of one run"
paper = ""
question = DRIVERS
ATOM, SPECIES = "atom", "species"
single_point = True
"""Not drawn in reports of several runs."""


def needs(evidence: StudyEvidence) -> str | None:
    untested = why_untested(evidence, ["energy_error", "force_mae", "time"])
    if untested or tested(evidence).height == 1:
        return untested
    return "It shows a single run; other figures compare the runs of a study."


def table(evidence: StudyEvidence) -> polars.DataFrame:
    """One row per frame: time [ps, if known], signed energy error [meV], force MAE [meV/Å]."""
    return _samples(evidence).select("sample_id", "time", "energy_error", "force_mae")


@styled
def draw(evidence: StudyEvidence) -> Figure:
    samples = _samples(evidence)
    part = _part(evidence)
    widths = (3, 3, 2) if part else (3, 3)
    figure, axes = panels(1, len(widths), 3.4, width_ratios=widths)
    energy, force, *parts = axes[0]
    energy.axhline(0, color=INK, linewidth=0.8)
    time = axis_label("time in the trajectory", _time_unit(evidence))
    for panel, column, label in (
        (energy, "energy_error", "energy error [meV]"),
        (force, "force_mae", "force MAE [meV/Å]"),
    ):
        _line(panel, samples, column, label)
        panel.set_xlabel(time)
    from_zero(force)
    for panel in parts:
        draw_part = _draw_atoms if part == ATOM else _draw_species
        draw_part(panel, evidence)
        panel_title(
            panel, "c", "force MAE of an atom" if part == ATOM else "force MAE of a species"
        )
    panel_title(energy, "a", "total energy, predicted minus reference")
    panel_title(force, "b", "force MAE of a frame")
    return figure


def reading(evidence: StudyEvidence) -> str:
    """The mean force error, and the frame with the largest."""
    samples = _samples(evidence).filter(polars.col("force_mae").is_not_nan())
    if samples.is_empty():
        return "No tested frame has reference forces."
    forces = samples["force_mae"].to_numpy()
    worst = samples.row(int(forces.argmax()), named=True)
    at = f"{worst['time']:.4g} {_time_unit(evidence)}".strip()
    return (
        f"Force MAE is {forces.mean():.3g} meV/Å on average, and largest at "
        f"time {at}: {worst['force_mae']:.3g} meV/Å in sample {worst['sample_id']:,}."
    )


def caption(evidence: StudyEvidence) -> str:
    samples = _samples(evidence)
    errors = samples["energy_error"].to_numpy()
    known = samples["force_mae"].drop_nans().to_numpy()
    forces = f", mean {known.mean():.1f}" if len(known) else ""
    part = _part(evidence)
    of = {
        ATOM: "atom of the molecule",
        SPECIES: "species, since atoms of different molecules have no common index",
    }.get(part)
    parts = f"; (c) the same by {of}, averaged over the frames" if part else ""
    return (
        f"Over {partition_text(evidence)}: (a) error of a frame's total energy [meV], "
        f"mean absolute {np.abs(errors).mean():.1f}, mean {errors.mean():+.1f}; (b) {FORCE_MAE} "
        f"[meV/Å]{forces}{parts}."
    )


def _part(evidence: StudyEvidence) -> str:
    """The axis of panel c: the atoms of one molecule, else species; empty if there is none.

    Reduced results have no errors by atom.
    """
    if ATOM in evidence.axes:
        return ATOM
    several = "formula" in evidence.samples.columns
    return SPECIES if several and SPECIES in evidence.axes else ""


def _samples(evidence: StudyEvidence) -> polars.DataFrame:
    points = tested(evidence)["point"].to_list()
    return rows_of(evidence.samples, points, evidence.held_out).sort("time")


def _time_unit(evidence: StudyEvidence) -> str:
    """`ps`; empty if the time between two frames is unknown, and frames are counted."""
    return evidence.units.get("time", {}).get("unit", "")


def _line(axes: Axes, samples: polars.DataFrame, column: str, label: str) -> None:
    axes.plot(samples["time"], samples[column], color=PALETTE[0], linewidth=0.8)
    axes.set_ylabel(label)
    axes.margins(x=0.01)


def _draw_atoms(axes: Axes, evidence: StudyEvidence) -> None:
    points = tested(evidence)["point"].to_list()
    means = (
        rows_of(evidence.table("by_atom"), points, evidence.held_out)
        .group_by("atom", "species")
        .agg(polars.col("force_mae").mean())
        .sort("atom")
    )
    species = means["species"].unique(maintain_order=True).to_list()
    colours = {name: colour_of(name, number) for number, name in enumerate(species)}
    axes.bar(means["atom"], means["force_mae"], color=[colours[name] for name in means["species"]])
    handles = [Line2D([], [], color=colours[name], linewidth=6, label=name) for name in species]
    axes.legend(handles=handles, ncols=len(species), loc="upper right", handlelength=0.8)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("atom")
    axes.margins(y=0.15)


def _draw_species(axes: Axes, evidence: StudyEvidence) -> None:
    """Means over all frames that have the species, weighted by its number of atoms."""
    points = tested(evidence)["point"].to_list()
    rows = rows_of(evidence.table("by_species"), points, evidence.held_out)
    error, weight = polars.col("force_mae"), polars.col("num_atoms")
    means = (
        rows.filter(error.is_not_nan() & error.is_not_null())
        .group_by(SPECIES)
        .agg((error * weight).sum() / weight.sum())
        .sort(SPECIES)
    )
    names = means[SPECIES].to_list()
    colours = [colour_of(name, number) for number, name in enumerate(names)]
    axes.bar(names, means["force_mae"], color=colours)
    axes.set_xlabel(SPECIES)
    axes.margins(y=0.15)
