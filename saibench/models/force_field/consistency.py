"""Whether forces are the gradient of the energy: a residual that needs no truth."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn

from saibench.datamodules.force_field.batch import MoleculeBatch
from saibench.errors import UserError
from saibench.evidence.schema import BEFORE
from saibench.evidence.statistic import Statistic
from saibench.models.external.model import ExternalModel
from saibench.models.force_field.atoms import FlatAtoms
from saibench.units import MEV_PER_EV

NAME = "force_inconsistency"
STEP = 0.005
"""Å; length of a displacement of all atoms together, ‖x′ − x‖."""
SEED = 20
"""Of the directions."""

INCONSISTENCY = Statistic(
    NAME,
    "meV/Å",
    "component",
    "difference of the forces and the slope of the energy along a random direction",
    summaries={NAME: "root_mean_square"},
    known=BEFORE,
    title="inconsistency of forces and energy",
)


def is_requested(net: nn.Module, wanted: bool | None) -> bool:
    """Whether the forces of a net are compared with its energies.

    Args:
        net: of `ForceFieldModule`.
        wanted: its `force_inconsistency`; None: if the net says `conservative_forces = False`.

    Raises:
        UserError: it is requested of predictions from a file.
    """
    name = "conservative_forces"
    if not isinstance(net, ExternalModel):
        return getattr(net, name, None) is False if wanted is None else wanted
    if wanted and not net.predicts_anew:
        raise UserError(
            "model.force_inconsistency=true: a file has no predictions of displaced atoms. Remove "
            "it, or test the model itself."
        )
    return net.declared(name) is False if wanted is None else wanted


def force_inconsistency(
    energies: Callable[[MoleculeBatch], Tensor], forces: Tensor, batch: MoleculeBatch
) -> dict[str, Tensor]:
    r"""Residual of F = −∇E along one random direction d of each frame, `(B,)` in meV/Å.

    .. math:: \left| \frac{E(x + h d) - E(x - h d)}{2 h} + F \cdot d \right|

    d is a unit vector in the space of all 3 A components, a function of the sample's id, and h is
    `STEP`. For ‖F + ∇E‖ = r its mean square over directions is r²/(3 A): the mean square of a
    component. The difference errs by h²/6 of the third derivative along d (0.2 meV/Å for ethanol),
    and by the rounding of the energies over √2 h: 1 µeV gives 0.1 meV/Å, but total energies of
    thousands of eV in single precision 50 meV/Å.

    Args:
        energies: of frames, `(B,)` in eV up to a constant of each frame.
        forces: `(B, A, 3)` in eV/Å, of the batch.
        batch: of frames; A may include padding.
    """
    direction = _directions(batch)
    ahead, behind = (batch.positions + sign * STEP * direction for sign in (1, -1))
    change = [energies(replace(batch, positions=one)).double() for one in (ahead, behind)]
    moved = ahead.double() - behind.double()  # as rounded
    work = torch.where(moved == 0, 0, forces.double() * moved).sum(dim=(1, 2))
    length = moved.square().sum(dim=(1, 2)).sqrt()
    return {NAME: MEV_PER_EV * (change[0] - change[1] + work).abs() / length}


def _directions(batch: MoleculeBatch) -> Tensor:
    """Unit vectors `(B, A, 3)`, 0 for padding, the same for a sample in any batch."""
    atoms = FlatAtoms.of(batch.species, len(batch.positions))
    drawn = [
        np.random.default_rng([SEED, int(sample)]).standard_normal((int(count), 3))
        for sample, count in zip(batch.sample_id, atoms.num_atoms, strict=True)
    ]
    unit = np.concatenate([one / np.linalg.norm(one) for one in drawn])
    return atoms.dense(torch.from_numpy(unit).to(batch.positions))
