"""Trajectories of fields, and the interface of their sources."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Protocol

import numpy as np
from pydantic import Field as Bounds

from saibench.datamodules.source import DataSource

GridPoints = Annotated[int, Bounds(ge=8, multiple_of=2)]
"""Points along one axis of a periodic grid."""


@dataclass(frozen=True, eq=False)
class Trajectories:
    """R trajectories of T frames, equally spaced in time.

    Args:
        values: `(R, T, C, *grid)`, of a floating-point type: an array, or frames of files that are
            read as `values[trajectory, first:last]`.
        channels: names of the C fields.
        time_step: between two frames, in the time unit of the data.
        lengths: side of the domain along each axis of the grid, in the length unit of the data.
        parameters: name → `(R,)`, such as the viscosity.
        features: name → `(R,)`, such as the amplitude of the initial condition.
        lyapunov_time: `(R,)` inverse of the largest Lyapunov exponent, in the time unit of the
            data; None if unknown.
        data_hash: changes whenever a value changes.
        start: time of the first frame.
        truth: of the shape of `values`, without the noise of measurement: what tests compare with;
            None if `values` are true.
    """

    values: np.ndarray
    channels: tuple[str, ...]
    time_step: float
    lengths: tuple[float, ...]
    data_hash: str
    parameters: Mapping[str, np.ndarray] = field(default_factory=dict)
    features: Mapping[str, np.ndarray] = field(default_factory=dict)
    lyapunov_time: np.ndarray | None = None
    start: float = 0.0
    truth: np.ndarray | None = None

    @property
    def count(self) -> int:
        """R."""
        return self.values.shape[0]

    @property
    def frames(self) -> int:
        """T."""
        return self.values.shape[1]

    @property
    def grid(self) -> tuple[int, ...]:
        """Points along each axis; empty for a system of ordinary differential equations."""
        return self.values.shape[3:]


@dataclass(frozen=True)
class FieldLayout:
    """What is known of trajectories before they are computed or read.

    The arguments are those of `Trajectories`; `trajectories` and `frames` are R and T, and
    `parameters` are names.

    Args:
        equation: that the trajectories solve: `name`, one of
            `saibench.metrics.field_dynamics.functional.equations.EQUATIONS`, and its settings; its
            parameters are those of the trajectories. None if unknown.
    """

    channels: tuple[str, ...]
    grid: tuple[int, ...]
    lengths: tuple[float, ...]
    time_step: float
    trajectories: int
    frames: int
    parameters: tuple[str, ...] = ()
    has_lyapunov_time: bool = False
    start: float = 0.0
    equation: Mapping[str, Any] | None = None

    def to_json(self) -> dict[str, Any]:
        """Builtins, by the argument names of the nets."""
        return {
            "channels": list(self.channels),
            "grid": list(self.grid),
            "lengths": list(self.lengths),
            "time_step": self.time_step,
            "parameters": list(self.parameters),
            "has_lyapunov_time": self.has_lyapunov_time,
        }


class FieldSource(DataSource, Protocol):
    """A solver or a reader of trajectories; `preview` has one row per trajectory.

    It may have a `title`, the name of the data on a page, and a method `place`, which returns the
    file of a trajectory and its number there, for messages.
    """

    def layout(self) -> FieldLayout:
        """Channels, grid and time step, before the trajectories are computed."""

    def load(self, cache: Path) -> Trajectories:
        """The trajectories, prepared on the first call and read from the cache afterwards."""


def layout_of(trajectories: Trajectories) -> FieldLayout:
    """The layout of trajectories that are at hand."""
    return FieldLayout(
        trajectories.channels,
        trajectories.grid,
        trajectories.lengths,
        trajectories.time_step,
        trajectories.count,
        trajectories.frames,
        tuple(trajectories.parameters),
        trajectories.lyapunov_time is not None,
        trajectories.start,
    )
