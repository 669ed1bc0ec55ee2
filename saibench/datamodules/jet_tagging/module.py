"""Jets, partitioned by what is known of them."""

from __future__ import annotations

from dataclasses import dataclass
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
from saibench.datamodules.jet_tagging.jets import CLASSES, FEATURE_FIELDS, TOP, Jets, JetSource
from saibench.datamodules.jet_tagging.loader import BucketedBatches, JetArrays, jet_loader
from saibench.datamodules.jet_tagging.near_duplicates import jet_similarity
from saibench.datamodules.loader import Loader
from saibench.datamodules.near_duplicates import SampleSimilarity
from saibench.datamodules.partition import Partition
from saibench.datamodules.samplers import Chain, Sampler, Where
from saibench.datamodules.stream import EvaluationBatches, TrainingBatches
from saibench.datamodules.structural import NO_SOURCE, StructuralDataModule
from saibench.errors import UserError
from saibench.evidence.schema import Field
from saibench.options import Count


@dataclass(eq=False, repr=False)
class JetTaggingDataModule(StructuralDataModule):
    """Top jets and QCD jets: those that a net is trained on, validated on, and tested on.

    Args:
        max_constituents: the hardest constituents of a jet by pT that are kept.
        bucketed: whether training batches hold jets of like length.

    The others are those of `StructuralDataModule`.
    """

    source: JetSource = NO_SOURCE
    batch_size: Count = 512
    evaluation_batch_size: Count = 512
    max_constituents: Count = 128
    bucketed: bool = False

    @cached_property
    def jets(self) -> Jets:
        """The jets, once they are seen to be fit to be learnt from."""
        jets = self.source.load(self.cache_folder)
        self.check_once(jets.data_hash, lambda: check_jets(jets, self.source.name))
        return jets

    def load_index(self) -> pl.DataFrame:
        return self.jets.index()

    def describe_data(self) -> dict[str, str]:
        jets, top = self.jets, int((self.jets.label == TOP).sum())
        described = (
            f"{self.source.describe()} Of them {top:,} are top jets; pT is "
            f"{jets.jet_pt.min():.4g} to {jets.jet_pt.max():.4g} GeV."
        )
        return {"hash": jets.data_hash, "describe": described}

    def preview_dataset_info(self) -> dict[str, Any]:
        """None: inputs are standardised by the field's constants, not by the training jets."""
        return {}

    @property
    def validation_sampler(self) -> Sampler | None:
        """The part of the data that their source says is for validation."""
        part = getattr(self.source, "validation", None)
        return None if part is None else Where(by="split", equals=part)

    def _split(self, index: pl.DataFrame) -> tuple[Partition, Partition]:
        train, validation = super()._split(index)
        if "label" in index.columns:
            refuse_single_class(train, index["label"])
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
        """Batches come in pinned memory, from which they are copied while the net works."""
        return batch.to(device, non_blocking=True)

    def batch_of(self, rows: np.ndarray) -> JetBatch:
        """These jets as one batch, in the order of `rows`."""
        return self._arrays.batch(rows)

    def partition_counts(self, rows: np.ndarray) -> dict[str, list[int]]:
        """Top jets and QCD jets by the paper's bins of energy, those outside last."""
        chosen = self.index[rows]
        return class_counts(chosen["jet_energy"].to_numpy(), chosen["label"].to_numpy())

    def candidate_counts(self) -> dict[str, list[int]]:
        """The same of the jets that a range of energies draws from, before it does."""
        samplers = Chain((self.training,)).samplers
        before = takewhile(lambda one: getattr(one, "by", None) != "jet_energy", samplers)
        counts = self.partition_counts(Chain(tuple(before)).select(self.index))
        return {f"candidate_{name}": counted for name, counted in counts.items()}

    def similarity(self) -> SampleSimilarity:
        return jet_similarity(self.jets)

    def features(self, rows: np.ndarray) -> pl.DataFrame:
        """What is known of the jets, and how far their energies lie from the training jets'."""
        energy = self.index["jet_energy"].to_numpy()
        deviation = energy_deviation(energy[rows], energy[self.learned_rows])
        return self.index[rows].with_columns(pl.Series(ENERGY_DEVIATION.name, deviation))

    def feature_fields(self) -> list[Field]:
        return [*FEATURE_FIELDS, ENERGY_DEVIATION]

    @property
    def _arrays(self) -> JetArrays:
        return JetArrays(self.jets, self.max_constituents)


def refuse_single_class(partition: Partition, label: pl.Series) -> None:
    """Refuse to train on a partition of one class, which a net learns to give to every jet.

    Args:
        partition: of the training; one without jets trains nothing.
        label: of all jets of the index.

    Raises:
        UserError: all its jets have one label.
    """
    found = label[partition.rows].unique().to_list()
    if len(found) == 1:
        raise UserError(
            f"partition '{partition.name}' holds {CLASSES[found[0]]} jets alone (label {found[0]}; "
            f"{partition.describe}): a tagger that is trained on one class gives it to every jet. "
            "Use samplers under training, or a subset.count, that leave both classes."
        )
