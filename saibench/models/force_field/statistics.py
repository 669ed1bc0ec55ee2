"""Statistics of a force field, with unit and normalisation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import Tensor

from saibench.evidence.schema import BEFORE
from saibench.evidence.statistic import Axis, Statistic

STRESS_MAE = Statistic(
    "stress_mae",
    "meV/Å³",
    "component",
    "mean absolute error of a stress component",
    summaries={"stress_mae": "mean"},
    partial=True,
)
"""Of periodic frames whose reference has a stress."""


def force_field_statistics(
    type_names: Sequence[str], species: Sequence[int] | None, aligned: str = ""
) -> list[Statistic]:
    """Errors by frame, by species and, of one molecule, by atom.

    Args:
        type_names: chemical symbols; the position in the list is the atom type.
        species: atom type of each atom of the molecule; None for several molecules.
        aligned: how predicted energies were aligned with the reference's, if they were.
    """
    by_species = species_axis(type_names, species)
    minus = "the mean of the training partition"
    if species is None:
        minus = "the atomic energies of its atoms, fitted to the training partition"
    found = [
        Statistic(
            "predicted_energy",
            "meV",
            "frame",
            f"predicted total energy minus {minus}",
            known=BEFORE,
        ),
        Statistic(
            "energy_error",
            "meV",
            "frame",
            f"total energy, predicted minus reference{aligned}",
            summaries={"energy_mae": "mean_abs", "energy_bias": "mean"},
        ),
        Statistic(
            "energy_error_per_atom",
            "meV/atom",
            "frame",
            f"total energy over the number of atoms, predicted minus reference{aligned}",
            summaries={"energy_mae_per_atom": "mean_abs"},
        ),
        _force_mae({"force_mae": "mean"}),
        _force_error_norm({"force_error_norm": "mean"}),
        Statistic(
            "equivariance_error",
            "meV/Å",
            "component",
            "mean absolute difference between forces of the rotated frame and rotated forces",
            summaries={"equivariance_error": "mean"},
        ),
        _force_mae({"force_mae": "mean"}, by_species),
        _force_error_norm({}, by_species),
    ]
    if species is None:
        describe = "number of atoms of the species"
        return [*found, Statistic("num_atoms", "", "frame", describe, by_species, known=BEFORE)]
    by_atom = atom_axis(type_names, species)
    return [*found, _force_mae({}, by_atom), _force_error_norm({}, by_atom)]


def committee_statistics(
    members: int, type_names: Sequence[str], species: Sequence[int] | None
) -> list[Statistic]:
    """Disagreement of a committee by frame, species and atom; arguments as above."""
    describe = (
        "root mean square, over force components, of the standard deviation of the predictions of "
        f"the weights of the last validations (up to {members})"
    )
    axes = [None, species_axis(type_names, species)]
    if species is not None:
        axes.append(atom_axis(type_names, species))
    return [
        Statistic(
            "committee_std",
            "meV/Å",
            "component",
            describe,
            axis,
            partial=axis is not None and species is None,
            known=BEFORE,
            title="disagreement of the committee",
        )
        for axis in axes
    ]


def species_axis(type_names: Sequence[str], species: Sequence[int] | None) -> Axis:
    """The species of the table `by_species`, weighted by their numbers of atoms.

    Those of several molecules are a statistic of the axis, since they differ between samples.
    """
    if species is None:
        return Axis("species", tuple(type_names), weight="num_atoms")
    counts = tuple(species.count(kind) for kind in range(len(type_names)))
    return Axis("species", tuple(type_names), {"num_atoms": counts}, weight="num_atoms")


def atom_axis(type_names: Sequence[str], species: Sequence[int]) -> Axis:
    """The atoms of the table `by_atom`, with their species."""
    symbols = tuple(type_names[kind] for kind in species)
    return Axis("atom", tuple(range(len(species))), {"species": symbols})


def _force_mae(summaries: dict[str, str], axis: Axis | None = None) -> Statistic:
    describe = "mean absolute error of a force component"
    return Statistic("force_mae", "meV/Å", "component", describe, axis, summaries, partial=True)


def _force_error_norm(summaries: dict[str, str], axis: Axis | None = None) -> Statistic:
    describe = "mean norm of an atom's force error"
    return Statistic("force_error_norm", "meV/Å", "atom", describe, axis, summaries, partial=True)


def defined_where(has_forces: Tensor, values: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The bools of `partial` statistics that need reference forces.

    Args:
        has_forces: `(B,)` bool, whether a frame has them.
        values: by key, `(B,)` or `(B, labels)`.
    """
    return {
        f"{key}.defined": has_forces.reshape(-1, *[1] * (value.ndim - 1)).expand(value.shape)
        for key, value in values.items()
    }
