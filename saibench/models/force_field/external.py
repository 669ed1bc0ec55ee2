"""Inputs of models from elsewhere, and the zero of their energies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from ase.data import atomic_numbers
from torch import Tensor
from torch.nn.functional import one_hot

from saibench.datamodules.force_field.batch import MoleculeBatch
from saibench.models.external.model import SAMPLE_ID, Batch, ExternalModel

OUTPUTS = (("energy", "forces"),)
"""Of an `ExternalModel`: total energies `(B,)` in eV, and forces `(B, A, 3)` in eV/Å."""
OUTPUTS_OF_CELLS = (("energy", "forces", "stress"),)
"""Of one that also predicts the stress `(B, 3, 3)` of periodic frames in eV/Å³, as ASE's."""
MAX_ALIGNED = 50
"""Most frames that the zero of energies is fitted to."""
ALIGNED = (
    f", after alignment to up to {MAX_ALIGNED} frames that are not held out: the mean difference "
    "of the energies, or of several molecules a constant per element"
)


def named_inputs(batch: MoleculeBatch, type_names: Sequence[str]) -> Batch:
    """Inputs of an `ExternalModel`.

    Args:
        batch: of frames.
        type_names: chemical symbols by atom type.

    Returns:
        `positions` `(B, A, 3)` in Å, `numbers` `(B, A)` atomic numbers, 0 for padding, `sample_id`;
        of periodic data also `cell` `(B, 3, 3)` in Å, zeros along directions that are not periodic.
    """
    known = torch.tensor([atomic_numbers[name] for name in type_names], device=batch.species.device)
    numbers = torch.where(batch.species >= 0, known[batch.species.clamp(min=0)], 0)
    inputs = {
        "positions": batch.positions,
        "numbers": numbers.expand(batch.positions.shape[:2]),
        SAMPLE_ID: batch.sample_id,
    }
    return inputs if batch.cells is None else {**inputs, "cell": batch.cells}


def refuse_not_finite(net: ExternalModel, found: Mapping[str, Tensor], inputs: Batch) -> None:
    """Refuse energies, and forces on atoms, that are NaN or infinite. Raises UserError."""
    is_atom, forces = inputs["numbers"] > 0, found["forces"]
    net.refuse_not_finite(found["energy"], inputs[SAMPLE_ID], "energy")
    if forces.ndim == 3 and forces.shape[:2] == is_atom.shape:  # else refused by its shape
        known = torch.where(is_atom[..., None], forces, 0)
        net.refuse_not_finite(known, inputs[SAMPLE_ID], "forces")


def base_energies(batch: MoleculeBatch, dataset_info: Mapping[str, Any]) -> Tensor | float:
    """What the energies of a batch are relative to, in eV: `(B,)`, or one number."""
    if dataset_info["species"] is not None:
        return float(dataset_info["energy_mean"])
    energies = torch.tensor(
        dataset_info["atomic_energies"], dtype=torch.float64, device=batch.species.device
    )
    return _composition(batch, len(energies)) @ energies


def aligned_rows(rows: np.ndarray) -> np.ndarray:
    """At most `MAX_ALIGNED` evenly spaced rows of those that are not held out."""
    places = np.linspace(0, len(rows) - 1, min(len(rows), MAX_ALIGNED)).round().astype(int)
    return rows[np.unique(places)]


@dataclass(frozen=True)
class EnergyShift:
    """The difference of two zeros of energy: a constant of a molecule, or one per element.

    Args:
        constants: `(1,)` of one molecule, or `(S,)` by atom type, in eV, float64.
    """

    constants: Tensor

    @classmethod
    def fitted(cls, energy: Tensor, batch: MoleculeBatch, num_types: int) -> EnergyShift:
        """Least squares of minimal norm.

        Args:
            energy: `(B,)`, relative as the batch's.
            batch: frames with reference energies.
            num_types: number of atom types.
        """
        difference = (energy - batch.energy).double().cpu()
        counts = _counts(batch, num_types).cpu()
        found = torch.linalg.lstsq(counts, difference[:, None], driver="gelsd").solution[:, 0]
        return cls(found.to(energy.device))

    def of(self, batch: MoleculeBatch) -> Tensor:
        """`(B,)` differences in eV of the frames of a batch."""
        return _counts(batch, len(self.constants)) @ self.constants


def _counts(batch: MoleculeBatch, num_types: int) -> Tensor:
    """`(B, S)` atoms of each type; `(B, 1)` ones for frames of one molecule."""
    if batch.species.ndim == 1:
        return batch.energy.new_ones(len(batch.energy), 1, dtype=torch.float64)
    return _composition(batch, num_types)


def _composition(batch: MoleculeBatch, num_types: int) -> Tensor:
    """`(B, S)` numbers of atoms of each type of several molecules."""
    return one_hot(batch.species + 1, num_types + 1)[..., 1:].sum(1).double()
