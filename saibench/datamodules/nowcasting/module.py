"""Rain events, partitioned by their observed features."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl
from torch.utils.data import DataLoader

from saibench.datamodules.near_duplicates import SampleSimilarity
from saibench.datamodules.nearest import nearest_distance
from saibench.datamodules.nowcasting.batch import RainBatch
from saibench.datamodules.nowcasting.checks import check_events
from saibench.datamodules.nowcasting.draws import RepeatedDraws
from saibench.datamodules.nowcasting.event import RainEvents, RainSource, SidePixels, frames_of
from saibench.datamodules.nowcasting.features import OBSERVED_DISTANCE, OBSERVED_FEATURES
from saibench.datamodules.nowcasting.loader import CropBatches, EventDataset, rain_loader
from saibench.datamodules.nowcasting.near_duplicates import event_similarity
from saibench.datamodules.stream import EvaluationBatches, Ranks, TrainingBatches
from saibench.datamodules.structural import NO_SOURCE, StructuralDataModule
from saibench.errors import UserError
from saibench.evidence.schema import BEFORE, Field
from saibench.options import Count, Degree


@dataclass(eq=False, repr=False)
class NowcastingDataModule(StructuralDataModule):
    """Training, validation and test partitions of rain events.

    Args:
        crop: side in pixels of the random crops for training; None for whole events.
        workers: worker processes per rank; 0 reads in the training process.

    Other options are those of `StructuralDataModule`; `seed` also determines the crops.
    """

    source: RainSource = NO_SOURCE
    batch_size: Count = 8
    evaluation_batch_size: Count = 8
    crop: SidePixels | None = None
    workers: Degree = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        self.frames = frames_of(self.source)

    @cached_property
    def events(self) -> RainEvents:
        """The checked events."""
        events = self.source.load(self.cache_folder)
        if not getattr(events, "checked", False):
            self.check_once(
                f"{events.data_hash} {self.frames}",
                lambda: check_events(events, self.frames, self.source.name),
            )
        smallest = min(events.height, events.width)
        if self.crop is not None and self.crop > smallest:
            raise UserError(
                f"datamodule.crop={self.crop} is larger than the events ({events.height} x "
                f"{events.width} pixels). Use {smallest // 32 * 32} or null."
            )
        return events

    def load_index(self) -> pl.DataFrame:
        return self.events.index

    def describe_data(self) -> dict[str, str]:
        return {"hash": self.events.data_hash, "describe": self.source.describe()}

    def dataset_info(self) -> dict[str, Any]:
        """Sampling in space and time, by the argument names of the nets."""
        return self._info(self.events)

    def preview_dataset_info(self) -> dict[str, Any]:
        return self._info(self.source)

    def adopt(self, info: dict[str, Any]) -> dict[str, Any]:
        """These events for a net that was trained on others, with their resolution and truth.

        Raises:
            UserError: the net takes another number of frames, or frames at other times.
        """
        own = self.dataset_info()
        for name in ("observed", "leads", "frame_minutes"):
            if info.get(name, own[name]) != own[name]:
                raise UserError(
                    f"data: {name} is {own[name]}, and {info[name]} in the training. Use events of "
                    "the same numbers of frames, as many minutes apart."
                )
        return {**info, **own}

    def _info(self, of: RainEvents | RainSource) -> dict[str, Any]:
        return {
            "pixel_km": of.pixel_km,
            "has_truth": of.has_truth,
            "observed": self.frames.observed,
            "leads": self.frames.target,
            "frame_minutes": self.frames.minutes,
        }

    def training_batches(self) -> TrainingBatches:
        return CropBatches(**vars(super().training_batches()))

    def loader(
        self, batches: TrainingBatches | EvaluationBatches, transform: Any | None = None
    ) -> DataLoader[RainBatch]:
        crop = self.crop if isinstance(batches, TrainingBatches) else None
        dataset = EventDataset(self.events, crop, self.seed, self.frames)
        draws = transform.count if isinstance(transform, RepeatedDraws) else None
        return rain_loader(dataset, batches, self.workers, draws)

    def batch_of(self, rows: np.ndarray) -> RainBatch:
        """Whole events as one batch, in the order of `rows`."""
        dataset = EventDataset(self.events, frames=self.frames)
        return next(iter(rain_loader(dataset, EvaluationBatches(rows, len(rows), Ranks()), 0)))

    def similarity(self) -> SampleSimilarity:
        return event_similarity(self.events, self.frames)

    def features(self, rows: np.ndarray) -> pl.DataFrame:
        """Features of the events, and the distance of the observed ones to training events."""
        known = self.reference
        names = [name for name in self._compared_features if name in known._compared_features]
        if not self._compared_features:
            return self.index[rows]
        own = _numbers(self.index[rows], names)
        distance = nearest_distance(own, _numbers(known.index[known.compared_rows], names))
        return self.index[rows].with_columns(pl.Series(OBSERVED_DISTANCE.name, distance))

    def feature_fields(self) -> list[Field]:
        added = [OBSERVED_DISTANCE] if self._compared_features else []
        return [*self.events.feature_fields(), *added]

    @property
    def _compared_features(self) -> list[str]:
        """Features of the observed frames that the events have."""
        own = {field.name for field in self.events.feature_fields()}
        return [one.name for one in OBSERVED_FEATURES if one.known == BEFORE and one.name in own]


def _numbers(table: pl.DataFrame, names: list[str]) -> np.ndarray:
    """`(N, F)` columns of a table."""
    return table.select(names).to_numpy().astype(np.float64)
