"""Rain events, partitioned by what was observed of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from lightning import Trainer

from saibench.datamodules.cache_root import cache_root
from saibench.datamodules.checked import checked_once
from saibench.datamodules.near_duplicates import Likeness
from saibench.datamodules.nowcasting.batch import RainBatch
from saibench.datamodules.nowcasting.checks import check_events
from saibench.datamodules.nowcasting.draws import RepeatedDraws
from saibench.datamodules.nowcasting.event import RainEvents, RainSource, frames_of
from saibench.datamodules.nowcasting.loader import (
    EvaluationBatches,
    EventDataset,
    TrainingBatches,
    rain_loader,
)
from saibench.datamodules.nowcasting.near_duplicates import event_likeness
from saibench.datamodules.samplers import Chain, Sampler, Subset
from saibench.datamodules.stream import Ranks, steps_begun
from saibench.datamodules.structural import EvaluationPass, StructuralDataModule
from saibench.errors import UserError
from saibench.evidence.schema import Field


class NowcastingDataModule(StructuralDataModule):
    """Rain events: those that a net is trained on, validated on, and tested on.

    Args:
        source: where the events come from.
        training, subset, held_out, partitions, test, steps, shown, seen: see
            `StructuralDataModule`.
        batch_size: events a step, over all ranks.
        evaluation_batch_size: events a batch in validation and test, on each rank.
        crop: side in pixels of the part of an event that is trained on, drawn anew each time;
            None for the whole event.
        workers: processes that read ahead, on each rank; 0 reads in the process that trains.
        steps_per_round: training steps between two validations.
        seed: of the order of the training events, and of the crops.
        cache: folder of what is prepared once; the default is `cache_root()`.
    """

    def __init__(
        self,
        source: RainSource,
        training: Sampler,
        subset: Subset,
        held_out: str,
        partitions: Mapping[str, Mapping[str, Any]],
        test: Sequence[str],
        steps: int | None = None,
        shown: Sequence[int] | None = None,
        seen: str | Sequence[int] | None = None,
        batch_size: int = 8,
        evaluation_batch_size: int = 8,
        crop: int | None = None,
        workers: int = 0,
        steps_per_round: int = 200,
        seed: int = 0,
        cache: str | None = None,
    ) -> None:
        super().__init__(training, subset, held_out, partitions, test, steps, shown, seen)
        for name, value, least in (
            ("batch_size", batch_size, 1),
            ("evaluation_batch_size", evaluation_batch_size, 1),
            ("workers", workers, 0),
        ):
            if value < least:
                raise UserError(f"datamodule.{name}={value} is not at least {least}.")
        if crop is not None and (crop < 32 or crop % 32):
            raise UserError(
                f"datamodule.crop={crop} is not a multiple of 32; 256 or null would work."
            )
        self.source = source
        self.frames = frames_of(source)
        self.batch_size = batch_size
        self.evaluation_batch_size = evaluation_batch_size
        self.crop = crop
        self.workers = workers
        self.steps_per_round = steps_per_round
        self.seed = seed
        self.cache = cache_root() if cache is None else Path(cache)

    @cached_property
    def events(self) -> RainEvents:
        """The events, once they are seen to be fit to be learnt from."""
        events = self.source.load(self.cache)
        if not getattr(events, "checked", False):
            name = self.source.name
            checked_once(
                self.cache,
                name,
                f"{events.data_hash} {self.frames}",
                lambda: check_events(events, self.frames, name),
            )
        smallest = min(events.height, events.width)
        if self.crop is not None and self.crop > smallest:
            raise UserError(
                f"datamodule.crop={self.crop} is larger than the events, which have {events.height}"
                f" x {events.width} pixels; {smallest // 32 * 32} or null would work."
            )
        return events

    def preview_index(self) -> pl.DataFrame | None:
        """The events' ids, if no sampler asks for what only reading the events tells."""
        preview = self.source.preview()
        samplers = [s for given in self.partitions.values() for s in given["samplers"]]
        asked = Chain((self.training_sampler, *samplers)).features()
        return preview if preview is not None and asked <= set(preview.columns) else None

    def load_index(self) -> pl.DataFrame:
        return self.events.index

    def describe_data(self) -> dict[str, str]:
        return {"hash": self.events.data_hash, "describe": self.source.describe()}

    def facts(self) -> dict[str, Any]:
        """How events are sampled in space and time, by the names of the nets' arguments."""
        return self._facts(self.events.pixel_km, self.events.has_truth)

    def preview_facts(self) -> dict[str, Any]:
        return self._facts(self.source.pixel_km, self.source.has_truth)

    def _facts(self, pixel_km: float, has_truth: bool) -> dict[str, Any]:
        return {
            "pixel_km": pixel_km,
            "has_truth": has_truth,
            "observed": self.frames.observed,
            "leads": self.frames.target,
            "frame_minutes": self.frames.minutes,
        }

    def prepare_data(self) -> None:
        """Prepare what is kept once; every rank then only reads."""
        self.source.load(self.cache)

    def train_dataloader(self) -> Any:
        ranks = self._ranks()
        batches = TrainingBatches(
            self.split[0].rows,
            self.batch_size,
            self.steps_per_round,
            self.seed,
            lambda: steps_begun(self._attached),
            ranks,
        )
        dataset = EventDataset(self.events, self.crop, self.seed, self.frames)
        return rain_loader(dataset, batches, ranks.world_size / self.batch_size, self.workers)

    def val_dataloader(self) -> Any:
        return self._evaluated(self.split[1].rows)

    def batch_of(self, rows: np.ndarray) -> RainBatch:
        """Whole events as one batch, in the order of `rows`."""
        batches = EvaluationBatches(rows, len(rows), Ranks(0, 1))
        return next(iter(rain_loader(self._whole(), batches, 0.0, workers=0)))

    def evaluation_loader(self, evaluation: EvaluationPass) -> Any:
        transform = evaluation.transform
        return self._evaluated(
            evaluation.rows, transform.count if isinstance(transform, RepeatedDraws) else None
        )

    def likeness(self) -> Likeness:
        return event_likeness(self.events, self.frames)

    def feature_fields(self) -> list[Field]:
        return self.events.feature_fields()

    def _evaluated(self, rows: np.ndarray, draws: int | None = None) -> Any:
        batches = EvaluationBatches(rows, self.evaluation_batch_size, self._ranks())
        return rain_loader(self._whole(), batches, 0.0, self.workers, draws)

    def _whole(self) -> EventDataset:
        return EventDataset(self.events, frames=self.frames)

    def _ranks(self) -> Ranks:
        return Ranks(self._attached.global_rank, self._attached.world_size)

    @property
    def _attached(self) -> Trainer:
        if self.trainer is None:
            raise RuntimeError("loaders need the trainer that this data module is given to.")
        return self.trainer
