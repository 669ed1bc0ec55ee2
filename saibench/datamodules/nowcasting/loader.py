"""Batches of rain events, optionally read by worker processes."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from saibench.datamodules.nowcasting.batch import RainBatch
from saibench.datamodules.nowcasting.checks import check_event
from saibench.datamodules.nowcasting.event import PUBLISHED, RainEvent, RainEvents, RainFrames
from saibench.datamodules.stream import EvaluationBatches, TrainingBatches

Sample = tuple[int, RainEvent]


@dataclass(frozen=True)
class Draw:
    """A row of the index, and the random key of its crop."""

    row: int
    key: int = 0


class EventDataset(Dataset[Sample]):
    """Events by the rows of their index, whole or cropped.

    Args:
        events: all events.
        crop: side of the crop in pixels, or None for the whole event.
        seed: of the positions of the crops.
        frames: number of frames of an event.
    """

    def __init__(
        self,
        events: RainEvents,
        crop: int | None = None,
        seed: int = 0,
        frames: RainFrames = PUBLISHED,
    ) -> None:
        self.events = events
        self.crop = crop
        self.frames = frames
        self.seed = seed
        self.sample_ids = events.index["sample_id"].to_numpy()

    def __len__(self) -> int:
        return len(self.sample_ids)

    def __getitem__(self, draw: Draw | int) -> Sample:
        draw = draw if isinstance(draw, Draw) else Draw(int(draw))
        event = self.events.read(draw.row)
        if not getattr(self.events, "checked", False):  # the file may have changed
            sample_id = int(self.sample_ids[draw.row])
            check_event(event, self.frames, self.events.height, self.events.width, sample_id)
        if self.crop is not None:
            event = _cropped(event, self.crop, np.random.default_rng([self.seed, draw.key]))
        return int(self.sample_ids[draw.row]), event


class CropBatches(TrainingBatches):
    """Draws of one round: each draw of an event has another crop."""

    def __iter__(self) -> Iterator[list[Draw]]:
        first = self.first_step()
        chosen = self.chosen(first, self.steps)
        keys = first * self.batch_size + np.arange(chosen.size).reshape(chosen.shape)
        for rows, of_rows in zip(*map(self.ranks.share, (chosen, keys)), strict=True):
            yield [Draw(int(row), int(key)) for row, key in zip(rows, of_rows, strict=True)]


def rain_loader(
    dataset: EventDataset,
    batches: TrainingBatches | EvaluationBatches,
    workers: int,
    draws: int | None = None,
) -> DataLoader[Any]:
    """A loader of `RainBatch`es, with this number of worker processes."""
    return DataLoader(
        dataset,
        batch_sampler=batches,  # type: ignore[arg-type]
        num_workers=workers,
        collate_fn=_Collate(
            dataset.events.pixel_km, dataset.frames.observed, batches.weight, draws
        ),
        pin_memory=torch.cuda.is_available(),
        multiprocessing_context="spawn" if workers else None,  # a fork loses the threads of a net
        persistent_workers=workers > 0,
        worker_init_fn=_ignore_signals if workers else None,
    )


def _ignore_signals(worker: int) -> None:
    """Leave signals to the parent process, which stops its workers after saving."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)


@dataclass(frozen=True)
class _Collate:
    pixel_km: float
    past: int
    sample_weight: float
    draws: int | None

    def __call__(self, samples: list[Sample]) -> RainBatch:
        events = [event for _, event in samples]
        rate = torch.from_numpy(np.stack([event.rate for event in events]))
        valid = torch.from_numpy(np.stack([event.valid for event in events]))
        return RainBatch(
            sample_id=torch.tensor([sample_id for sample_id, _ in samples]),
            observed=rate[:, : self.past],
            target=rate[:, self.past :],
            mask=valid[:, self.past :],
            pixel_km=self.pixel_km,
            sample_weight=self.sample_weight,
            motion=_stacked([event.motion for event in events]),
            source=_stacked([event.source for event in events]),
            draws=self.draws,
        )


def _stacked(arrays: list[np.ndarray | None]) -> torch.Tensor | None:
    known = [array for array in arrays if array is not None]
    return torch.from_numpy(np.stack(known)) if len(known) == len(arrays) else None


def _cropped(event: RainEvent, size: int, rng: np.random.Generator) -> RainEvent:
    height, width = event.rate.shape[1:]
    top, left = rng.integers(height - size + 1), rng.integers(width - size + 1)
    inside = np.s_[:, top : top + size, left : left + size]
    return RainEvent(
        rate=event.rate[inside],
        valid=event.valid[inside],
        motion=None if event.motion is None else event.motion[inside],
        source=None if event.source is None else event.source[inside],
    )
