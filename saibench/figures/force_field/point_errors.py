"""The errors of a single run: over the test, and by atom."""

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
from saibench.figures.style import INK, PALETTE, from_zero, panel_title, panels, styled

title = "Errors of one run"
paper = ""
question = DRIVERS
single_point = True
"""Not drawn in reports of several runs."""


def needs(evidence: StudyEvidence) -> str | None:
    untested = why_untested(evidence, ["energy_error", "force_mae", "time"])
    if untested or tested(evidence).height == 1:
        return untested
    return "It shows a single run; other figures compare the runs of a study."


def table(evidence: StudyEvidence) -> polars.DataFrame:
    """One row per frame: time [ps], signed energy error [meV], force MAE [meV/Å]."""
    return _samples(evidence).select("sample_id", "time", "energy_error", "force_mae")


@styled
def draw(evidence: StudyEvidence) -> Figure:
    samples = _samples(evidence)
    widths = (3, 3, 2) if _has_atoms(evidence) else (3, 3)
    figure, axes = panels(1, len(widths), 3.4, width_ratios=widths)
    energy, force, *atoms = axes[0]
    energy.axhline(0, color=INK, linewidth=0.8)
    _line(energy, samples, "energy_error", "energy error [meV]")
    _line(force, samples, "force_mae", "force MAE [meV/Å]")
    from_zero(force)
    for panel in atoms:
        _draw_atoms(panel, evidence)
        panel_title(panel, "c", "force MAE of an atom")
    panel_title(energy, "a", "total energy, predicted minus reference")
    panel_title(force, "b", "force MAE of a frame")
    return figure


def reading(evidence: StudyEvidence) -> str:
    """The mean force error, and the frame with the largest."""
    samples = _samples(evidence)
    forces = samples["force_mae"].to_numpy()
    worst = samples.row(int(forces.argmax()), named=True)
    return (
        f"Force MAE is {forces.mean():.3g} meV/Å on average, and largest at "
        f"{worst['time']:.4g} ps: {worst['force_mae']:.3g} meV/Å in sample {worst['sample_id']:,}."
    )


def caption(evidence: StudyEvidence) -> str:
    samples = _samples(evidence)
    errors, forces = samples["energy_error"].to_numpy(), samples["force_mae"].to_numpy()
    atoms = (
        "; (c) the same by atom of the molecule, averaged over the frames"
        if _has_atoms(evidence)
        else ""
    )
    return (
        f"Over {partition_text(evidence)}: (a) error of a frame's total energy [meV], "
        f"mean absolute {np.abs(errors).mean():.1f}, mean {errors.mean():+.1f}; (b) {FORCE_MAE} "
        f"[meV/Å], mean {forces.mean():.1f}{atoms}."
    )


def _has_atoms(evidence: StudyEvidence) -> bool:
    """Whether the results have errors by atom; reduced results have none."""
    return "atom" in evidence.axes


def _samples(evidence: StudyEvidence) -> polars.DataFrame:
    points = tested(evidence)["point"].to_list()
    return rows_of(evidence.samples, points, evidence.held_out).sort("time")


def _line(axes: Axes, samples: polars.DataFrame, column: str, label: str) -> None:
    axes.plot(samples["time"], samples[column], color=PALETTE[0], linewidth=0.8)
    axes.set_ylabel(label)
    axes.set_xlabel("time in the trajectory [ps]")
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
