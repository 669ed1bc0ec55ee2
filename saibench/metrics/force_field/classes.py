"""Force and energy errors of a force field, accumulated over batches and ranks.

In the unit of the inputs: saibench stores eV and eV/Å and reports meV, meV/atom and meV/Å. The
mathematics is in `saibench.metrics.force_field.functional`.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from saibench.metrics.force_field.functional import (
    ENERGY_REFUSALS,
    FORCE_ERROR_KINDS,
    FORCE_REFUSALS,
    ForceErrorKind,
    _energy_error_compute,
    _energy_error_update,
    _per_atom_force_error_compute,
    _per_atom_force_error_update,
    check_force_error,
)
from saibench.metrics.strict import StrictMetric


class PerAtomForceError(StrictMetric):
    r"""Mean force error an atom, overall and for each species.

    With the error :math:`e_a` of atom :math:`a`'s force and the :math:`A` atoms of all frames:

    .. math::
        \text{component:}\ \frac{1}{3A} \sum_a \|e_a\|_1 \qquad
        \text{norm:}\ \frac{1}{A} \sum_a \|e_a\|_2

    `component` is the field's "force MAE" and the paper's per-atom force MAE (figs. 2 and 3).
    "all" weighs every atom the same, so a common species counts for more than a rare one.

    Args:
        num_species: number of species a model knows; species are 0 ... num_species - 1.
        kind: `component` or `norm`.
        kwargs: those of `torchmetrics.Metric`.

    `update(preds, target, species)` takes forces (n_atoms, 3) and integers (n_atoms,), the atoms
    of any number of frames, none included. `compute()` returns

    - "all": the mean over atoms, float64, NaN when there are none;
    - 0, 1, ... num_species - 1: the mean over the atoms of this species, NaN when it is absent;
    - "count": the number of atoms, and "counts": (num_species,) the same a species.

    Raises:
        ValueError: shapes that don't match; NaN or infinite forces, predicted or target, and
            species out of range: in `update` on a CPU, in `compute` on an accelerator.

    >>> force_error = PerAtomForceError(num_species=3)
    >>> preds = torch.tensor([[3.0, 0.0, 0.0], [0.0, 0.0, 6.0]])
    >>> force_error.update(preds, torch.zeros(2, 3), species=torch.tensor([0, 2]))
    >>> {name: value.tolist() for name, value in force_error.compute().items()}
    {'all': 1.5, 0: 1.0, 1: nan, 2: 2.0, 'count': 2, 'counts': [1, 0, 1]}
    """

    is_differentiable = True
    higher_is_better = False
    full_state_update = False
    plot_lower_bound = 0.0
    refusals = FORCE_REFUSALS

    error_sums: Tensor
    atoms: Tensor

    def __init__(self, num_species: int, kind: ForceErrorKind = "component", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        check_force_error(num_species, kind)
        self.num_species = num_species
        self.kind = kind
        # Sums of both kinds: a MetricCollection updates metrics of equal states only once, so
        # states may have the same names only where updates are the same.
        sums = torch.zeros(len(FORCE_ERROR_KINDS), num_species, dtype=torch.float64)
        self.add_state("error_sums", sums, dist_reduce_fx="sum")
        self.add_state("atoms", torch.zeros(num_species, dtype=torch.int64), dist_reduce_fx="sum")

    def update(self, preds: Tensor, target: Tensor, species: Tensor) -> None:
        error_sums, atoms, refused = _per_atom_force_error_update(
            preds, target, species, self.num_species
        )
        self.refuse(refused)
        self.error_sums += error_sums
        self.atoms += atoms

    def compute(self) -> dict[str | int, Tensor]:
        self.raise_if_refused()
        return _per_atom_force_error_compute(self.error_sums, self.atoms, self.kind)


class PerAtomEnergyError(StrictMetric):
    r"""Mean energy error an atom, averaged over frames: absolute and signed.

    .. math:: \frac{1}{B} \sum_b \frac{|\hat E_b - E_b|}{N_b}

    over frames :math:`b` of :math:`N_b` atoms; the field's "energy MAE an atom".

    `update(preds, target, num_atoms)` takes total energies (B,) and the number of atoms of each
    frame, (B,) integers or one `int` for all. `compute()` returns "all": the mean absolute error,
    "bias": the mean signed error, predicted minus reference, and "count": the number of frames;
    the means are float64, and NaN when there are no frames.

    Raises:
        ValueError: shapes that don't match; NaN or infinite energies, predicted or target, and
            frames without atoms: in `update` on a CPU, in `compute` on an accelerator.

    >>> energy_error = PerAtomEnergyError()
    >>> energy_error.update(torch.tensor([4.0, -2.0]), torch.zeros(2), num_atoms=2)
    >>> {name: value.item() for name, value in energy_error.compute().items()}
    {'all': 1.5, 'bias': 0.5, 'count': 2}
    """

    is_differentiable = True
    higher_is_better = False
    full_state_update = False
    refusals = ENERGY_REFUSALS

    atom_error_sums: Tensor
    frames: Tensor

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        sums = torch.zeros(2, dtype=torch.float64)
        self.add_state("atom_error_sums", sums, dist_reduce_fx="sum")
        self.add_state("frames", torch.tensor(0), dist_reduce_fx="sum")

    def update(self, preds: Tensor, target: Tensor, num_atoms: Tensor | int) -> None:
        error_sums, frames, refused = _energy_error_update(preds, target, num_atoms)
        self.refuse(refused)
        self.atom_error_sums += error_sums
        self.frames += frames

    def compute(self) -> dict[str, Tensor]:
        self.raise_if_refused()
        return _energy_error_compute(self.atom_error_sums, self.frames)


class EnergyError(StrictMetric):
    """Mean energy error a frame: `PerAtomEnergyError` without the division by atoms.

    >>> energy_error = EnergyError()
    >>> energy_error.update(torch.tensor([4.0, -2.0]), torch.zeros(2))
    >>> {name: value.item() for name, value in energy_error.compute().items()}
    {'all': 3.0, 'bias': 1.0, 'count': 2}
    """

    is_differentiable = True
    higher_is_better = False
    full_state_update = False
    refusals = ENERGY_REFUSALS

    frame_error_sums: Tensor
    frames: Tensor

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        sums = torch.zeros(2, dtype=torch.float64)
        self.add_state("frame_error_sums", sums, dist_reduce_fx="sum")
        self.add_state("frames", torch.tensor(0), dist_reduce_fx="sum")

    def update(self, preds: Tensor, target: Tensor) -> None:
        error_sums, frames, refused = _energy_error_update(preds, target, num_atoms=1)
        self.refuse(refused)
        self.frame_error_sums += error_sums
        self.frames += frames

    def compute(self) -> dict[str, Tensor]:
        self.raise_if_refused()
        return _energy_error_compute(self.frame_error_sums, self.frames)
