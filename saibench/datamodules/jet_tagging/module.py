"""Jets, partitioned by their features."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from itertools import takewhile
from typing import Any

import numpy as np
import polars as pl

from saibench.datamodules.jet_tagging.batch import JetBatch
from saibench.datamodules.jet_tagging.checks import check_jets
from saibench.datamodules.jet_tagging.energy_bins import class_counts
from saibench.datamodules.jet_tagging.energy_deviation import FIELD as ENERGY_DEVIATION
from saibench.datamodules.jet_tagging.energy_deviation import energy_deviation
from saibench.datamodules.jet_tagging.jets import (
    CLASS,
    FEATURE_FIELDS,
    TOP,
    Jets,
    JetSource,
)
from saibench.datamodules.jet_tagging.kinematic_distance import FIELD as KINEMATIC_DISTANCE
from saibench.datamodules.jet_tagging.kinematic_distance import kinematic_distance
from saibench.datamodules.jet_tagging.loader import BucketedBatches, JetArrays, jet_loader
from saibench.datamodules.jet_tagging.near_duplicates import jet_similarity
from saibench.datamodules.loader import Loader
from saibench.datamodules.near_duplicates import SampleSimilarity
from saibench.datamodules.partition import Partition
from saibench.datamodules.samplers import Chain, Sampler, Where
from saibench.datamodules.stream import EvaluationBatches, TrainingBatches
from saibench.datamodules.structural import NO_SOURCE, StructuralDataModule
from saibench.errors import UserError
from saibench.evidence.jet_tagging.class_names import TOP_AND_QCD, ClassNames
from saibench.evidence.schema import Field
from saibench.formatting import joined
from saibench.options import Count


@dataclass(eq=False, repr=False)
class JetTaggingDataModule(StructuralDataModule):
    """Training, validation and test partitions of top jets and QCD jets.

    Args:
        max_constituents: maximum number of constituents per jet, the hardest by pT.
        bucketed: whether training batches have jets of similar length: less padding, but a less
            accurate net (`docs/results/benchmarks/jets.md`).

    Other options are those of `StructuralDataModule`.
    """

    source: JetSource = NO_SOURCE
    batch_size: Count = 512
    evaluation_batch_size: Count = 512
    max_constituents: Count = 128
    bucketed: bool = False

    @cached_property
    def jets(self) -> Jets:
        """The checked jets."""
        jets = self.source.load(self.cache_folder)
        self.check_once(jets.data_hash, lambda: check_jets(jets, self.source.name))
        return jets

    def load_index(self) -> pl.DataFrame:
        return self.jets.index()

    @property
    def class_names(self) -> ClassNames:
        return getattr(self.source, "class_names", TOP_AND_QCD)

    def describe_data(self) -> dict[str, str]:
        jets, top = self.jets, int((self.jets.label == TOP).sum())
        described = (
            f"{self.source.describe()} Of these, {top:,} are {self.class_names.signal} jets; pT is "
            f"{jets.jet_pt.min():.4g} to {jets.jet_pt.max():.4g} GeV."
        )
        return {"hash": jets.data_hash, "describe": described, **self.class_names.stating()}

    def dataset_info(self) -> dict[str, Any]:
        """Names of the classes; of a net with one output per class also `classes` and `signal`.

        Empty for top and QCD: inputs are standardised by published constants, not by training jets.
        """
        return {**self.class_names.stating(), **self.preview_dataset_info()}

    def preview_dataset_info(self) -> dict[str, Any]:
        if not self._net_classes:
            return {}
        signal = getattr(self.source, "signal_classes", ())
        return {"classes": list(self._net_classes), "signal": list(signal)}

    def adopt(self, info: dict[str, Any]) -> dict[str, Any]:
        """These jets for a net that was trained on others, of the same classes.

        Raises:
            UserError: the net has one output per class, and the classes are others.
        """
        own, known = self.dataset_info().get("classes"), info.get("classes")
        if known and own != known:
            raise UserError(
                f"data: the classes are {joined(own or ['top', 'QCD'])}, and in the training "
                f"{joined(known)}. Use jets of these classes, with data.multiclass=true."
            )
        return info

    @property
    def validation_sampler(self) -> Sampler | None:
        """The validation part of the data, if the source declares one."""
        part = getattr(self.source, "validation", None)
        return None if part is None else Where(by="split", equals=part)

    def _split(self, index: pl.DataFrame) -> tuple[Partition, Partition]:
        train, validation = super()._split(index)
        if "label" in index.columns:
            refuse_single_class(train, index["label"], self.class_names)
        if CLASS in index.columns:
            refuse_absent_class(train, index[CLASS], self._net_classes)
        return train, validation

    def training_batches(self) -> TrainingBatches:
        batches = super().training_batches()
        if not self.bucketed:
            return batches
        return BucketedBatches(**vars(batches), lengths=self._arrays.lengths)

    def evaluation_batches(self, rows: np.ndarray) -> EvaluationBatches:
        return super().evaluation_batches(self._arrays.by_length(rows))

    def loader(
        self, batches: TrainingBatches | EvaluationBatches, transform: Any | None = None
    ) -> Loader[JetBatch]:
        return jet_loader(self._arrays, batches, transform)

    def transfer_batch_to_device(self, batch: Any, device: Any, dataloader_idx: int) -> Any:
        """The batch, copied asynchronously from pinned memory."""
        return batch.to(device, non_blocking=True)

    def batch_of(self, rows: np.ndarray) -> JetBatch:
        """These jets as one batch, in the order of `rows`."""
        return self._arrays.batch(rows)

    def partition_counts(self, rows: np.ndarray) -> dict[str, list[int]]:
        """Top jets and QCD jets per energy bin of the paper, those outside last."""
        chosen = self.index[rows]
        return class_counts(chosen["jet_energy"].to_numpy(), chosen["label"].to_numpy())

    def candidate_counts(self) -> dict[str, list[int]]:
        """`partition_counts` of the jets before the sampler of energy bins is applied."""
        samplers = Chain((self.training,)).samplers
        before = takewhile(lambda one: getattr(one, "by", None) != "jet_energy", samplers)
        counts = self.partition_counts(Chain(tuple(before)).select(self.index))
        return {f"candidate_{name}": counted for name, counted in counts.items()}

    def similarity(self) -> SampleSimilarity:
        return jet_similarity(self.jets)

    def features(self, rows: np.ndarray) -> pl.DataFrame:
        """Features of the jets, and the distances of energy and constituents to training jets."""
        energy = self.index["jet_energy"].to_numpy()
        known = self.reference
        trained = known.index["jet_energy"].to_numpy()[known.learned_rows]
        deviation = energy_deviation(energy[rows], trained)
        distance = kinematic_distance(self._arrays, rows, known._arrays, known.compared_rows)
        return self.index[rows].with_columns(
            pl.Series(ENERGY_DEVIATION.name, deviation),
            pl.Series(KINEMATIC_DISTANCE.name, distance),
        )

    def feature_fields(self) -> list[Field]:
        of_source = getattr(self.source, "index_fields", ())
        of_jets = [
            replace(field, describe=self.class_names.worded(field.describe))
            for field in FEATURE_FIELDS
        ]
        return [*of_jets, *of_source, ENERGY_DEVIATION, KINEMATIC_DISTANCE]

    @property
    def _arrays(self) -> JetArrays:
        return JetArrays(self.jets, self.max_constituents, self._net_classes)

    @property
    def _net_classes(self) -> tuple[str, ...]:
        """Classes of the outputs of a net with one output per class; empty for a net of two."""
        return getattr(self.source, "net_classes", ())


def refuse_single_class(partition: Partition, label: pl.Series, names: ClassNames) -> None:
    """Refuse a training partition with a single class.

    Args:
        partition: the training partition, which may be empty.
        label: labels of all jets of the index.
        names: of the classes.

    Raises:
        UserError: all its jets have the same label.
    """
    found = label[partition.rows].unique().to_list()
    if len(found) == 1:
        raise UserError(
            f"partition '{partition.name}' has only {names.of(found[0])} jets (label {found[0]}; "
            f"{partition.describe}). Use training samplers, or a subset.count, that select both "
            "classes."
        )


def refuse_absent_class(
    partition: Partition, jet_class: pl.Series, classes: tuple[str, ...]
) -> None:
    """Refuse a training partition without a jet of some class of the net.

    Args:
        partition: the training partition; an empty one trains nothing.
        jet_class: class of all jets of the index.
        classes: of the net.

    Raises:
        UserError: names the classes.
    """
    found = set(jet_class[partition.rows].unique().to_list())
    if found and (absent := [name for name in classes if name not in found]):
        raise UserError(
            f"partition '{partition.name}' has no jet of the class {' and '.join(absent)}, which "
            f"is an output of the net ({partition.describe}). Use training samplers, or a "
            "subset.count, that select every class, or leave it out of data.background."
        )
