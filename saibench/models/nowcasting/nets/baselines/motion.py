"""The motion of rain by pysteps' methods that do not need OpenCV."""

from __future__ import annotations

from typing import Literal

import numpy as np

from saibench.errors import UserError, closest
from saibench.models.nowcasting.nets.baselines.pysteps_library import (
    pysteps_library,
    quiet_pysteps,
    to_decibel,
)

MotionMethod = Literal["proesmans", "vet"]

_NAMES = {"proesmans": "proesmans", "vet": "VET"}
"""Name here → name in pysteps."""

MAX_LEVELS = 6
"""Levels of the image pyramid of `proesmans`, pysteps' default."""

FRAMES = 2
"""Number of the last frames that the methods use."""


def check_motion_method(method: str) -> None:
    """Raise `UserError` for a method that is not one of `MotionMethod`."""
    if method not in _NAMES:
        raise UserError(f"model.net.motion={method} is unknown: {closest(method, _NAMES)}")


def rain_motion(observed: np.ndarray, method: MotionMethod) -> np.ndarray:
    """Motion (2, H, W) in pixels per frame, x before y, in the direction of the flow.

    Args:
        observed: (T, H, W) in mm/h, oldest first.
        method: `proesmans`, optical flow by anisotropic diffusion, or `vet`, variational echo
            tracking. On real MRMS events they are equally good after an hour, and `vet` takes
            two to four times as long. (`DARTS`, pysteps' third method, finds less than half of
            their motion and is not supported.)
    """
    find = pysteps_library().motion.get_method(_NAMES[method])
    frames = to_decibel(observed[-FRAMES:])
    options = {"num_levels": _levels(*frames.shape[1:])} if method == "proesmans" else {}
    with quiet_pysteps():
        return find(frames, verbose=False, **options)


def _levels(height: int, width: int) -> int:
    """Number of levels such that the smallest image has at least 2 pixels per side.

    pysteps fills the edges from the second row and column without a check of bounds; with one row
    it would read memory outside the image, which may hold NaN.
    """
    return min(MAX_LEVELS, min(height, width).bit_length() - 1)
