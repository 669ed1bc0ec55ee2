"""The samples that a run was trained on and those of other data, for an audit of leakage."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import polars

from saibench.datamodules.near_duplicates import SampleSimilarity
from saibench.datamodules.partition import Partition
from saibench.datamodules.structural import StructuralDataModule
from saibench.errors import UserError
from saibench.evidence.independence import Independence
from saibench.evidence.run_record import read_record
from saibench.identity import TRAINED
from saibench.runs.other_data import with_training_data
from saibench.runs.rebuilt import settings_of


@dataclass(frozen=True, eq=False)
class TrainedAndTested:
    """Rows of one index: first all samples of the data of the training, then the tested ones.

    Args:
        trained: the data of the training.
        tested: other data, with the descriptors of `trained`.
    """

    trained: StructuralDataModule
    tested: StructuralDataModule

    @property
    def first(self) -> int:
        """The row of the first tested sample."""
        return self.trained.index.height

    @cached_property
    def index(self) -> polars.DataFrame:
        """`sample_id`, and the time of the training samples (else NaN) if neighbours are similar.

        Ids of either data, and their times, have nothing to do with each other.
        """
        parts = [self.trained.index, self.tested.index]
        found = polars.concat([part.select("sample_id") for part in parts])
        along = self.trained.similarity().along  # type: ignore[union-attr]
        if along is None:
            return found
        times = self.trained.index[along].cast(polars.Float64)
        missing = times.new_from_index(0, self.tested.index.height) * np.nan
        return found.with_columns(times.append(missing).alias(along))

    def feature_fields(self) -> list[Any]:
        return self.tested.feature_fields()

    def features(self, rows: np.ndarray) -> polars.DataFrame:
        """Of tested samples."""
        return self.tested.features(rows - self.first)

    def independence(self) -> Independence:
        return self.tested.independence()

    def shifted(self, test: Partition) -> Partition:
        """A partition of the tested data, by rows of this index."""
        return replace(test, rows=test.rows + self.first)

    def similarity(self) -> SampleSimilarity:
        of_trained, of_tested = self.trained.similarity(), self.tested.similarity()
        assert of_trained is not None and of_tested is not None  # `trained_and_tested` refuses

        def vectors(rows: np.ndarray) -> np.ndarray:
            return self._of_both(rows, of_trained.vectors, of_tested.vectors)

        def contents(rows: np.ndarray) -> np.ndarray:
            return self._of_both(rows, of_trained.contents, of_tested.contents)

        return replace(of_trained, vectors=vectors, contents=contents)

    def _of_both(self, rows: np.ndarray, of_trained: Any, of_tested: Any) -> np.ndarray:
        """Arrays `(n, D)` of the rows."""
        is_tested = rows >= self.first
        parts = [
            function(rows[of] - first)
            for function, of, first in (
                (of_trained, ~is_tested, 0),
                (of_tested, is_tested, self.first),
            )
            if of.any()
        ]
        found = np.empty((len(rows), parts[0].shape[1]), dtype=parts[0].dtype)
        order = np.argsort(is_tested, kind="stable")
        found[order] = np.concatenate(parts)
        return found


def trained_and_tested(folder: Path, tested: StructuralDataModule) -> TrainedAndTested:
    """The data of a run on other data, and those of its training.

    Raises:
        UserError: the data of the training are missing or have changed, or have no descriptor; the
            model was not trained.
    """
    trained = settings_of(folder, TRAINED)[TRAINED]
    with_training_data(tested, trained)
    before = tested.reference
    recorded = read_record(folder)[TRAINED]["partitions"]["train"]["hash"]
    if before.split[0].hash != recorded:
        raise UserError(
            f"the training samples of {folder.name} have changed (hash {recorded}, now "
            f"{before.split[0].hash}). Restore the data of the training."
        )
    if not len(before.seen_rows):
        raise UserError(
            f"the model of {folder.name} was not trained here, so its training samples are not "
            "known; a model without weights cannot leak."
        )
    if before.similarity() is None:
        raise UserError(f"the workload of {folder.name} has no descriptor of a sample to compare.")
    return TrainedAndTested(before, tested)
