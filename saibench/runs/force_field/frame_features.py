"""Features of single frames, as in the evidence of a trained force field."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from ase.data import atomic_numbers

from saibench.datamodules.force_field.atom_soap import NAMES as ATOM_NAMES
from saibench.datamodules.force_field.atom_soap import SETTINGS
from saibench.datamodules.force_field.batch import MoleculeBatch
from saibench.datamodules.force_field.soap import SoapDescriptor
from saibench.models.committee import committee_predictions
from saibench.models.force_field.consistency import NAME as INCONSISTENCY
from saibench.models.latent.space import LatentCapture
from saibench.runs.force_field.trained import FramePrediction, TrainedForceField
from saibench.units import MEV_PER_EV

ENERGY, COMMITTEE = "predicted_energy", "committee_std"


def known_features(force_field: TrainedForceField) -> tuple[str, ...]:
    """Names of all features of a frame: of its descriptors, and of the net."""
    latent = force_field.latent
    of_net = [] if latent is None else [s.name for s in latent.statistics() if s.axis is None]
    of_committee = [COMMITTEE] if force_field.committee else []
    of_forces = [INCONSISTENCY] if force_field.module.tests_consistency else []
    names = (*force_field.similarity.names, *ATOM_NAMES, ENERGY)
    return (*names, *of_net, *of_committee, *of_forces)


class FrameFeatures:
    """Predictions of frames of the same atoms, with some of their features.

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
        trajectory = force_field.data.trajectory
        # descriptors have a part for every element of the training
        elements = trajectory.elements if trajectory.is_mixed else symbols
        periodic = force_field.is_periodic
        self._numbers = None
        if trajectory.is_mixed:
            self._numbers = np.array([[atomic_numbers[symbol] for symbol in symbols]])
        self._soap = SoapDescriptor(elements, None, periodic) if self._averaged else None
        self._atom_soap = SoapDescriptor(elements, SETTINGS, periodic) if self._of_atoms else None
        self._compared = 0  # frames whose forces were compared with the energy
        latent = force_field.latent
        if latent is None or not any(name.startswith(("latent_", "llpr_")) for name in names):
            self._latent = None
        else:  # of these atoms, whose order may differ from the training's
            groups = None if latent.space.varies else self.species
            space = replace(latent.space, groups=groups, part_axis=None, group_axis=None)
            self._latent = replace(latent, space=space)

    def predict(self, positions: np.ndarray, cell: np.ndarray | None = None) -> FramePrediction:
        """Prediction of a frame `(A, 3)` (Å); `cell` as in `TrainedForceField.batch`."""
        return self.force_field.predict(self.force_field.batch(positions, self.species, cell))

    def read(
        self, positions: np.ndarray, cell: np.ndarray | None = None
    ) -> tuple[FramePrediction, dict[str, float]]:
        """What `predict` returns, and the features of the frame by name.

        Latent features are those of the same forward pass.
        """
        found: dict[str, float] = {}
        batch = self.force_field.batch(positions, self.species, cell)
        if self._latent is None:
            predicted = self.force_field.predict(batch)
        else:
            with LatentCapture(self._latent.space) as capture:
                predicted = self.force_field.predict(batch)
                groups = self.force_field.module.latent_groups(batch)
                values = self._latent.values(capture.read(1, groups))
            found |= {name: value.item() for name, value in values.items()}
        reference = self.force_field.reference_energy(self.species)
        found[ENERGY] = MEV_PER_EV * (predicted.energy - reference)
        frame, cells = positions[None], None if cell is None else cell[None]
        if self._soap is not None:
            vectors = self._soap.unit_vectors(frame, self._numbers, cells)
            known = self.force_field.similarity.of(vectors, self._averaged)
            found |= {name: float(value[0]) for name, value in known.items()}
        if self._atom_soap is not None:
            data = self.force_field.data
            projected = data.atom_soap.project(self._atom_soap, frame, self._numbers, cells)
            of_atoms = data.atom_distances.of(self.symbols, projected)
            found |= {name: float(value[0]) for name, value in of_atoms.items()}
        if COMMITTEE in self.names:
            found[COMMITTEE] = self._spread(batch, predicted.forces)
        if INCONSISTENCY in self.names:
            found[INCONSISTENCY] = self._inconsistency(batch, predicted.forces)
        return predicted, {name: found[name] for name in self.names}

    def _inconsistency(self, batch: MoleculeBatch, forces: np.ndarray) -> float:
        """Of the forces with the energy, in meV/Å, along another direction at each frame."""
        numbered = replace(batch, sample_id=torch.tensor([self._compared]))
        self._compared += 1
        of_frame = torch.from_numpy(forces).unsqueeze(0)
        return self.force_field.module.inconsistency(of_frame, numbered)[INCONSISTENCY].item()

    def _spread(self, batch: MoleculeBatch, forces: np.ndarray) -> float:
        """Disagreement of the committee, in meV/Å, one member of which predicts these forces."""
        module = self.force_field.module
        own = (batch.energy, torch.from_numpy(forces).unsqueeze(0))
        predictions = committee_predictions(module, self.force_field.committee, batch, own)
        return module.committee_spread(predictions, batch)[COMMITTEE].item()
