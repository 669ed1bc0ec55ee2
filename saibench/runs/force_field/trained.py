"""Load the trained force field of a run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from ase import Atoms
from ase.geometry import complete_cell
from omegaconf import OmegaConf

from saibench.analysis.trusted_range.suitable import Model
from saibench.datamodules.force_field.batch import MoleculeBatch
from saibench.datamodules.force_field.module import ForceFieldDataModule
from saibench.datamodules.force_field.similarity import TrainingSimilarity
from saibench.datamodules.force_field.trajectory import formula
from saibench.errors import UserError
from saibench.evidence.run_record import read_record
from saibench.formatting import joined
from saibench.identity import with_root
from saibench.imports.targets import build
from saibench.models.committee import MIN_MEMBERS, Weights, snapshots_of
from saibench.models.force_field.module import ForceFieldModule
from saibench.models.latent.features import LatentFeatures
from saibench.models.latent.fitting import fitted_features
from saibench.runs.checkpoints import load_weights
from saibench.runs.point import BEST
from saibench.runs.rebuilt import trained_settings
from saibench.runs.training import check_data


class FramePrediction(NamedTuple):
    """Prediction of one frame of A atoms.

    Args:
        energy: total, in eV.
        forces: `(A, 3)` in eV/Å.
        stress: `(3, 3)` in eV/Å³, NaN unless all directions are periodic; None of a net that was
            trained on molecules, or predicts none.
    """

    energy: float
    forces: np.ndarray
    stress: np.ndarray | None


@dataclass(frozen=True, eq=False)
class TrainedForceField:
    """A complete run of the force-field workload.

    Args:
        folder: of the run.
        module: with the tested weights, in evaluation mode, on the CPU.
        data: of the training.
    """

    folder: Path
    module: ForceFieldModule
    data: ForceFieldDataModule

    @classmethod
    def load(cls, folder: Path | str, root: str | None = None) -> TrainedForceField:
        """Rebuild the net and its data, and load the weights.

        Args:
            folder: of the run.
            root: folder of the data if they have moved; default: its config's.

        Raises:
            UserError: no complete run of this workload, changed data, a missing or damaged
                checkpoint, or a class that cannot be imported.
        """
        folder = Path(folder)
        settings = with_root(trained_settings(folder), root)
        config: Any = OmegaConf.create(settings)
        data = build(config.datamodule, "datamodule")
        if not isinstance(data, ForceFieldDataModule):
            name = settings["workload"]["name"]
            raise UserError(f"{folder} is a run of {name}. Use a run of force_field.")
        check_data(folder, data)
        module = build(config.model, "model", dataset_info=data.dataset_info(), _recursive_=False)
        load_weights(folder / BEST, module)
        return cls(folder, module.eval(), data)

    @property
    def symbols(self) -> tuple[str, ...]:
        """Chemical symbols in the order of the training frames; empty for several molecules."""
        return self.data.trajectory.symbols

    @property
    def model(self) -> Model:
        """The model that a trusted range must belong to."""
        return Model.of(read_record(self.folder), self.data.trajectory.system)

    @property
    def similarity(self) -> TrainingSimilarity:
        """Similarity of any frame to the training frames."""
        return self.data.training_similarity

    @property
    def is_periodic(self) -> bool:
        """Whether it was trained on periodic frames."""
        return self.data.trajectory.cells is not None

    def frame(self, row: int) -> Atoms:
        """A frame of the data."""
        data = self.data.trajectory
        numbers, rows = data.numbers_of(np.array([row]))[0], np.array([row])
        atoms = Atoms(numbers[numbers > 0], data.positions[row][numbers > 0])
        cells = data.cells_of(rows)
        if cells is not None:
            atoms.set_cell(complete_cell(cells[0]) if cells.any() else cells[0])
            atoms.set_pbc(cells[0].any(axis=1))
        return atoms

    def types_of(self, symbols: Sequence[str]) -> torch.Tensor:
        """Atom types of the net: `(A,)`, or `(1, A)` if it was trained on several molecules.

        Raises:
            UserError: it was trained on another molecule, or does not know an element.
        """
        trajectory, known = self.data.trajectory, self.data.type_names
        unknown = sorted(set(symbols) - set(known))
        if trajectory.is_mixed and unknown:
            raise UserError(
                f"{self.folder} was trained on {joined(known)} and does not know {joined(unknown)} "
                f"of {formula(symbols)}. Use atoms of these elements."
            )
        if not trajectory.is_mixed and sorted(symbols) != sorted(self.symbols):
            raise UserError(
                f"{self.folder} was trained on {self.data.source.name} "
                f"({formula(self.symbols)}), not on {formula(symbols)}."
            )
        types = torch.tensor([known.index(symbol) for symbol in symbols])
        return types.unsqueeze(0) if trajectory.is_mixed else types

    def reference_energy(self, species: torch.Tensor) -> float:
        """What the net's energy of a frame of these atom types is relative to, in eV."""
        info = self.module.dataset_info
        if info["species"] is not None:
            return float(info["energy_mean"])
        return float(np.sum(np.array(info["atomic_energies"])[species.numpy()]))

    def predict(self, batch: MoleculeBatch) -> FramePrediction:
        """Prediction of one frame, without reference values."""
        energy, forces, stress = self.module.predicted(batch)
        return FramePrediction(
            energy[0].item() + self.reference_energy(batch.species),
            forces[0].detach().numpy().astype(np.float64),
            None if stress is None else stress[0].detach().numpy().astype(np.float64),
        )

    def batch(
        self, positions: np.ndarray, species: torch.Tensor, cell: np.ndarray | None = None
    ) -> MoleculeBatch:
        """One frame without reference values, in the precision of the data.

        Args:
            positions: `(A, 3)` in Å; those of molecules are centred.
            species: `types_of` its atoms.
            cell: `(3, 3)` in Å, as in `force_field.cells`; None for a molecule.
        """
        dtype = getattr(torch, self.data.dtype)
        is_periodic = cell is not None and cell.any()
        of_frame = positions if is_periodic else positions - positions.mean(axis=0)
        places = torch.from_numpy(np.array(of_frame)).to(dtype).unsqueeze(0)
        cells = None
        if self.is_periodic:
            of_cell = np.zeros((3, 3)) if cell is None else cell
            cells = torch.from_numpy(of_cell).to(dtype).unsqueeze(0)
        none = torch.zeros(1, dtype=torch.float64)
        ids = torch.zeros(1, dtype=torch.int64)
        return MoleculeBatch(ids, places, species, none, 0 * places, 0.0, cells=cells)

    @cached_property
    def latent(self) -> LatentFeatures | None:
        """Latent features of the net, compared with the training frames; None without any."""
        rows, size = self.data.compared_rows, self.data.evaluation_batch_size
        parts = (rows[start : start + size] for start in range(0, len(rows), size))
        cpu = torch.device("cpu")
        return fitted_features(self.module, (self.data.batch_of(part, cpu) for part in parts))

    @cached_property
    def committee(self) -> list[Weights]:
        """Weights of the last validations, at least two, or none."""
        found = snapshots_of(self.folder / BEST, self.module)
        return found if len(found) >= MIN_MEMBERS else []
