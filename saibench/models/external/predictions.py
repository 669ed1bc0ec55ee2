"""Predictions that were made elsewhere, read from a file, as a model."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from saibench.errors import UserError
from saibench.files.npz import DamagedArray, NpzArrays
from saibench.models.external.model import SAMPLE_ID, Batch, ExternalModel


class Predictions(ExternalModel):
    """Looks up the predictions of each sample by its id.

    Args:
        file: .npz with `sample_id` (N,) int64 and, by the names of the workload's outputs, arrays
            (N, …) in their units: `energy`, `forces` and optionally `stress`; `score` or `logits`;
            `rain`.
        name: of the model that made them.

    Raises:
        UserError: the file is missing, damaged or has another layout.
    """

    predicts_anew = False

    def __init__(self, file: str, name: str) -> None:
        super().__init__()
        self.file, self.name = Path(file).expanduser(), name
        with self._opened() as arrays:
            self.predicts_stress = "stress" in arrays
        ids = self._ids
        if ids.ndim == 1 and not len(ids):
            raise UserError(f"{self.file}: '{SAMPLE_ID}' is empty. Use one id per prediction.")
        if ids.ndim != 1 or ids.dtype.kind != "i" or len(np.unique(ids)) != len(ids):
            raise UserError(f"{self.file}: '{SAMPLE_ID}' is no list of different integers.")

    def check_transform(self, transform: Any | None) -> None:
        if transform is not None:
            raise UserError(
                f"{self.name} was imported as predictions of the samples as they are, and a test "
                f"partition is {transform.describe()}. Test other partitions, or the model itself."
            )

    def predict(self, batch: Batch) -> dict[str, np.ndarray]:
        """Raises UserError: a sample has no prediction."""
        wanted = batch[SAMPLE_ID].cpu().numpy()
        places = np.searchsorted(self._ids, wanted, sorter=self._order)
        rows = self._order[np.minimum(places, len(self._order) - 1)]
        missing = wanted[self._ids[rows] != wanted]
        if missing.size:
            raise UserError(
                f"{self.name} has no prediction of sample {missing[0]}. Test it on the samples "
                "that were imported."
            )
        return {name: values[rows] for name, values in self._arrays.items()}

    @cached_property
    def _ids(self) -> np.ndarray:
        with self._opened() as arrays:
            return arrays[SAMPLE_ID]

    @cached_property
    def _order(self) -> np.ndarray:
        return np.argsort(self._ids, kind="stable")

    @cached_property
    def _arrays(self) -> dict[str, np.ndarray]:
        """By name of the output. Raises UserError: an array has another number of rows."""
        with self._opened() as arrays:
            found = {name: arrays[name] for name in arrays.names if name != SAMPLE_ID}
        for name, values in found.items():
            if values.ndim == 0:
                raise UserError(f"{self.file}: '{name}' is one number. Use one row per sample.")
            if len(values) != len(self._ids):
                raise UserError(
                    f"{self.file}: '{name}' has {len(values)} rows, '{SAMPLE_ID}' {len(self._ids)}."
                )
        return found

    @contextmanager
    def _opened(self) -> Iterator[NpzArrays]:
        if not self.file.is_file():
            raise UserError(f"model.net.file={self.file} is not a file. Use one of predictions.")
        try:
            with NpzArrays(self.file) as arrays:
                yield arrays
        except DamagedArray as error:
            raise UserError(f"{self.file} is no file of predictions ({error}).") from error
