"""Frames of molecules, partitioned in time or by other columns of their index."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
import polars as pl
import torch

from saibench.datamodules.force_field.atom_soap import NAMES as ATOM_NAMES
from saibench.datamodules.force_field.atom_soap import SETTINGS, SYMBOLS, AtomDistances, AtomSoap
from saibench.datamodules.force_field.atom_types import atom_types, count_types
from saibench.datamodules.force_field.atomic_energies import fitted_atomic_energies
from saibench.datamodules.force_field.batch import MoleculeBatch
from saibench.datamodules.force_field.checks import check_trajectory
from saibench.datamodules.force_field.loader import FrameTensors, frame_loader
from saibench.datamodules.force_field.neighbors import mean_num_neighbors
from saibench.datamodules.force_field.similarity import TrainingSimilarity, frame_similarity
from saibench.datamodules.force_field.soap import (
    NEAREST,
    SoapDescriptor,
    chunks,
    soap_unit_vectors,
)
from saibench.datamodules.force_field.training_checks import (
    refuse_unknown_elements,
    refuse_without_forces,
)
from saibench.datamodules.force_field.trajectory import (
    Trajectory,
    TrajectorySource,
    index_fields,
)
from saibench.datamodules.loader import Loader
from saibench.datamodules.near_duplicates import SampleSimilarity
from saibench.datamodules.stream import EvaluationBatches, TrainingBatches
from saibench.datamodules.structural import NO_SOURCE, StructuralDataModule
from saibench.errors import UserError
from saibench.evidence.known import TITLES
from saibench.evidence.schema import BEFORE, Field
from saibench.formatting import joined
from saibench.options import Count, Positive


@dataclass(eq=False, repr=False)
class ForceFieldDataModule(StructuralDataModule):
    """Frames of molecules: training window, validation frames and test partitions.

    Args:
        r_max: cutoff radius in Å for the mean number of neighbours.
        dtype: `float32` or `float64` for positions and forces; energies are always float64.

    Other options are those of `StructuralDataModule`.
    """

    source: TrajectorySource = NO_SOURCE
    batch_size: Count = 5
    r_max: Positive = 4.0
    dtype: Literal["float32", "float64"] = "float32"

    @cached_property
    def trajectory(self) -> Trajectory:
        """The checked frames."""
        trajectory = self.source.load(self.cache_folder)
        unit = getattr(self.source, "energy_unit", None)
        self.check_once(trajectory.data_hash, lambda: check_trajectory(trajectory, unit))
        return trajectory

    def load_index(self) -> pl.DataFrame:
        return self.trajectory.index()

    def preview_index(self) -> pl.DataFrame | None:
        return self.source.preview()

    def describe_data(self) -> dict[str, str]:
        return {
            "hash": self.data_hash(),
            "describe": self.source.describe(),
            "system": self.trajectory.system,
        }

    def data_hash(self) -> str:
        return self.trajectory.data_hash  # a description may read all files

    @cached_property
    def type_names(self) -> list[str]:
        return list(self.trajectory.elements)

    @cached_property
    def energy_mean(self) -> float:
        """Mean total energy of the training partition in eV, in float64."""
        return float(self.trajectory.energies[self.reference_rows()].mean())

    @cached_property
    def atomic_energies(self) -> np.ndarray:
        """Energy of an atom of each type in eV: least squares over the training partition."""
        rows = self.reference_rows()
        return fitted_atomic_energies(
            self._counts_of(rows), self.trajectory.energies[rows], self.type_names
        )

    def reference_energies(self, rows: np.ndarray) -> np.ndarray | float:
        """What the energies of frames are relative to, in eV: `(N,)`, or their mean."""
        if not self.trajectory.is_mixed:
            return self.energy_mean
        return self._counts_of(rows) @ self.atomic_energies

    def _counts_of(self, rows: np.ndarray) -> np.ndarray:
        """`(N, S)` numbers of atoms of each type in these frames."""
        return count_types(self.trajectory.numbers_of(rows), self.type_names)

    def preview_dataset_info(self) -> dict[str, Any] | None:
        """The species, if the source knows them, with placeholders for all other numbers."""
        known = getattr(self.source, "preview_symbols", None)
        if known is None or type(self).dataset_info is not ForceFieldDataModule.dataset_info:
            return None
        symbols = known()
        if symbols is None:
            return None
        type_names = sorted(set(symbols))
        return {
            "type_names": type_names,
            "species": [type_names.index(symbol) for symbol in symbols],
            **dict.fromkeys(("avg_num_neighbors", "force_rms", "energy_mean"), 1.0),
        }

    def dataset_info(self) -> dict[str, Any]:
        train = self.reference_rows()
        trajectory = self.trajectory
        if getattr(self.source, "missing_forces", "refuse") != "mask":
            refuse_without_forces(trajectory, self.split)
        if trajectory.is_mixed:
            training, validation = self.split
            refuse_unknown_elements(trajectory, training, (validation, *self.tests.values()))
        positions = torch.from_numpy(trajectory.positions[train].astype(np.float32))
        is_atom = (
            torch.from_numpy(trajectory.numbers_of(train) > 0) if trajectory.is_mixed else None
        )
        cells = trajectory.cells_of(train)
        neighbors = mean_num_neighbors(
            positions,
            self.r_max,
            is_atom,
            None if cells is None else torch.from_numpy(cells.astype(np.float32)),
        )
        if not neighbors:
            raise UserError(
                f"datamodule.r_max={self.r_max:g}: no two atoms of {trajectory.name} are "
                "within this distance in Å. Use 4."
            )
        info = {
            "type_names": self.type_names,
            "species": None,
            "avg_num_neighbors": neighbors,
            "force_rms": self._force_rms(train),
        }
        if trajectory.cells is not None:
            info |= {"periodic": True, "stress": trajectory.stress is not None}
        if trajectory.is_mixed:
            return {**info, "atomic_energies": self.atomic_energies.tolist()}
        species = self._types_of(train).tolist()
        return {**info, "species": species, "energy_mean": self.energy_mean}

    def adopt(self, info: dict[str, Any]) -> dict[str, Any]:
        """Express species and energies as in the training of a model.

        Raises:
            UserError: the model does not know an element, or takes another molecule.
        """
        unknown = [name for name in self.trajectory.elements if name not in info["type_names"]]
        if unknown:
            raise UserError(
                f"data: {joined(unknown)} of {self.trajectory.name} is unknown to the model, which "
                f"was trained on {joined(info['type_names'])}. Test it on other molecules."
            )
        if self.trajectory.cells is not None and not info.get("periodic"):
            raise UserError(
                f"data: {self.trajectory.name} has periodic cells, and the model was trained on "
                "molecules. Test it on molecules."
            )
        if self.trajectory.cells is None and info.get("periodic"):
            raise UserError(
                f"data: {self.trajectory.name} has no periodic cells, and the model was trained on "
                "periodic frames. Test it on periodic frames."
            )
        if self.trajectory.cells is not None:
            info = {**info, "stress": self.trajectory.stress is not None}
        self.type_names = list(info["type_names"])
        if info["species"] is None:
            self.trajectory = self.trajectory.as_mixed()
            self.atomic_energies = np.array(info["atomic_energies"])
            return info
        symbols = [info["type_names"][kind] for kind in info["species"]]
        if list(self.trajectory.symbols) != symbols:
            raise UserError(
                f"data: {self.trajectory.name} is not the molecule of the training, "
                f"{''.join(symbols)}, or has another order of atoms. A net that is trained on "
                "several molecules takes others too."
            )
        self.energy_mean = info["energy_mean"]
        return info

    def _force_rms(self, rows: np.ndarray) -> float:
        """Root mean square of the force components of these frames, in eV/Å.

        Without forces, the scale of atomic energies: the standard deviation of energies per atom.
        """
        trajectory = self.trajectory
        known = rows if trajectory.has_forces is None else rows[trajectory.has_forces[rows]]
        forces = trajectory.forces[known]
        if trajectory.is_mixed:
            forces = forces[trajectory.numbers_of(known) > 0]
        if forces.size:
            return float(np.sqrt(np.square(forces).mean()))
        energies = trajectory.energies[rows] - self.reference_energies(rows)
        scale = float(np.std(energies / (trajectory.numbers_of(rows) > 0).sum(axis=1)))
        return scale or 1.0

    def prepare_data(self) -> None:
        """Build the caches on one rank; all ranks then only map them."""
        _ = self._soap
        if self.reference is self:
            AtomSoap.of(self.trajectory, self.cache_folder)
        else:
            self.reference.prepare_data()

    def loader(
        self, batches: TrainingBatches | EvaluationBatches, transform: Any | None = None
    ) -> Loader[MoleculeBatch]:
        return frame_loader(self._tensors(batches.rows), batches, transform)

    def transfer_batch_to_device(self, batch: Any, device: Any, dataloader_idx: int) -> Any:
        """Batches are already on the device."""
        return batch

    def batch_of(self, rows: np.ndarray, device: torch.device) -> MoleculeBatch:
        """These frames as one batch on a device, in the order of `rows`."""
        return self._tensors(rows, device).batch(torch.arange(len(rows), device=device))

    def features(self, rows: np.ndarray) -> pl.DataFrame:
        """Times, SOAP similarities to the training partition and its window, and distances."""
        columns = self.training_similarity.of(self._soap[rows])
        symbols = SYMBOLS[self.trajectory.numbers_of(rows)]
        columns |= self.atom_distances.of(symbols, self._of_atoms(rows))
        return self.index[rows].with_columns(
            pl.Series(name, values) for name, values in columns.items()
        )

    @cached_property
    def training_similarity(self) -> TrainingSimilarity:
        """Similarity of frames to the training partition and its window; NaN without training.

        Centred on all frames that are not held out, the same reference for every window.
        """
        if self.reference is not self:
            return self.reference.training_similarity
        held_out = self._test_partition(self.index, self.held_out).rows
        trains = self.split[0].count > 0
        window = self.training.select(self.index) if trains else np.array([], np.int64)
        return TrainingSimilarity.to(
            self._soap,
            {"soap_similarity": self.learned_rows, "soap_similarity_window": window},
            reference=np.setdiff1d(np.arange(self.index.height), held_out),
            nearest={"soap_distance": self.learned_rows},
        )

    @cached_property
    def atom_soap(self) -> AtomSoap:
        """Descriptors of the atoms of all frames."""
        return AtomSoap.of(self.trajectory, self.cache_folder)

    @cached_property
    def atom_distances(self) -> AtomDistances:
        """Distances of atoms to those of the training partition."""
        if self.reference is not self:
            return self.reference.atom_distances
        return AtomDistances.to(self.atom_soap, self.compared_rows)

    def _of_atoms(self, rows: np.ndarray) -> np.ndarray:
        """`(N, A, K)` descriptors of atoms, in the components of the training data."""
        known = self.reference
        if known is self:
            return self.atom_soap.vectors[rows]
        own, found = self.trajectory, []
        descriptor = SoapDescriptor(known.trajectory.elements, SETTINGS, own.cells is not None)
        for part in chunks(rows):
            frames = own.positions[part], own.numbers_of(part), own.cells_of(part)
            found.append(known.atom_soap.project(descriptor, *frames))
        return np.concatenate(found)

    @cached_property
    def _soap(self) -> np.ndarray:
        elements = self.reference.trajectory.elements
        return soap_unit_vectors(self.trajectory, self.cache_folder, elements=elements)

    def similarity(self) -> SampleSimilarity:
        return frame_similarity(self.trajectory, self._soap)

    def feature_fields(self) -> list[Field]:
        train = "mean cosine similarity of SOAP descriptors to the training partition's frames"
        window = "mean cosine similarity of SOAP descriptors to all frames of the training window"
        centred = ", both centred on the mean descriptor of the trainable trajectory"
        distance = (
            f"mean distance of the SOAP descriptor, of length 1, to those of the {NEAREST} nearest "
            "frames of the training partition"
        )
        time = ("ps", "time of the frame")
        if getattr(self.source, "time_unit", "ps") == "":
            time = ("", "number of the frame; the time between frames is unknown")
        of_atom = (
            "distance of an atom's SOAP descriptor, of length 1, to those of the "
            f"{NEAREST} nearest training atoms of the same species"
        )
        own = [
            Field(
                name,
                "float64",
                unit,
                "frame",
                "feature",
                describe,
                BEFORE,
                title=TITLES.get(name, ""),
            )
            for name, unit, describe in (
                ("time", *time),
                ("soap_similarity", "", train),
                ("soap_similarity_window", "", window),
                ("soap_similarity_centred", "", train + centred),
                ("soap_similarity_window_centred", "", window + centred),
                ("soap_distance", "", distance),
                (ATOM_NAMES[0], "", f"mean over the atoms of the mean {of_atom}"),
                (ATOM_NAMES[1], "", f"largest over the atoms of the mean {of_atom}"),
            )
        ]
        return [*own, *index_fields(self.source)]

    def _tensors(self, rows: np.ndarray, device: torch.device | None = None) -> FrameTensors:
        """Frames on a device, by default that of the trainer."""
        device = device or self.attached.strategy.root_device
        trajectory = self.trajectory
        dtype: torch.dtype = getattr(torch, self.dtype)
        forces, known = trajectory.forces[rows], None
        if trajectory.has_forces is not None:
            known = trajectory.has_forces[rows]
            forces = np.where(known[:, None, None], forces, 0.0)

        def tensor(values: np.ndarray, of: torch.dtype) -> torch.Tensor:
            return torch.from_numpy(np.array(values)).to(device, of)

        cells, periodic = trajectory.cells_of(rows), {}
        if cells is not None:
            periodic["cells"] = tensor(cells, dtype)
        if trajectory.stress is not None:
            stress = trajectory.stress[rows]
            periodic["stress"] = tensor(np.nan_to_num(stress), torch.float64)
            periodic["has_stress"] = tensor(~np.isnan(stress).any(axis=(1, 2)), torch.bool)

        return FrameTensors(
            sample_id=tensor(trajectory.sample_id[rows], torch.int64),
            positions=tensor(trajectory.positions[rows], dtype),
            species=tensor(self._types_of(rows), torch.int64),
            energy=tensor(trajectory.energies[rows] - self.reference_energies(rows), torch.float64),
            forces=tensor(forces, dtype),
            has_forces=None if known is None or known.all() else tensor(known, torch.bool),
            **periodic,
        )

    def _types_of(self, rows: np.ndarray) -> np.ndarray:
        """Atom types `(A,)`; `(N, A)` of several molecules, with -1 for padding."""
        numbers = self.trajectory.atomic_numbers
        return atom_types(numbers[rows] if self.trajectory.is_mixed else numbers, self.type_names)
