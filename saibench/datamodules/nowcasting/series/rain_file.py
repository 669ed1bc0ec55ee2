"""The interface of a file with frames of rain, of any format."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from saibench.datamodules.nowcasting.series.rates import Unit
from saibench.errors import UserError

KM_PER_DEGREE = 111.195
"""Of latitude, on a sphere of radius 6371 km."""
MAX_UNEVEN = 0.01
"""Largest relative difference of spacings in a regular grid."""


@dataclass(frozen=True, eq=False)
class Layout:
    """What a file states of its frames, read without them.

    times: (n,) datetime64[s], UTC
    height, width: in pixels
    variable: name of the quantity
    unit: None if the file does not state it
    interval_minutes: of an accumulation; None if the file does not state it
    pixel_km: side of a pixel in km; None if the file does not state it
    """

    times: np.ndarray
    height: int
    width: int
    variable: str
    unit: Unit | None
    interval_minutes: float | None
    pixel_km: float | None


@dataclass(frozen=True, eq=False)
class Frame:
    """A frame of a file.

    time: datetime64[s], UTC
    values: (H, W) float32 or float64 in the unit of the file; `NO_ECHO` for a reflectivity
        without an echo
    missing: (H, W) bool, pixels with a documented code for missing
    """

    time: np.datetime64
    values: np.ndarray
    missing: np.ndarray


class RainFile(Protocol):
    """A file with frames of rain. All methods raise UserError for a damaged file."""

    @property
    def path(self) -> Path: ...

    def layout(self) -> Layout:
        """What the file states of its frames."""

    def frames(self) -> Iterator[Frame]:
        """The frames, in the order of `layout().times`, one at a time in memory."""


def spacing_km(x: np.ndarray, y: np.ndarray, unit: str) -> float | None:
    """Side of a pixel in km, the geometric mean of the two directions.

    Args:
        x: (W,) coordinates; y: (H,) coordinates.
        unit: `m`, `km` or `degrees`, in which x is the longitude and y the latitude.

    Returns:
        None for an irregular grid, or another unit.
    """
    if min(len(x), len(y)) < 2:
        return None
    steps = [_step(np.asarray(values, dtype=np.float64)) for values in (x, y)]
    if None in steps:
        return None
    dx, dy = (float(step) for step in steps if step is not None)
    if unit.startswith("degree"):
        return float(KM_PER_DEGREE * np.sqrt(dx * dy * np.cos(np.deg2rad(np.mean(y)))))
    to_km = {"m": 1e-3, "meter": 1e-3, "metre": 1e-3, "meters": 1e-3, "metres": 1e-3, "km": 1.0}
    return float(np.sqrt(dx * dy) * to_km[unit]) if unit in to_km else None


def _step(values: np.ndarray) -> float | None:
    steps = np.diff(values)
    mean = float(np.abs(steps).mean())
    if not mean or np.abs(np.abs(steps) - mean).max() > MAX_UNEVEN * mean:
        return None
    return mean


def the_only(path: Path, names: list[str], given: str | None, kind: str) -> str:
    """The given name, or the only one.

    Args:
        path: of the file.
        names: those in the file.
        given: `data.variable`.
        kind: what the names are of, for messages.

    Raises:
        UserError: the given one is not in the file; none is given, and there are none or several.
    """
    listed = ", ".join(names[:10]) or "(none)"
    if given is not None:
        if given not in names:
            raise UserError(
                f"{path} has no {kind} '{given}' (data.variable). Valid values: {listed}."
            )
        return given
    if not names:
        raise UserError(f"{path} has no {kind}. Use a file with frames of rain.")
    if len(names) > 1:
        raise UserError(
            f"{path} has {len(names)} of the kind {kind}: set data.variable. Valid values: "
            f"{listed}."
        )
    return names[0]
