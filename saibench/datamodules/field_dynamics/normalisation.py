"""Means and standard deviations of the fields and parameters of the training partition."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from saibench.datamodules.field_dynamics.fields import FieldLayout, Trajectories


@dataclass(frozen=True)
class Normalisation:
    """Numbers that standardise fields and parameters.

    Args:
        mean, std: of each channel.
        parameter_mean, parameter_std: of each parameter; a constant one has a deviation of 1.
    """

    mean: tuple[float, ...]
    std: tuple[float, ...]
    parameter_mean: tuple[float, ...]
    parameter_std: tuple[float, ...]

    @classmethod
    def of_nothing(cls, layout: FieldLayout) -> Normalisation:
        """No change, before the data are at hand."""
        channels, parameters = len(layout.channels), len(layout.parameters)
        return cls((0.0,) * channels, (1.0,) * channels, (0.0,) * parameters, (1.0,) * parameters)

    def to_json(self) -> dict[str, Any]:
        """Builtins, by the names of the fields."""
        return {name: list(values) for name, values in vars(self).items()}


def normalisation(data: Trajectories, trajectory: np.ndarray, frame: np.ndarray) -> Normalisation:
    """Over these frames.

    Args:
        data: the trajectories.
        trajectory: `(n,)` of each frame.
        frame: `(n,)` number within its trajectory.
    """
    axes = (0, *range(2, 2 + len(data.grid)))
    fields = np.stack([data.values[t, f] for t, f in zip(trajectory, frame, strict=True)])
    parameters = [values[trajectory] for values in data.parameters.values()]
    return Normalisation(
        _numbers(fields.mean(axis=axes, dtype=np.float64)),
        _numbers(_not_zero(fields.std(axis=axes, dtype=np.float64))),
        _numbers(np.array([values.mean() for values in parameters])),
        _numbers(_not_zero(np.array([values.std() for values in parameters]))),
    )


def _not_zero(spread: np.ndarray) -> np.ndarray:
    return np.where(spread > 1e-12, spread, 1.0)


def _numbers(values: np.ndarray) -> tuple[float, ...]:
    return tuple(float(value) for value in values)
