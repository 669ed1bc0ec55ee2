"""Forecast starts: the samples of this workload, and their features."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from saibench.datamodules.field_dynamics.fields import Trajectories
from saibench.errors import UserError
from saibench.evidence.schema import BEFORE, LOW, Field

TRAJECTORY, TIME, END_TIME = "trajectory", "time", "end_time"
RMS, DISTANCE = "rms", "spectral_distance"
POWER_FLOOR = 1e-6
"""Share of a frame's power below which a band of wavenumbers is noise, as of single precision."""


@dataclass(frozen=True)
class Starts:
    """Where forecasts start in every trajectory: each `stride` frames.

    Args:
        trajectories: R.
        frames: T of a trajectory.
        history: frames up to and with the start that a model is given.
        leads: frames that are predicted.
        stride: frames between two starts.

    Raises:
        UserError: a trajectory is too short for one forecast.
    """

    trajectories: int
    frames: int
    history: int
    leads: int
    stride: int

    def __post_init__(self) -> None:
        if self.per_trajectory < 1:
            raise UserError(
                f"data have {self.frames} frames per trajectory, fewer than datamodule.history="
                f"{self.history} and datamodule.leads={self.leads} together. Use datamodule.leads "
                f"<= {max(self.frames - self.history, 1)}."
            )

    @property
    def per_trajectory(self) -> int:
        """Number of starts in a trajectory."""
        return (self.frames - self.history - self.leads) // self.stride + 1

    @property
    def trajectory(self) -> np.ndarray:
        """`(samples,)` number of the trajectory."""
        return np.repeat(np.arange(self.trajectories), self.per_trajectory)

    @property
    def frame(self) -> np.ndarray:
        """`(samples,)` last frame that a model is given."""
        first = self.history - 1 + self.stride * np.arange(self.per_trajectory)
        return np.tile(first, self.trajectories)

    def index(
        self, of_trajectories: pl.DataFrame, time_step: float, start: float = 0.0
    ) -> pl.DataFrame:
        """One row per start, with the features of its trajectory.

        Args:
            of_trajectories: one row per trajectory.
            time_step: between two frames.
            start: time of the first frame.
        """
        trajectory, frame = self.trajectory, self.frame
        return pl.DataFrame(
            {
                "sample_id": np.arange(len(frame), dtype=np.int64),
                TRAJECTORY: trajectory.astype(np.int64),
                TIME: start + time_step * frame,
                END_TIME: start + time_step * (frame + self.leads),
                **{known.name: known.gather(trajectory) for known in of_trajectories},
            }
        )


def start_fields(parameters: tuple[str, ...], others: list[str]) -> list[Field]:
    """The columns of the index without `sample_id`.

    Args:
        parameters: names of the parameters of the equation.
        others: names of further features of a trajectory.
    """
    described = {
        TRAJECTORY: "number of the trajectory",
        TIME: "time of the start",
        END_TIME: "time of the last predicted frame",
        RMS: "root mean square of the fields at the start",
        "amplitude": "root mean square of the initial condition",
        **{name: f"parameter {name} of the equation" for name in parameters},
    }
    named = [TRAJECTORY, TIME, END_TIME, *parameters, *others, RMS]
    return [
        Field(
            name,
            "int64" if name == TRAJECTORY else "float64",
            "",
            "forecast",
            "feature",
            described.get(name, f"{name} of the trajectory"),
            BEFORE,
            title="amplitude at the start" if name == RMS else "",
        )
        for name in named
    ]


DISTANCE_FIELD = Field(
    DISTANCE,
    "float64",
    "",
    "forecast",
    "feature",
    "mean distance of the logarithmic spectrum to those of the nearest training starts",
    BEFORE,
    title="spectral distance to training",
    training=LOW,
)


def start_rms(data: Trajectories, starts: Starts) -> np.ndarray:
    """`(samples,)` root mean square over channels and grid of the frames at the starts."""
    frames = starts.frame[: starts.per_trajectory]
    span = slice(int(frames[0]), int(frames[-1]) + 1)
    axes = tuple(range(1, data.values.ndim - 1))
    found = []
    for number in range(data.count):
        at_starts = np.asarray(data.values[number, span][:: starts.stride], dtype=np.float64)
        found.append(np.sqrt(np.square(at_starts).mean(axis=axes)))
    return np.concatenate(found)


def log_spectra(data: Trajectories, trajectory: np.ndarray, frame: np.ndarray) -> np.ndarray:
    """`(n, features)` logarithm of the power of the frames, by channel and band of wavenumbers.

    Bands are octaves of the number of waves per domain, k = 0 and 1 in the first; each has at least
    `POWER_FLOOR` of the frame's power. Without a grid, the values of the channels themselves.
    """
    if not data.grid:
        return np.stack([data.values[t, f] for t, f in zip(trajectory, frame, strict=True)])
    axes = tuple(range(-len(data.grid), 0))
    waves = np.sqrt(
        sum(
            np.square(np.abs(np.fft.fftfreq(n, 1 / n))).reshape(
                [-1 if axis == one else 1 for one in range(len(data.grid))]
            )
            for axis, n in enumerate(data.grid)
        )
    )
    band = np.floor(np.log2(np.maximum(waves, 1))).astype(int).ravel()
    bands = int(band.max()) + 1
    found = np.empty((len(frame), len(data.channels), bands))
    for row, (t, f) in enumerate(zip(trajectory, frame, strict=True)):
        power = np.square(np.abs(np.fft.fftn(data.values[t, f].astype(np.float64), axes=axes)))
        for channel, values in enumerate(power.reshape(len(data.channels), -1)):
            found[row, channel] = np.bincount(band, values, minlength=bands)
    floor = POWER_FLOOR * found.sum(axis=2, keepdims=True) + np.finfo(np.float64).tiny
    return np.log(found + floor).reshape(len(frame), -1)
