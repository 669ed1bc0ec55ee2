"""Load the trained force field of a run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from omegaconf import OmegaConf

from saibench.analysis.trusted_range.suitable import Model
from saibench.datamodules.force_field.module import ForceFieldDataModule
from saibench.datamodules.force_field.similarity import TrainingSimilarity
from saibench.datamodules.force_field.trajectory import formula
from saibench.errors import UserError
from saibench.evidence.run_record import read_record
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
        """Chemical symbols in the order of the training frames."""
        return self.data.trajectory.symbols

    @property
    def model(self) -> Model:
        """The model that a trusted range must belong to."""
        return Model.of(read_record(self.folder), self.data.trajectory.system)

    @property
    def similarity(self) -> TrainingSimilarity:
        """Similarity of any frame to the training frames."""
        return self.data.training_similarity

    def types_of(self, symbols: Sequence[str]) -> torch.Tensor:
        """Atom types of the net, `(A,)`.

        Raises:
            UserError: the atoms are not those of the training molecule, or there were several.
        """
        if self.data.trajectory.is_mixed:
            raise UserError(
                f"{self.folder} was trained on {self.data.trajectory.system}. Guarded dynamics "
                "need a run that was trained on one molecule."
            )
        if sorted(symbols) != sorted(self.symbols):
            raise UserError(
                f"{self.folder} was trained on {self.data.source.name} "
                f"({formula(self.symbols)}), not on {formula(symbols)}."
            )
        return torch.tensor([self.data.type_names.index(symbol) for symbol in symbols])

    def predict(self, positions: np.ndarray, species: torch.Tensor) -> tuple[float, np.ndarray]:
        """Total energy (eV) and forces `(A, 3)` (eV/Å) of one frame `(A, 3)` (Å)."""
        energy, forces = self.module.net(self.centred(positions), species)
        total = energy[0].item() + float(self.module.dataset_info["energy_mean"])
        return total, forces[0].detach().numpy().astype(np.float64)

    def centred(self, positions: np.ndarray) -> torch.Tensor:
        """One frame `(1, A, 3)` around its centroid, in the precision of the data."""
        centred = torch.from_numpy(positions - positions.mean(axis=0))
        return centred.to(getattr(torch, self.data.dtype)).unsqueeze(0)

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
