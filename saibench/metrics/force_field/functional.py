"""Errors of a force field: per-sample statistics, and the sums behind the metrics.

Statistics take predictions and targets in any unit and floating dtype. The result has that unit
and is float64, computed in float64. saibench stores eV and eV/Å and reports meV, meV/atom and
meV/Å. Statistics keep NaN; the metrics reject it.
"""

from __future__ import annotations

from typing import Literal, get_args

import torch
from torch import Tensor

from saibench.metrics.functional.checks import check_integers, difference
from saibench.metrics.functional.refusal import count_not_finite, raise_if_refused

ForceErrorKind = Literal["component", "norm"]
FORCE_ERROR_KINDS: tuple[str, ...] = get_args(ForceErrorKind)

PADDING = -1
"""Species of a place without an atom, in frames of several molecules."""
FORCE_REFUSALS = (
    "predicted force components that are NaN or infinite",
    "target force components that are NaN or infinite",
    "atoms whose species is not in 0 ... num_species - 1",
)
STRESS_REFUSALS = (
    "predicted stress components that are NaN or infinite",
    "target stress components that are NaN or infinite",
)
ENERGY_REFUSALS = (
    "predicted energies that are NaN or infinite",
    "target energies that are NaN or infinite",
    "frames of fewer than one atom",
)


def force_component_error(preds: Tensor, target: Tensor) -> Tensor:
    r"""Mean absolute error of an atom's three force components, :math:`\frac{1}{3} \|e\|_1`.

    Its mean over atoms is what the field calls "force MAE".

    Args:
        preds: (..., 3) predicted forces.
        target: (..., 3) reference forces.

    Returns:
        (...) float64, in the unit of the inputs.

    Raises:
        ValueError: the shapes differ or don't end in 3, or the values are not floating point.

    >>> force_component_error(torch.tensor([[3.0, -4.0, 0.5]]), torch.tensor([[0.0, 0.0, 0.5]]))
    tensor([2.3333], dtype=torch.float64)
    """
    return _force_difference(preds, target).abs().mean(dim=-1)


def force_norm_error(preds: Tensor, target: Tensor) -> Tensor:
    r"""Norm of an atom's force error vector, :math:`\|e\|_2`, which is rotation invariant.

    Shapes, unit and errors are those of `force_component_error`.

    >>> force_norm_error(torch.tensor([[3.0, -4.0, 0.5]]), torch.tensor([[0.0, 0.0, 0.5]]))
    tensor([5.], dtype=torch.float64)
    """
    return torch.linalg.vector_norm(_force_difference(preds, target), dim=-1)


def stress_component_error(preds: Tensor, target: Tensor) -> Tensor:
    r"""Mean absolute error of the nine components of a stress, :math:`\frac{1}{9} \|e\|_1`.

    Args:
        preds: (B, 3, 3) predicted stresses.
        target: (B, 3, 3) reference stresses.

    Returns:
        (B,) float64, in the unit of the inputs.

    Raises:
        ValueError: the shapes differ or are not (B, 3, 3), or the values are not floating point.

    >>> stress_component_error(torch.eye(3)[None], torch.zeros(1, 3, 3))
    tensor([0.3333], dtype=torch.float64)
    """
    if preds.ndim != 3 or preds.shape[1:] != (3, 3):
        raise ValueError(f"Stresses must have the shape (B, 3, 3), not {tuple(preds.shape)}.")
    return difference(preds, target, "stresses").abs().mean(dim=(1, 2))


def energy_error(preds: Tensor, target: Tensor) -> Tensor:
    """Signed error of each frame's energy, predicted minus reference.

    Args:
        preds: (B,) predicted total energies.
        target: (B,) reference total energies.

    Returns:
        (B,) float64, in the unit of the inputs.

    Raises:
        ValueError: the shapes differ or are not (B,), or the values are not floating point.

    >>> energy_error(torch.tensor([1.5, -2.0]), torch.tensor([1.0, -1.0]))
    tensor([ 0.5000, -1.0000], dtype=torch.float64)
    """
    if preds.ndim != 1:
        raise ValueError(f"Energies must have the shape (B,), not {tuple(preds.shape)}.")
    return difference(preds, target, "energies")


def by_species(values: Tensor, species: Tensor, num_species: int) -> tuple[Tensor, Tensor]:
    """Mean over the atoms of each species, for frames of one molecule or of several.

    Args:
        values: (..., A) a value per atom, such as `force_component_error` of (B, A, 3) forces.
        species: (A,) integers in 0 ... num_species - 1, the same for every frame; or (..., A),
            with -1 where a smaller molecule has no atom.
        num_species: S.

    Returns:
        mean (..., S), float64, NaN for an absent species; counts (S,) of atoms, or (..., S).

    Raises:
        ValueError: lengths don't match, or a species is out of range (this check synchronises
            with the device).

    >>> mean, counts = by_species(torch.tensor([[1.0, 3.0, 8.0]]), torch.tensor([0, 0, 2]), 3)
    >>> mean, counts
    (tensor([[2., nan, 8.]], dtype=torch.float64), tensor([2, 0, 1]))
    """
    shared = species.ndim == 1
    check_integers(species, values.shape[-1:] if shared else values.shape, "species")
    outside = _count_outside(species if shared else species[species != PADDING], num_species)
    raise_if_refused(outside.unsqueeze(0), FORCE_REFUSALS[2:], by="by_species")
    member = _membership(species, num_species)
    counts = member.sum(dim=-2)
    return _sum_by_species(values.double(), member) / counts, counts


def force_error_sums(
    preds: Tensor, target: Tensor, species: Tensor, num_species: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Sums (2, S) of both kinds of error, atoms (S,), and counts of `FORCE_REFUSALS`."""
    if preds.ndim != 2:
        raise ValueError(f"Forces must have the shape (n_atoms, 3), not {tuple(preds.shape)}.")
    errors = torch.stack([force_component_error(preds, target), force_norm_error(preds, target)])
    check_integers(species, preds.shape[:1], "species")
    member = _membership(species, num_species)
    outside = _count_outside(species, num_species)
    refused = torch.stack([count_not_finite(preds), count_not_finite(target), outside])
    return _sum_by_species(errors, member), member.sum(dim=0), refused


def mean_force_errors(
    error_sums: Tensor, atoms: Tensor, kind: ForceErrorKind
) -> dict[str | int, Tensor]:
    """Value of `PerAtomForceError` from the sums of `force_error_sums`."""
    sums = error_sums[FORCE_ERROR_KINDS.index(kind)]
    count = atoms.sum()
    errors: dict[str | int, Tensor] = {"all": sums.sum() / count}
    errors.update(enumerate((sums / atoms).unbind()))
    return errors | {"count": count, "counts": atoms}


def energy_error_sums(
    preds: Tensor, target: Tensor, num_atoms: Tensor | int
) -> tuple[Tensor, int, Tensor]:
    """Sums (2,) of the absolute and the signed error, frames, and counts of `ENERGY_REFUSALS`."""
    error = energy_error(preds, target)
    if isinstance(num_atoms, int):
        num_atoms = torch.full_like(error, num_atoms, dtype=torch.int64)
    check_integers(num_atoms, error.shape, "num_atoms")
    error = error / num_atoms
    refused = torch.stack(
        [count_not_finite(preds), count_not_finite(target), (num_atoms < 1).sum()]
    )
    return torch.stack([error.abs().sum(), error.sum()]), len(error), refused


def stress_error_sums(preds: Tensor, target: Tensor) -> tuple[Tensor, int, Tensor]:
    """Sum of errors, frames, and counts of `STRESS_REFUSALS`."""
    error = stress_component_error(preds, target)
    return error.sum(), len(error), torch.stack([count_not_finite(preds), count_not_finite(target)])


def _force_difference(preds: Tensor, target: Tensor) -> Tensor:
    if preds.ndim == 0 or preds.shape[-1] != 3:
        raise ValueError(f"Forces must have the shape (..., 3), not {tuple(preds.shape)}.")
    return difference(preds, target, "forces")


def _membership(species: Tensor, num_species: int) -> Tensor:
    """(A, S) bool: atom a has species s. Deterministic on every device, unlike a scatter."""
    return species.unsqueeze(-1) == torch.arange(num_species, device=species.device)


def _count_outside(species: Tensor, num_species: int) -> Tensor:
    return ((species < 0) | (species >= num_species)).sum()


def _sum_by_species(values: Tensor, member: Tensor) -> Tensor:
    """(..., S) sums of values (..., A) by membership (A, S)."""
    return torch.where(member, values.unsqueeze(-1), 0.0).sum(dim=-2)
