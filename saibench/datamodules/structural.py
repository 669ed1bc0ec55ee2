"""The LightningDataModule behind every workload: an index, and partitions of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from lightning import LightningDataModule, Trainer

from saibench.datamodules.cache_root import cache_root
from saibench.datamodules.checked import checked_once
from saibench.datamodules.near_duplicates import SampleSimilarity
from saibench.datamodules.partition import (
    Partition,
    test_partition,
    training_split,
    untrained_split,
)
from saibench.datamodules.samplers import Chain, Sampler, Subset
from saibench.datamodules.seen_ids import seen_ids
from saibench.datamodules.stream import EvaluationBatches, Ranks, TrainingBatches, steps_begun
from saibench.errors import UserError, closest
from saibench.evidence.independence import Independence, default_independence
from saibench.options import Count, check_fields

NO_SOURCE: Any = object()
"""Of a data module that gets its data in a way of its own."""


@dataclass(frozen=True)
class EvaluationPass:
    """One look of the model at samples: every sample once, under one transform."""

    transform: Any | None
    rows: np.ndarray
    partitions: tuple[Partition, ...]


@dataclass(eq=False, repr=False)
class StructuralDataModule(LightningDataModule):
    """Partitions of an index: what is trained on, validated on, and tested on.

    A subclass is a dataclass too (`@dataclass(eq=False, repr=False)`), whose fields are its own
    options. It gives `load_index`, `dataset_info`, `loader`, `feature_fields` and `describe_data`,
    and may give `preview_index` and `features`. It is made once a run, from the config alone.

    Args:
        training: sampler of the training candidates.
        subset: how many of them are trained on.
        held_out: name of the partition that training may never touch.
        partitions: name → `{samplers: [...], transform: ...}`, the partitions there are.
        test: names of the partitions that the trained model is tested on.
        steps: budget of the training; 0 trains on nothing, so that no sample is taken for it.
        save_samples: ids of tested samples that are kept whole for the report; None for the model's
            choice.
        seen: ids of samples that the model has seen elsewhere, or a file of them (`seen_ids`); None
            where that is not known.
        source: where the data come from, see `DataSource`.
        batch_size: samples a step, over all ranks.
        evaluation_batch_size: samples a batch in validation and test, on each rank.
        steps_per_round: training steps between two validations.
        seed: of the order of the training samples.
        cache: folder of the prepared arrays; the default is `cache_root()`.

    Raises:
        UserError: an option of another kind, a test of a partition that is not defined.
    """

    training: Sampler
    subset: Subset
    held_out: str
    partitions: Mapping[str, Mapping[str, Any]]
    test: Sequence[str]
    steps: int | None = None
    save_samples: Sequence[int] | None = None
    seen: str | Sequence[int] | None = None
    source: Any = NO_SOURCE
    batch_size: Count = 1
    evaluation_batch_size: Count = 100
    steps_per_round: Count = 200
    seed: int = 0
    cache: str | None = None

    def __post_init__(self) -> None:
        super().__init__()
        check_fields(self, "datamodule")
        for name, kind in (("training", Sampler), ("subset", Subset)):
            if not isinstance(given := getattr(self, name), kind):
                raise UserError(
                    f"{name} is a {type(given).__name__}, not a {kind.__name__} of "
                    "saibench.datamodules.samplers. Use a node whose _target_ is one."
                )
        for name in ("name", "describe", "preview", "recipe", "load"):
            if self.source is not NO_SOURCE and not hasattr(self.source, name):
                raise UserError(
                    f"data is no source: {type(self.source).__name__} has no '{name}', which "
                    "saibench.datamodules.source.DataSource asks for."
                )
        self.allow_zero_length_dataloader_with_multiple_devices = True  # a rank without a sample
        self.evaluation: EvaluationPass | None = None
        self.cache_folder = cache_root() if self.cache is None else Path(self.cache)
        self.partitions = {name: _checked(name, given) for name, given in self.partitions.items()}
        self.test = list(dict.fromkeys(self.test))
        for name in (self.held_out, *self.test):
            if name not in self.partitions:
                raise UserError(
                    f"test partition '{name}' is not defined under partitions: "
                    f"{closest(name, self.partitions)}"
                )
        if not self.test:
            raise UserError("test=[] names no partition: give at least one, as test=[last_tenth].")

    def load_index(self) -> pl.DataFrame:
        """The index: `sample_id` and the data features, one row a sample."""
        raise NotImplementedError

    def preview_index(self) -> pl.DataFrame | None:
        """The index before the data are made, if it has all that samplers ask for, else None."""
        if self.source is NO_SOURCE or (preview := self.source.preview()) is None:
            return None
        samplers = [
            sampler
            for name in (self.held_out, *self.test)
            for sampler in self.partitions[name]["samplers"]
        ]
        features = Chain((self.training, *samplers)).features() | self.subset.features()
        return preview if features <= set(preview.columns) else None

    def prepare_data(self) -> None:
        """Prepare once what the source keeps; every rank then only reads."""
        if self.source is not NO_SOURCE:
            self.source.load(self.cache_folder)

    def check_once(self, data_hash: str, check: Callable[[], None]) -> None:
        """Call `check` unless data of this hash have passed it; the cache keeps that they did."""
        checked_once(self.cache_folder, self.source.name, data_hash, check)

    def dataset_info(self) -> dict[str, Any]:
        """What a model needs to know of the training partition, in builtins."""
        return {}

    def preview_dataset_info(self) -> dict[str, Any] | None:
        """What a model can be built with before the data are made, else None.

        Its numbers may be others than those of `dataset_info`; what decides the model's shape may
        not.
        """
        return None

    def features(self, rows: np.ndarray) -> pl.DataFrame:
        """Data features of these rows for the evidence, with `sample_id`."""
        return self.index[rows]

    def partition_counts(self, rows: np.ndarray) -> dict[str, Any]:
        """What the record tells of a partition beside its count, in builtins.

        Evidence holds the tested samples; of those trained on, this is all that a report knows.
        """
        return {}

    def similarity(self) -> SampleSimilarity | None:
        """When two samples are near-duplicates, for an audit of leaks; None if not known."""
        return None

    def feature_fields(self) -> list[Any]:
        """`evidence.schema.Field`s of the columns that `features` gives, but for `sample_id`."""
        raise NotImplementedError

    def independence(self) -> Independence:
        """What of the samples is independent, for all intervals and tests.

        A source says it by its attribute `independence`; else samples with a time are independent
        when they lie some correlation times apart, and others all are.

        Raises:
            UserError: the source names a column that the evidence does not have.
        """
        columns = [field.name for field in self.feature_fields()]
        declared = getattr(self.source, "independence", None)
        if declared is None:
            return default_independence(columns)
        if not isinstance(declared, Independence):
            raise UserError(
                f"independence of the data is a {type(declared).__name__}. Use an Independence of "
                "saibench.evidence.independence, such as Independence('group', 'trajectory')."
            )
        return declared.checked(columns)

    def describe_data(self) -> dict[str, str]:
        """For the record: `hash` of the content and one sentence to `describe` it.

        `system`, where there is one, is what a model of these data is a model of, such as a
        molecule's formula: a trusted range holds for no other.
        """
        raise NotImplementedError

    def content(self) -> Any:
        """What tells these data from others before they are made, as JSON can hold it.

        It names a run, so that other data are another run, wherever they lie: the recipe of the
        `source`, which holds the hash of a file's content or the settings of a simulation. None
        if that is not known; the data's folder then names the run.

        Raises:
            UserError: the data can't be had.
        """
        return None if self.source is NO_SOURCE else self.source.recipe()

    def loader(
        self, batches: TrainingBatches | EvaluationBatches, transform: Any | None = None
    ) -> Any:
        """What Lightning takes batches from, one of the samples of each of `batches`.

        Args:
            batches: rows of the index, a batch at a time; `weight` is that of a sample in the loss.
            transform: of the partitions that are tested, if they have one.
        """
        raise NotImplementedError

    def training_batches(self) -> TrainingBatches:
        """Rows of the steps of a round."""
        return TrainingBatches(
            self.split[0].rows,
            self.batch_size,
            self.steps_per_round,
            self.seed,
            lambda: steps_begun(self.attached),
            self.ranks,
        )

    def evaluation_batches(self, rows: np.ndarray) -> EvaluationBatches:
        """These rows, unrepeated, dealt over the ranks."""
        return EvaluationBatches(rows, self.evaluation_batch_size, self.ranks)

    def train_dataloader(self) -> Any:
        return self.loader(self.training_batches())

    def val_dataloader(self) -> Any:
        return self.loader(self.evaluation_batches(self.split[1].rows))

    def evaluation_loader(self, evaluation: EvaluationPass) -> Any:
        return self.loader(self.evaluation_batches(evaluation.rows), evaluation.transform)

    @property
    def ranks(self) -> Ranks:
        """This process among those that work together."""
        return Ranks(self.attached.global_rank, self.attached.world_size)

    @property
    def attached(self) -> Trainer:
        """The trainer.

        Raises:
            RuntimeError: there is none yet.
        """
        if self.trainer is None:
            raise RuntimeError("loaders need the trainer that this data module is given to.")
        return self.trainer

    @cached_property
    def index(self) -> pl.DataFrame:
        return self.load_index()

    @cached_property
    def tests(self) -> dict[str, Partition]:
        return {name: self._test_partition(self.index, name) for name in self.test}

    def reported_partition(self, tested: Sequence[str]) -> str:
        """Of tested ones, the one a report shows: the held-out, or else one not transformed."""
        if self.held_out in tested:
            return self.held_out
        plain = (name for name in tested if self.partitions[name].get("transform") is None)
        return next(plain, tested[0])

    def saved_rows(self) -> np.ndarray | None:
        """Rows of `save_samples`, in their order, or None for the model's choice.

        Raises:
            UserError: one of them is in no test partition.
        """
        if self.save_samples is None:
            return None
        self._check_saved(list(self.tests.values()))
        ids = self.index["sample_id"].to_numpy()
        return np.array(
            [int(np.flatnonzero(ids == chosen)[0]) for chosen in self.save_samples], int
        )

    def _check_saved(self, tests: Sequence[Partition]) -> None:
        tested = np.unique(np.concatenate([partition.sample_ids for partition in tests]))
        strange = [chosen for chosen in self.save_samples or () if chosen not in tested]
        if strange:
            raise UserError(
                f"save_samples={list(self.save_samples or ())}: sample {strange[0]} is in none of "
                f"the tested partitions, whose {len(tested)} ids lie between {tested[0]} and "
                f"{tested[-1]}."
            )

    @cached_property
    def split(self) -> tuple[Partition, Partition]:
        """The training and the validation partition."""
        return self._split(self.index)

    @cached_property
    def seen_elsewhere(self) -> Partition | None:
        """The samples of `seen`; None where it is not known what the model has seen elsewhere.

        Raises:
            UserError: `seen` cannot be read, or names no sample of these data.
        """
        return None if self.seen is None else self._seen(self.index)

    @cached_property
    def learned_rows(self) -> np.ndarray:
        """Rows that the weights were fitted to, here or elsewhere, ascending."""
        elsewhere = [] if self.seen_elsewhere is None else [self.seen_elsewhere.rows]
        return np.unique(np.concatenate([self.split[0].rows, *elsewhere]))

    @cached_property
    def seen_rows(self) -> np.ndarray:
        """Rows that the model has seen in any way before the test, ascending."""
        return np.unique(np.concatenate([self.learned_rows, self.split[1].rows]))

    def reference_rows(self) -> np.ndarray:
        """Rows whose means a model is given: of its training, or without one all not held out."""
        trained = self.split[0].rows
        if trained.size:
            return trained
        held_out = self._test_partition(self.index, self.held_out).rows
        others = np.setdiff1d(np.arange(self.index.height), held_out)
        return others if others.size else np.arange(self.index.height)

    def without_training(self) -> None:
        """Take no sample for a training: the model turned out to be one that is not trained."""
        if self.steps != 0:
            self.steps = 0
            for name in ("split", "learned_rows", "seen_rows"):
                self.__dict__.pop(name, None)

    def candidate_counts(self) -> dict[str, list[int]]:
        """What the record of the training partition keeps of the samples it was drawn from."""
        return {}

    def check(self) -> None:
        """Refuse, before anything is made, data and partitions that cannot be had."""
        self.content()
        index = self.preview_index()
        if index is not None:
            self._split(index)
            if self.seen is not None:
                self._seen(index)
            self._check_saved([self._test_partition(index, name) for name in self.test])

    def passes(self) -> list[EvaluationPass]:
        """The fewest looks that cover all test partitions: one a transform."""
        by_transform: dict[str, list[Partition]] = {}
        for partition in self.tests.values():
            key = "" if partition.transform is None else partition.transform.hash()
            by_transform.setdefault(key, []).append(partition)
        return [
            EvaluationPass(
                transform=group[0].transform,
                rows=np.unique(np.concatenate([partition.rows for partition in group])),
                partitions=tuple(group),
            )
            for group in by_transform.values()
        ]

    def test_dataloader(self) -> Any:
        """Batches of the pass that `evaluation` is set to; by default the first."""
        return self.evaluation_loader(self.evaluation or self.passes()[0])

    def _split(self, index: pl.DataFrame) -> tuple[Partition, Partition]:
        if self.steps == 0:
            return untrained_split(index)
        held_out = self._test_partition(index, self.held_out)
        return training_split(
            index, self.training, self.subset, [held_out], self.validation_sampler
        )

    @property
    def validation_sampler(self) -> Sampler | None:
        """What selects validation samples where the data have a part for them; None: training's."""
        return None

    def _seen(self, index: pl.DataFrame) -> Partition:
        assert self.seen is not None
        ids = seen_ids(self.seen)
        known = index["sample_id"].to_numpy()
        rows = np.flatnonzero(np.isin(known, ids))
        if not rows.size:
            raise UserError(
                f"seen: none of its {len(ids)} ids is a sample of these data, whose ids lie "
                f"between {known.min()} and {known.max()}. Use ids of these data."
            )
        describe = f"{rows.size} samples that the model has seen elsewhere"
        if rows.size < len(ids):
            describe += f" (of {len(ids)} ids that were given)"
        return Partition.of("seen_elsewhere", index, rows, describe)

    def _test_partition(self, index: pl.DataFrame, name: str) -> Partition:
        given = self.partitions[name]
        return test_partition(name, index, given["samplers"], given.get("transform"))


def _checked(name: str, given: Mapping[str, Any]) -> Mapping[str, Any]:
    example = "[{_target_: saibench.datamodules.samplers.Tail, size: 0.1}]"
    unknown = set(given) - {"samplers", "transform"}
    if unknown or "samplers" not in given:
        key = sorted(unknown)[0] if unknown else "(no samplers)"
        raise UserError(
            f"partitions.{name} holds '{key}': a partition has samplers and, if wanted, "
            "a transform."
        )
    samplers = given["samplers"]
    if isinstance(samplers, str) or not isinstance(samplers, Sequence):
        raise UserError(f"partitions.{name}.samplers is not a list; {example} would work.")
    transform = given.get("transform")
    is_one = hasattr(transform, "hash") and hasattr(transform, "describe")
    if transform is not None and (not is_one or isinstance(transform, Sampler)):
        kind = type(transform).__name__
        raise UserError(
            f"partitions.{name}.transform of type {kind} is no transform of samples; "
            "one as that of last_tenth_rotated would work."
        )
    return given
