"""The task of every contestant: one NequIP, one optimizer, one loss, the same frames."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from ase.data import chemical_symbols

from benchmarks.measurement import TrainingTask
from saibench.units import EV_PER_KCAL_PER_MOL

R_MAX = 4.0
"""Cutoff radius in Å."""

NET: dict[str, Any] = {
    "r_max": R_MAX,
    "num_layers": 3,
    "l_max": 1,
    "parity": False,
    "num_features": 32,
    "radial_mlp_depth": 1,
    "radial_mlp_width": 64,
    "num_bessels": 8,
    "bessel_trainable": False,
    "polynomial_cutoff_p": 6,
}
"""Arguments of `nequip.model.NequIPGNNModel`."""

ENERGY_WEIGHT, FORCE_WEIGHT = 1.0, 1000.0
"""Weights of the mean squared errors of the total energy and of the force components, as for rMD17
in Batzner et al. 2022."""

ADAM: dict[str, Any] = {"lr": 0.01, "amsgrad": True, "fused": True}
EMA_DECAY = 0.99
DTYPES = ("float32", "float64", "bfloat16")
SEED = 0


@dataclass(frozen=True, kw_only=True)
class Task(TrainingTask):
    """A training on frames.

    Args:
        molecule: name in rMD17.
        file: its npz file.
        num_frames: training frames, a multiple of `batch_size`.
        dtype: one of `DTYPES`; bfloat16 is PyTorch's autocast of a net in float32.
        compiled: whether nequip compiles the net.
    """

    molecule: str
    file: str
    num_frames: int
    dtype: str = "float32"
    compiled: bool = False

    @property
    def mixed(self) -> bool:
        return self.dtype == "bfloat16"

    @property
    def model_dtype(self) -> str:
        """Of the weights."""
        return "float32" if self.mixed else self.dtype

    @property
    def precision(self) -> str:
        """Lightning's name."""
        return "bf16-mixed" if self.mixed else "32-true"


@dataclass(frozen=True)
class Frames:
    """T frames of a molecule of A atoms, in float64.

    Args:
        atomic_numbers: `(A,)`.
        positions: `(T, A, 3)` in Å.
        energies: `(T,)` in eV.
        forces: `(T, A, 3)` in eV/Å.
    """

    atomic_numbers: np.ndarray
    positions: np.ndarray
    energies: np.ndarray
    forces: np.ndarray

    @property
    def type_names(self) -> list[str]:
        """Chemical symbols by atomic number; the position in the list is the atom type."""
        return [chemical_symbols[number] for number in np.unique(self.atomic_numbers)]

    @property
    def atom_types(self) -> np.ndarray:
        return np.unique(self.atomic_numbers, return_inverse=True)[1]


def load_frames(task: Task) -> Frames:
    """The frames that nequip's rMD17 module draws (`SubsetByRandomSlice`)."""
    with np.load(task.file) as archive:
        total = len(archive["energies"])
        order = torch.randperm(total, generator=torch.Generator().manual_seed(SEED))
        rows = order[: task.num_frames].numpy()
        return Frames(
            atomic_numbers=archive["nuclear_charges"].astype(np.int64),
            positions=archive["coords"][rows],
            energies=EV_PER_KCAL_PER_MOL * archive["energies"][rows],
            forces=EV_PER_KCAL_PER_MOL * archive["forces"][rows],
        )


def model_arguments(task: Task, frames: Frames) -> dict[str, Any]:
    """All arguments of `NequIPGNNModel`: the net, and statistics of its training frames."""
    num_atoms = len(frames.atomic_numbers)
    return {
        **NET,
        "seed": SEED,
        "model_dtype": task.model_dtype,
        "compile_mode": "compile" if task.compiled else "eager",
        "type_names": frames.type_names,
        "avg_num_neighbors": _mean_num_neighbors(frames.positions),
        "per_type_energy_scales": float(np.sqrt(np.square(frames.forces).mean())),
        "per_type_energy_shifts": float(frames.energies.mean() / num_atoms),
    }


def _mean_num_neighbors(positions: np.ndarray) -> float:
    num_frames, num_atoms, _ = positions.shape
    differences = positions[:, :, None] - positions[:, None]
    near = np.square(differences).sum(-1) < R_MAX**2
    return float(near.sum() / (num_frames * num_atoms) - 1)  # an atom is not its own neighbour
