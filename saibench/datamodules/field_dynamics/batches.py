"""Frames of trajectories as batches of forecasts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from saibench.datamodules.field_dynamics.batch import FieldBatch
from saibench.datamodules.field_dynamics.fields import Trajectories
from saibench.datamodules.stream import TrainingBatches


@dataclass(frozen=True)
class Frames:
    """Which frames B samples have.

    Args:
        trajectory: `(B,)`.
        start: `(B,)` last observed frame of the trajectory.
        history: observed frames.
        leads: frames after them.
    """

    trajectory: np.ndarray
    start: np.ndarray
    history: int
    leads: int

    def of(self, values: np.ndarray, first: int) -> torch.Tensor:
        """`(B, leads + 1 - first, C, *grid)` of `values (R, T, C, *grid)`, from `start + first`."""
        found = [
            values[trajectory, start + first : start + self.leads + 1]
            for trajectory, start in zip(self.trajectory, self.start, strict=True)
        ]
        return torch.from_numpy(np.stack(found).astype(np.float32))


def gathered(
    data: Trajectories,
    where: Frames,
    sample_id: np.ndarray,
    weight: float,
    transform: Any | None = None,
    tested: bool = False,
) -> FieldBatch:
    """The samples as one batch.

    Args:
        data: the fields.
        where: their frames.
        sample_id: `(B,)`.
        weight: of a sample in the loss.
        transform: a `FieldTransform` of the frames, or None.
        tested: whether the frames after the start are of the truth, if the data have noise.
    """
    history, first = where.history, 1 - where.history
    frames, ids = where.of(data.values, first), torch.from_numpy(sample_id)
    measured = frames[:, history:] if getattr(transform, "from_measured", False) else None
    if tested and data.truth is not None:
        frames = torch.cat([frames[:, :history], where.of(data.truth, 1)], dim=1)
    before = None
    if transform is not None:
        before = frames[:, :history]
        times = data.time_step * torch.arange(first, where.leads + 1, dtype=torch.float64)
        frames = transform.apply(frames, times, data.lengths, ids)
    known = [values[where.trajectory] for values in data.parameters.values()]
    parameters = np.stack(known, axis=1) if known else np.empty((len(sample_id), 0))
    lyapunov = np.ones(data.count) if data.lyapunov_time is None else data.lyapunov_time
    return FieldBatch(
        sample_id=ids,
        observed=frames[:, :history],
        target=frames[:, history:],
        parameters=torch.from_numpy(parameters.astype(np.float32)),
        lyapunov_time=torch.from_numpy(lyapunov[where.trajectory].astype(np.float32)),
        weight=weight,
        transform=transform,
        untransformed=before,
        measured=measured,
    )


def coarsened(batch: FieldBatch, every: int) -> FieldBatch:
    """The batch on each `every`-th point along each axis of the grid."""
    if every == 1:
        return batch
    kept: Any = (..., *[slice(None, None, every)] * (batch.target.ndim - 3))
    return replace(batch, observed=batch.observed[kept], target=batch.target[kept])


class DrawnPlaces(TrainingBatches):
    """Rows of the steps of one round, and the random key of each row's place."""

    def __iter__(self) -> Iterator[Any]:
        first = self.first_step()
        chosen = self.chosen(first, self.steps)
        keys = first * self.batch_size + np.arange(chosen.size).reshape(chosen.shape)
        return zip(*map(self.ranks.share, (chosen, keys)), strict=True)
