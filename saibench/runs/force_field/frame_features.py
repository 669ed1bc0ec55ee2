"""Features of single frames, as in the evidence of a trained force field."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch

from saibench.datamodules.force_field.atom_soap import NAMES as ATOM_NAMES
from saibench.datamodules.force_field.atom_soap import SETTINGS
from saibench.datamodules.force_field.batch import MoleculeBatch
from saibench.datamodules.force_field.soap import SoapDescriptor
from saibench.models.committee import committee_predictions
from saibench.models.latent.space import LatentCapture
from saibench.runs.force_field.trained import TrainedForceField
from saibench.units import MEV_PER_EV

ENERGY, COMMITTEE = "predicted_energy", "committee_std"


def known_features(force_field: TrainedForceField) -> tuple[str, ...]:
    """Names of all features of a frame: of its descriptors, and of the net."""
    latent = force_field.latent
    of_net = [] if latent is None else [s.name for s in latent.statistics() if s.axis is None]
    of_committee = [COMMITTEE] if force_field.committee else []
    return (*force_field.similarity.names, *ATOM_NAMES, ENERGY, *of_net, *of_committee)


class FrameFeatures:
    """Predictions of frames of one molecule, with some of their features.

    Args:
        force_field: a trained run.
        symbols: of the A atoms, in any order.
        names: of the features that `read` returns, of `known_features`.
    """

    def __init__(
        self, force_field: TrainedForceField, symbols: Sequence[str], names: Sequence[str]
    ) -> None:
        self.force_field = force_field
        self.symbols = tuple(symbols)
        self.names = tuple(names)
        self.species = force_field.types_of(symbols)
        self._averaged = [name for name in names if name in force_field.similarity.names]
        self._of_atoms = [name for name in names if name in ATOM_NAMES]
        self._soap = SoapDescriptor(symbols) if self._averaged else None
        self._atom_soap = SoapDescriptor(symbols, SETTINGS) if self._of_atoms else None
        latent = force_field.latent
        if latent is None or not any(name.startswith(("latent_", "llpr_")) for name in names):
            self._latent = None
        else:  # of these atoms, whose order may differ from the training's
            space = replace(latent.space, groups=self.species, part_axis=None, group_axis=None)
            self._latent = replace(latent, space=space)

    def predict(self, positions: np.ndarray) -> tuple[float, np.ndarray]:
        """Total energy (eV) and forces `(A, 3)` (eV/Å) of a frame `(A, 3)` (Å)."""
        return self.force_field.predict(positions, self.species)

    def read(self, positions: np.ndarray) -> tuple[float, np.ndarray, dict[str, float]]:
        """What `predict` returns, and the features of the frame by name.

        Latent features are those of the same forward pass.
        """
        found: dict[str, float] = {}
        if self._latent is None:
            energy, forces = self.predict(positions)
        else:
            with LatentCapture(self._latent.space) as capture:
                energy, forces = self.predict(positions)
                values = self._latent.values(capture.read(1))
            found |= {name: value.item() for name, value in values.items()}
        found[ENERGY] = MEV_PER_EV * (energy - float(self.force_field.data.energy_mean))
        if self._soap is not None:
            vectors = self._soap.unit_vectors(positions[None])
            known = self.force_field.similarity.of(vectors, self._averaged)
            found |= {name: float(value[0]) for name, value in known.items()}
        if self._atom_soap is not None:
            data = self.force_field.data
            projected = data.atom_soap.project(self._atom_soap, positions[None])
            of_atoms = data.atom_distances.of(self.symbols, projected)
            found |= {name: float(value[0]) for name, value in of_atoms.items()}
        if COMMITTEE in self.names:
            found[COMMITTEE] = self._spread(positions, forces)
        return energy, forces, {name: found[name] for name in self.names}

    def _spread(self, positions: np.ndarray, forces: np.ndarray) -> float:
        """Disagreement of the committee, in meV/Å, one member of which predicts these forces."""
        module = self.force_field.module
        batch = self._batch(positions)
        own = (batch.energy, torch.from_numpy(forces).unsqueeze(0))
        predictions = committee_predictions(module, self.force_field.committee, batch, own)
        return module.committee_spread(predictions, batch)[COMMITTEE].item()

    def _batch(self, positions: np.ndarray) -> MoleculeBatch:
        """One frame without reference values."""
        centred = self.force_field.centred(positions)
        none = torch.zeros(1, dtype=torch.float64)
        return MoleculeBatch(
            torch.zeros(1, dtype=torch.int64), centred, self.species, none, 0 * centred, 0.0
        )
