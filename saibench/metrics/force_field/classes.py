"""Force and energy errors of a force field, accumulated over batches and ranks.

In the unit of the inputs: saibench stores eV and eV/Å and reports meV, meV/atom and meV/Å. The
mathematics is in `saibench.metrics.force_field.functional`.
"""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor

from saibench.errors import closest
from saibench.metrics.force_field.functional import (
    ENERGY_REFUSALS,
    FORCE_ERROR_KINDS,
    FORCE_REFUSALS,
    STRESS_REFUSALS,
    ForceErrorKind,
    energy_error_sums,
    force_error_sums,
    mean_force_errors,
    stress_error_sums,
)
from saibench.metrics.strict import StrictMetric


class PerAtomForceError(StrictMetric):
    r"""Mean force error per atom, of all atoms and of each species.

    With the error :math:`e_a` of atom :math:`a`'s force and the :math:`A` atoms of all frames:

    .. math::
        \text{component:}\ \frac{1}{3A} \sum_a \|e_a\|_1 \qquad
        \text{norm:}\ \frac{1}{A} \sum_a \|e_a\|_2

    `component` is the field's "force MAE" and the paper's per-atom force MAE (figs. 2 and 3).
    "all" weights every atom equally, so a common species counts for more than a rare one.

    Args:
        num_species: number of species; species are 0 ... num_species - 1.
        kind: `component` or `norm`.
        kwargs: those of `torchmetrics.Metric`.

    `update(preds, target, species)` takes forces (n_atoms, 3) and integers (n_atoms,), the atoms
    of any number of frames. `compute()` returns

    - "all": the mean over atoms, float64, NaN without atoms;
    - 0, 1, ... num_species - 1: the mean over the atoms of this species, NaN if it is absent;
    - "count": number of atoms, and "counts": (num_species,) number of atoms per species.

    Raises:
        ValueError: shapes don't match; predicted or target forces are NaN or infinite, or species
            out of range: in `update` on a CPU, in `compute` on an accelerator.

    >>> force_error = PerAtomForceError(num_species=3)
    >>> preds = torch.tensor([[3.0, 0.0, 0.0], [0.0, 0.0, 6.0]])
    >>> force_error.update(preds, torch.zeros(2, 3), species=torch.tensor([0, 2]))
    >>> {name: value.tolist() for name, value in force_error.compute().items()}
    {'all': 1.5, 0: 1.0, 1: nan, 2: 2.0, 'count': 2, 'counts': [1, 0, 1]}
    """

    is_differentiable = True
    higher_is_better = False
    plot_lower_bound = 0.0
    refusals = FORCE_REFUSALS

    error_sums: Tensor
    atoms: Tensor

    def __init__(self, num_species: int, kind: ForceErrorKind = "component", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if num_species < 1:
            raise ValueError(f"num_species must be at least 1, not {num_species}.")
        if kind not in FORCE_ERROR_KINDS:
            raise ValueError(f"No force error '{kind}': {closest(kind, FORCE_ERROR_KINDS)}")
        self.num_species = num_species
        self.kind = kind
        # Sums of both kinds: a MetricCollection updates metrics of equal states only once, so
        # states may have the same names only if their updates are the same.
        sums = torch.zeros(len(FORCE_ERROR_KINDS), num_species, dtype=torch.float64)
        self.add_state("error_sums", sums, dist_reduce_fx="sum")
        self.add_state("atoms", torch.zeros(num_species, dtype=torch.int64), dist_reduce_fx="sum")

    def update(self, preds: Tensor, target: Tensor, species: Tensor) -> None:
        error_sums, atoms, refused = force_error_sums(preds, target, species, self.num_species)
        self.refuse(refused)
        self.error_sums += error_sums
        self.atoms += atoms

    def compute(self) -> dict[str | int, Tensor]:
        self.raise_if_refused()
        return mean_force_errors(self.error_sums, self.atoms, self.kind)


class _MeanEnergyError(StrictMetric):
    """Mean absolute and signed energy error; a subclass gives its sums a name of their own.

    A MetricCollection updates metrics of equal states only once.
    """

    is_differentiable = True
    higher_is_better = False
    refusals = ENERGY_REFUSALS
    sums_name: ClassVar[str]

    frames: Tensor

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        sums = torch.zeros(2, dtype=torch.float64)
        self.add_state(self.sums_name, sums, dist_reduce_fx="sum")
        self.add_state("frames", torch.tensor(0), dist_reduce_fx="sum")

    def _add(self, preds: Tensor, target: Tensor, num_atoms: Tensor | int) -> None:
        error_sums, frames, refused = energy_error_sums(preds, target, num_atoms)
        self.refuse(refused)
        sums = getattr(self, self.sums_name)
        sums += error_sums
        self.frames += frames

    def compute(self) -> dict[str, Tensor]:
        self.raise_if_refused()
        absolute, signed = (getattr(self, self.sums_name) / self.frames).unbind()
        return {"all": absolute, "bias": signed, "count": self.frames}


class PerAtomEnergyError(_MeanEnergyError):
    r"""Energy error per atom, averaged over frames: absolute and signed.

    .. math:: \frac{1}{B} \sum_b \frac{|\hat E_b - E_b|}{N_b}

    over frames :math:`b` of :math:`N_b` atoms; the field's "energy MAE per atom".

    `update(preds, target, num_atoms)` takes total energies (B,) and the number of atoms of each
    frame, (B,) integers or one `int` for all. `compute()` returns "all": the mean absolute error,
    "bias": the mean signed error, predicted minus reference, and "count": the number of frames;
    the means are float64, and NaN without frames.

    Raises:
        ValueError: shapes don't match; predicted or target energies are NaN or infinite, or a
            frame has no atoms: in `update` on a CPU, in `compute` on an accelerator.

    >>> energy_error = PerAtomEnergyError()
    >>> energy_error.update(torch.tensor([4.0, -2.0]), torch.zeros(2), num_atoms=2)
    >>> {name: value.item() for name, value in energy_error.compute().items()}
    {'all': 1.5, 'bias': 0.5, 'count': 2}
    """

    sums_name = "atom_error_sums"

    def update(self, preds: Tensor, target: Tensor, num_atoms: Tensor | int) -> None:
        self._add(preds, target, num_atoms)


class EnergyError(_MeanEnergyError):
    """Mean energy error per frame: `PerAtomEnergyError` without the division by atoms.

    >>> energy_error = EnergyError()
    >>> energy_error.update(torch.tensor([4.0, -2.0]), torch.zeros(2))
    >>> {name: value.item() for name, value in energy_error.compute().items()}
    {'all': 3.0, 'bias': 1.0, 'count': 2}
    """

    sums_name = "frame_error_sums"

    def update(self, preds: Tensor, target: Tensor) -> None:
        self._add(preds, target, num_atoms=1)


class StressError(StrictMetric):
    r"""Mean absolute error of a stress component, over frames.

    .. math:: \frac{1}{9 B} \sum_b \|\hat\sigma_b - \sigma_b\|_1

    `update(preds, target)` takes stresses (B, 3, 3) of periodic frames. `compute()` returns "all":
    the mean, float64, NaN without frames, and "count": the number of frames.

    Raises:
        ValueError: shapes don't match, or stresses are NaN or infinite: in `update` on a CPU, in
            `compute` on an accelerator.

    >>> stress_error = StressError()
    >>> stress_error.update(torch.eye(3)[None], torch.zeros(1, 3, 3))
    >>> {name: round(value.item(), 4) for name, value in stress_error.compute().items()}
    {'all': 0.3333, 'count': 1}
    """

    is_differentiable = True
    higher_is_better = False
    plot_lower_bound = 0.0
    refusals = STRESS_REFUSALS

    stress_error_sum: Tensor
    frames: Tensor

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        total = torch.tensor(0.0, dtype=torch.float64)
        self.add_state("stress_error_sum", total, dist_reduce_fx="sum")
        self.add_state("frames", torch.tensor(0), dist_reduce_fx="sum")

    def update(self, preds: Tensor, target: Tensor) -> None:
        total, frames, refused = stress_error_sums(preds, target)
        self.refuse(refused)
        self.stress_error_sum += total
        self.frames += frames

    def compute(self) -> dict[str, Tensor]:
        self.raise_if_refused()
        return {"all": self.stress_error_sum / self.frames, "count": self.frames}
