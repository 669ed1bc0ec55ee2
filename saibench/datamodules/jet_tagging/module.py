"""Jets, partitioned by what is known of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from itertools import takewhile
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from lightning import Trainer

from saibench.datamodules.cache_root import cache_root
from saibench.datamodules.checked import checked_once
from saibench.datamodules.jet_tagging.batch import JetBatch
from saibench.datamodules.jet_tagging.checks import check_jets
from saibench.datamodules.jet_tagging.energy_bins import class_counts
from saibench.datamodules.jet_tagging.energy_deviation import FIELD as ENERGY_DEVIATION
from saibench.datamodules.jet_tagging.energy_deviation import energy_deviation
from saibench.datamodules.jet_tagging.jets import CLASSES, FEATURE_FIELDS, TOP, Jets, JetSource
from saibench.datamodules.jet_tagging.loader import EvaluationJets, JetArrays, TrainingJets
from saibench.datamodules.jet_tagging.near_duplicates import jet_likeness
from saibench.datamodules.near_duplicates import Likeness
from saibench.datamodules.partition import Partition
from saibench.datamodules.samplers import Chain, Sampler, Subset, Where
from saibench.datamodules.stream import Ranks, steps_begun
from saibench.datamodules.structural import EvaluationPass, StructuralDataModule
from saibench.errors import UserError
from saibench.evidence.schema import Field


class JetTaggingDataModule(StructuralDataModule):
    """Top jets and QCD jets: those that a net is trained on, validated on, and tested on.

    Args:
        source: where the jets come from.
        training, subset, held_out, partitions, test, steps, shown, seen: see
            `StructuralDataModule`.
        batch_size: jets a step, over all ranks.
        evaluation_batch_size: jets a batch in validation and test, on each rank.
        max_constituents: the hardest constituents of a jet by pT that are kept.
        bucketed: whether training batches hold jets of like length.
        steps_per_round: training steps between two validations.
        seed: of the order of the training jets.
        cache: folder of the prepared arrays; the default is `cache_root()`.
    """

    def __init__(
        self,
        source: JetSource,
        training: Sampler,
        subset: Subset,
        held_out: str,
        partitions: Mapping[str, Mapping[str, Any]],
        test: Sequence[str],
        steps: int | None = None,
        shown: Sequence[int] | None = None,
        seen: str | Sequence[int] | None = None,
        batch_size: int = 512,
        evaluation_batch_size: int = 512,
        max_constituents: int = 128,
        bucketed: bool = False,
        steps_per_round: int = 200,
        seed: int = 0,
        cache: str | None = None,
    ) -> None:
        super().__init__(training, subset, held_out, partitions, test, steps, shown, seen)
        for name, value, works in (
            ("batch_size", batch_size, 512),
            ("evaluation_batch_size", evaluation_batch_size, 512),
            ("max_constituents", max_constituents, 128),
        ):
            if value < 1:
                raise UserError(f"datamodule.{name}={value} is not at least 1; {works} would work.")
        self.source = source
        self.batch_size = batch_size
        self.evaluation_batch_size = evaluation_batch_size
        self.max_constituents = max_constituents
        self.bucketed = bucketed
        self.steps_per_round = steps_per_round
        self.seed = seed
        self.cache = cache_root() if cache is None else Path(cache)

    @cached_property
    def jets(self) -> Jets:
        """The jets, once they are seen to be fit to be learnt from."""
        jets = self.source.load(self.cache)
        name = self.source.name
        checked_once(self.cache, name, jets.data_hash, lambda: check_jets(jets, name))
        return jets

    def preview_index(self) -> pl.DataFrame | None:
        """What is known before the jets are prepared, if no sampler asks for more."""
        preview = self.source.preview()
        used = (self.held_out, *self.test)
        samplers = [s for name in used for s in self.partitions[name]["samplers"]]
        asked = Chain((self.training_sampler, *samplers)).features() | self.subset.features()
        return preview if preview is not None and asked <= set(preview.columns) else None

    def load_index(self) -> pl.DataFrame:
        return self.jets.index()

    def describe_data(self) -> dict[str, str]:
        jets, top = self.jets, int((self.jets.label == TOP).sum())
        described = (
            f"{self.source.describe()} Of them {top:,} are top jets; pT is "
            f"{jets.jet_pt.min():.4g} to {jets.jet_pt.max():.4g} GeV."
        )
        return {"hash": jets.data_hash, "describe": described}

    def preview_facts(self) -> dict[str, Any]:
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

    def prepare_data(self) -> None:
        """Prepare the jets once; every rank then only maps them."""
        self.source.load(self.cache)

    def train_dataloader(self) -> TrainingJets:
        return TrainingJets(
            self._arrays,
            self.split[0].rows,
            self.batch_size,
            self.steps_per_round,
            self.seed,
            lambda: steps_begun(self._attached),
            self._ranks(),
            self.bucketed,
        )

    def val_dataloader(self) -> EvaluationJets:
        return self._evaluated(self.split[1].rows)

    def evaluation_loader(self, evaluation: EvaluationPass) -> EvaluationJets:
        return self._evaluated(evaluation.rows, evaluation.transform)

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
        samplers = Chain((self.training_sampler,)).samplers
        before = takewhile(lambda one: getattr(one, "by", None) != "jet_energy", samplers)
        counts = self.partition_counts(Chain(tuple(before)).select(self.index))
        return {f"candidate_{name}": counted for name, counted in counts.items()}

    def likeness(self) -> Likeness:
        return jet_likeness(self.jets)

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

    def _evaluated(self, rows: np.ndarray, transform: Any = None) -> EvaluationJets:
        return EvaluationJets(
            self._arrays, rows, self.evaluation_batch_size, self._ranks(), transform
        )

    def _ranks(self) -> Ranks:
        return Ranks(self._attached.global_rank, self._attached.world_size)

    @property
    def _attached(self) -> Trainer:
        if self.trainer is None:
            raise RuntimeError("loaders need the trainer that this data module is given to.")
        return self.trainer


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
