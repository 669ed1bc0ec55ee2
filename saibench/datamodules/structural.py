"""The LightningDataModule of every workload: an index and its partitions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
import polars as pl
from lightning import LightningDataModule, Trainer

from saibench.datamodules.cache import cached_arrays
from saibench.datamodules.cache_root import cache_root
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
"""Default of `source`, for a data module that loads its data in another way."""
MAX_COMPARED = 2000
"""Most training samples that a tested sample is compared with."""
CHECKS_VERSION = 4
"""Version of the data checks; data that passed a lower one are checked again."""


@dataclass(frozen=True)
class EvaluationPass:
    """One evaluation pass of the model: every sample once, under one transform."""

    transform: Any | None
    rows: np.ndarray
    partitions: tuple[Partition, ...]


@dataclass(eq=False, repr=False)
class StructuralDataModule(LightningDataModule):
    """Training, validation and test partitions of an index.

    A subclass is a dataclass as well (`@dataclass(eq=False, repr=False)`), whose fields are its
    options. It implements `load_index`, `dataset_info`, `loader`, `feature_fields` and
    `describe_data`, and may override `preview_index` and `features`. One instance belongs to one
    run and is built from the config alone.

    Args:
        training: sampler of the training candidates.
        subset: draws the training samples from the candidates.
        held_out: name of the partition that training must not overlap.
        partitions: name → `{samplers: [...], transform: ...}`, all defined partitions.
        test: names of the partitions that the model is tested on.
        steps: training steps; 0 for a model that is not trained, which takes no training samples.
        save_samples: ids of test samples saved for the report; None for the model's choice.
        seen: ids of samples that the model was trained on elsewhere, or a file of them
            (`seen_ids`); None if unknown.
        source: the data, see `DataSource`.
        batch_size: samples per training step, over all ranks.
        evaluation_batch_size: samples per batch in validation and test, on each rank.
        steps_per_round: training steps between two validations.
        seed: of the order of the training samples.
        cache: folder of the prepared arrays; by default `cache_root()`.

    Raises:
        UserError: an option of a wrong type, an undefined test partition.
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
                    f"{name} is a {type(given).__name__}. Use a _target_ that is a "
                    f"{kind.__name__} of saibench.datamodules.samplers."
                )
        for name in ("name", "describe", "preview", "recipe", "load"):
            if self.source is not NO_SOURCE and not hasattr(self.source, name):
                raise UserError(
                    f"data: {type(self.source).__name__} has no '{name}'. Use a class with all "
                    "members of saibench.datamodules.source.DataSource."
                )
        self.allow_zero_length_dataloader_with_multiple_devices = True  # a rank without a sample
        self.evaluation: EvaluationPass | None = None
        self.trained_on: Self | None = None
        """The data that the model was trained on, if they are others; None: these."""
        self.cache_folder = cache_root() if self.cache is None else Path(self.cache)
        self.partitions = {name: _checked(name, given) for name, given in self.partitions.items()}
        self.test = list(dict.fromkeys(self.test))
        for name in (self.held_out, *self.test):
            if name not in self.partitions:
                raise UserError(
                    f"test partition '{name}' is not defined under partitions; "
                    f"{closest(name, self.partitions)}"
                )
        if not self.test:
            raise UserError("test=[] names no partition. Use at least one, as test=[last_tenth].")

    def load_index(self) -> pl.DataFrame:
        """The index: `sample_id` and the data features, one row per sample."""
        raise NotImplementedError

    def preview_index(self) -> pl.DataFrame | None:
        """The index before the data are built; None if it lacks a feature that samplers use."""
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
        """Fill the cache of the source on one rank; all ranks then only read it."""
        if self.source is not NO_SOURCE:
            self.source.load(self.cache_folder)

    def check_once(self, data_hash: str, check: Callable[[], None]) -> None:
        """Call `check`, which raises UserError for faulty data, unless the cache records a pass."""

        def passed(folder: Path) -> dict[str, np.ndarray]:
            check()
            return {"passed": np.array([True])}

        recipe = {"data": data_hash, "checks": CHECKS_VERSION}
        cached_arrays(self.cache_folder, f"checked-{self.source.name}", recipe, passed)

    def dataset_info(self) -> dict[str, Any]:
        """Properties of the training partition that a model needs, in builtins."""
        return {}

    def adopt(self, info: dict[str, Any]) -> dict[str, Any]:
        """Prepare samples for a model that was trained on other data.

        Args:
            info: `dataset_info` of the data of its training.

        Returns:
            the information to build the model with; by default `info`.

        Raises:
            UserError: the model cannot predict these data.
        """
        return info

    def preview_dataset_info(self) -> dict[str, Any] | None:
        """A stand-in for `dataset_info` before the data are built, or None.

        Numbers may differ from `dataset_info`, but not what determines the shape of the model.
        """
        return None

    def features(self, rows: np.ndarray) -> pl.DataFrame:
        """Data features of these rows for the evidence, including `sample_id`."""
        return self.index[rows]

    def partition_counts(self, rows: np.ndarray) -> dict[str, Any]:
        """Further counts of a partition for the record, in builtins.

        They are all that a report knows of the training samples, which are not in the evidence.
        """
        return {}

    def similarity(self) -> SampleSimilarity | None:
        """Near-duplicate criterion for the leak audit; None if there is none."""
        return None

    def feature_fields(self) -> list[Any]:
        """`evidence.schema.Field`s of the columns of `features` without `sample_id`."""
        raise NotImplementedError

    def independence(self) -> Independence:
        """Which samples are independent, for all intervals and tests.

        A source can declare it in its attribute `independence`. By default samples with a time are
        independent if they are some correlation times apart; samples without one always are.

        Raises:
            UserError: the source names a column that is not in the evidence.
        """
        columns = [field.name for field in self.feature_fields()]
        declared = getattr(self.source, "independence", None)
        if declared is None:
            return default_independence(columns)
        if not isinstance(declared, Independence):
            raise UserError(
                f"data.independence is a {type(declared).__name__}. Use an Independence of "
                "saibench.evidence.independence, such as Independence('group', 'trajectory')."
            )
        return declared.checked(columns)

    def describe_data(self) -> dict[str, str]:
        """Return the `hash` of the content and its description in a sentence, `describe`.

        `system`, if any, is the system that a model of these data applies to, such as a chemical
        formula: a trusted range is valid for that system only.
        """
        raise NotImplementedError

    def data_hash(self) -> str:
        """The `hash` of `describe_data`, without the description."""
        return self.describe_data()["hash"]

    def content(self) -> Any:
        """The identity of the data for the hash of a run, as JSON types.

        By default the recipe of the `source`, with hashes of files or settings of a simulation;
        None if unknown, so that the folder of the data enters the hash instead.

        Raises:
            UserError: the data are not available.
        """
        return None if self.source is NO_SOURCE else self.source.recipe()

    def loader(
        self, batches: TrainingBatches | EvaluationBatches, transform: Any | None = None
    ) -> Any:
        """An iterable of batches for Lightning.

        Args:
            batches: rows of the index for each batch, and the `weight` of a sample in the loss.
            transform: test-time transform of the tested partitions, if any.
        """
        raise NotImplementedError

    def training_batches(self) -> TrainingBatches:
        """Rows of the steps of one round."""
        return TrainingBatches(
            self.split[0].rows,
            self.batch_size,
            self.steps_per_round,
            self.seed,
            lambda: steps_begun(self.attached),
            self.ranks,
        )

    def evaluation_batches(self, rows: np.ndarray) -> EvaluationBatches:
        """These rows, each once, distributed over the ranks."""
        return EvaluationBatches(rows, self.evaluation_batch_size, self.ranks)

    def train_dataloader(self) -> Any:
        return self.loader(self.training_batches())

    def val_dataloader(self) -> Any:
        return self.loader(self.evaluation_batches(self.split[1].rows))

    def evaluation_loader(self, evaluation: EvaluationPass) -> Any:
        return self.loader(self.evaluation_batches(evaluation.rows), evaluation.transform)

    @property
    def ranks(self) -> Ranks:
        """The rank of this process and the number of ranks."""
        return Ranks(self.attached.global_rank, self.attached.world_size)

    @property
    def attached(self) -> Trainer:
        """The trainer.

        Raises:
            RuntimeError: no trainer is attached.
        """
        if self.trainer is None:
            raise RuntimeError("no trainer is attached to this data module.")
        return self.trainer

    @cached_property
    def index(self) -> pl.DataFrame:
        return self.load_index()

    @cached_property
    def tests(self) -> dict[str, Partition]:
        return {name: self._test_partition(self.index, name) for name in self.test}

    def reported_partition(self, tested: Sequence[str]) -> str:
        """The tested partition for the report: the held-out one, else one without a transform."""
        if self.held_out in tested:
            return self.held_out
        plain = (name for name in tested if self.partitions[name].get("transform") is None)
        return next(plain, tested[0])

    def saved_rows(self) -> np.ndarray | None:
        """Rows of `save_samples`, in their order; None for the model's choice.

        Raises:
            UserError: a sample is in none of the test partitions.
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
        unknown = [chosen for chosen in self.save_samples or () if chosen not in tested]
        if unknown:
            raise UserError(
                f"save_samples={list(self.save_samples or ())}: sample {unknown[0]} is in none of "
                f"the tested partitions, which have {len(tested)} ids from {tested[0]} to "
                f"{tested[-1]}."
            )

    @cached_property
    def split(self) -> tuple[Partition, Partition]:
        """The training and the validation partition."""
        return self._split(self.index)

    @cached_property
    def seen_elsewhere(self) -> Partition | None:
        """The samples of `seen`, which the model was trained on elsewhere; None if unknown.

        Raises:
            UserError: `seen` is not readable, or contains no sample of these data.
        """
        return None if self.seen is None else self._seen(self.index)

    @property
    def reference(self) -> Self:
        """The data that the model was trained on: `trained_on`, else these."""
        return self if self.trained_on is None else self.trained_on

    @cached_property
    def learned_rows(self) -> np.ndarray:
        """Rows that the model was trained on, here or elsewhere, ascending."""
        elsewhere = [] if self.seen_elsewhere is None else [self.seen_elsewhere.rows]
        return np.unique(np.concatenate([self.split[0].rows, *elsewhere]))

    @cached_property
    def seen_rows(self) -> np.ndarray:
        """Rows used before the test for training, here or elsewhere, or validation, ascending."""
        return np.unique(np.concatenate([self.learned_rows, self.split[1].rows]))

    def reference_rows(self) -> np.ndarray:
        """Rows that `dataset_info` averages: the training partition, else all not held out."""
        train = self.split[0].rows
        if train.size:
            return train
        held_out = self._test_partition(self.index, self.held_out).rows
        others = np.setdiff1d(np.arange(self.index.height), held_out)
        return others if others.size else np.arange(self.index.height)

    @cached_property
    def compared_rows(self) -> np.ndarray:
        """At most `MAX_COMPARED` rows of `learned_rows`, ascending, for distances to training.

        The same on every rank and for every seed.
        """
        rows = self.learned_rows
        if len(rows) <= MAX_COMPARED:
            return rows
        return np.sort(np.random.default_rng(0).choice(rows, MAX_COMPARED, replace=False))

    def without_training(self) -> None:
        """Empty the training partition, for a model that turns out not to be trained."""
        if self.steps != 0:
            self.steps = 0
            for name in ("split", "learned_rows", "compared_rows", "seen_rows"):
                self.__dict__.pop(name, None)

    def candidate_counts(self) -> dict[str, list[int]]:
        """Counts of the training candidates, for the record."""
        return {}

    def check(self) -> None:
        """Refuse unavailable data and impossible partitions before anything is built."""
        self.content()
        index = self.preview_index()
        if index is not None:
            self._split(index)
            if self.seen is not None:
                self._seen(index)
            self._check_saved([self._test_partition(index, name) for name in self.test])

    def passes(self) -> list[EvaluationPass]:
        """The evaluation passes that cover all test partitions: one per transform."""
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
        """Batches of the pass `evaluation`; by default the first."""
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
        """Sampler of a validation part of the data; None to use further training candidates."""
        return None

    def _seen(self, index: pl.DataFrame) -> Partition:
        assert self.seen is not None
        ids = seen_ids(self.seen)
        known = index["sample_id"].to_numpy()
        rows = np.flatnonzero(np.isin(known, ids))
        if not rows.size:
            raise UserError(
                f"seen: none of its {len(ids)} ids is a sample of these data, whose ids range "
                f"from {known.min()} to {known.max()}. Use ids of these data."
            )
        describe = f"{rows.size} samples that the model was trained on elsewhere"
        if rows.size < len(ids):
            describe += f" (of {len(ids)} ids given)"
        return Partition.of("seen_elsewhere", index, rows, describe)

    def _test_partition(self, index: pl.DataFrame, name: str) -> Partition:
        given = self.partitions[name]
        return test_partition(name, index, given["samplers"], given.get("transform"))


def _checked(name: str, given: Mapping[str, Any]) -> Mapping[str, Any]:
    if "samplers" not in given or set(given) - {"samplers", "transform"}:
        raise UserError(
            f"partitions.{name} has the keys {', '.join(map(repr, given)) or '(none)'}. Use "
            "samplers and, optionally, transform."
        )
    samplers, transform = given["samplers"], given.get("transform")
    if isinstance(samplers, str) or not isinstance(samplers, Sequence):
        raise UserError(
            f"partitions.{name}.samplers is not a list. Use a list such as "
            "[{_target_: saibench.datamodules.samplers.Tail, size: 0.1}]."
        )
    is_transform = hasattr(transform, "hash") and hasattr(transform, "describe")
    if transform is not None and (not is_transform or isinstance(transform, Sampler)):
        raise UserError(
            f"partitions.{name}.transform has type {type(transform).__name__}, not "
            "a transform of samples. Use one such as that of last_tenth_rotated."
        )
    return given
