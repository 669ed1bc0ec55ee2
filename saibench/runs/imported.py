"""The data of an imported run, as far as its table has them, for an audit of leakage."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import polars

from saibench.datamodules.near_duplicates import SampleSimilarity, digest
from saibench.datamodules.partition import Partition
from saibench.errors import UserError
from saibench.evidence.imported.card import number_features
from saibench.evidence.imported.study import TRAINING_SAMPLES
from saibench.evidence.independence import TIME, Independence, independence_of
from saibench.evidence.run_record import SAMPLES, read_record
from saibench.evidence.schema import Field, read_fields, read_table

MOST_EQUAL = 0.01
"""Largest share of training samples with the features of another one, for which samples with equal
features count as copies."""
NO_CONTENT = 0
"""Digest of a sample without content to compare."""


@dataclass(frozen=True)
class ImportedData:
    """Training and test samples of an imported run, with the interface of a data module.

    Rows of the index are first the training samples, then the test samples of each partition.
    """

    folder: Path

    @cached_property
    def index(self) -> polars.DataFrame:
        """`sample_id`, `partition` (empty of training samples) and the features."""
        parts = []
        if (self.folder / TRAINING_SAMPLES).is_file():
            training = read_table(self.folder / TRAINING_SAMPLES)
            parts.append(training.with_columns(partition=polars.lit("")))
        parts.append(read_table(self.folder / SAMPLES))
        columns = ["sample_id", "partition", *(field.name for field in self._described)]
        return polars.concat([part.select(columns) for part in parts])

    @cached_property
    def _described(self) -> list[Field]:
        """The features that training and test samples have."""
        path = self.folder / TRAINING_SAMPLES
        return [field for field in read_fields(path) if field.name != "sample_id"]

    def feature_fields(self) -> list[Field]:
        return self._described

    def independence(self) -> Independence:
        fields = [field.name for field in read_fields(self.folder / SAMPLES)]
        declared = independence_of(read_record(self.folder), fields)
        known = {field.name for field in self._described}
        return declared if {*declared.columns} <= known else Independence()

    def features(self, rows: np.ndarray) -> polars.DataFrame:
        return self.index[rows]

    @cached_property
    def tests(self) -> dict[str, Partition]:
        """The tested partitions."""
        names = self.index["partition"].to_numpy()
        return {
            name: Partition.of(name, self.index, np.flatnonzero(names == name), "as imported")
            for name in dict.fromkeys(names.tolist())
            if name
        }

    @cached_property
    def training(self) -> Partition:
        """The samples in the training partitions of the table."""
        rows = np.flatnonzero(self.index["partition"].to_numpy() == "")
        return Partition.of("train", self.index, rows, "as imported")

    def similarity(self) -> SampleSimilarity:
        """Near-duplicates by the features known before the truth, standardized on training."""
        numbers = number_features(self._described)
        values = self.index.select(polars.col(numbers).cast(polars.Float64)).to_numpy()
        trained = values[self.training.rows]
        spread = np.nanstd(trained, axis=0)
        scaled = (values - np.nanmean(trained, axis=0)) / np.where(spread > 0, spread, 1.0)
        vectors = np.nan_to_num(scaled, nan=0.0).astype(np.float32)
        equal = 1 - len(np.unique(trained, axis=0)) / len(trained)

        def contents(rows: np.ndarray) -> np.ndarray:
            if equal > MOST_EQUAL:
                return np.full((len(rows), 1), NO_CONTENT, dtype=np.uint64)
            return digest(list(values[rows]))[:, None]

        declared = self.independence()
        return SampleSimilarity(
            name="features",
            describe=f"standardized {', '.join(numbers)}",
            vectors=lambda rows: vectors[rows],
            contents=contents,
            part="row",
            along=declared.column if declared.kind == TIME else None,
        )


def imported_data(folder: Path) -> ImportedData:
    """The data of an imported run.

    Raises:
        UserError: its table had no training samples.
    """
    if not (folder / TRAINING_SAMPLES).is_file():
        raise UserError(
            f"{folder.name} was imported without training samples, so leaks cannot be found. "
            "Import a table with their features in rows of the partition train."
        )
    return ImportedData(folder)
