"""The motion of rain by pysteps' methods that do without OpenCV."""

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
"""Ours → pysteps'."""

LEVELS = 6
"""Of `proesmans`' image pyramid, pysteps' default."""

FRAMES = 2
"""How many of the last frames the methods look at."""


def check_motion_method(method: str) -> None:
    """Raise `UserError` for a method that is not one of `MotionMethod`."""
    if method not in _NAMES:
        raise UserError(f"No motion method '{method}': {closest(method, _NAMES)}")


def rain_motion(observed: np.ndarray, method: MotionMethod) -> np.ndarray:
    """Motion (2, H, W) in pixels a frame, x before y, pointing to where the rain goes.

    Args:
        observed: (T, H, W) in mm/h, oldest first.
        method: `proesmans`, optical flow by anisotropic diffusion, or `vet`, variational echo
            tracking. On real MRMS events they are equally good after an hour, and `vet` takes
            two to four times as long. (`DARTS`, pysteps' third, finds less than half of their
            motion there and is not offered.)
    """
    find = pysteps_library().motion.get_method(_NAMES[method])
    frames = to_decibel(observed[-FRAMES:])
    options = {"num_levels": _levels(*frames.shape[1:])} if method == "proesmans" else {}
    with quiet_pysteps():
        return find(frames, verbose=False, **options)


def _levels(height: int, width: int) -> int:
    """As many levels as leave 2 pixels of a side.

    pysteps halves the image whatever is left of it. Its edges are filled without a check of bounds
    from the second row and column: with one, from memory that is not its own, which may hold NaN.
    """
    return min(LEVELS, min(height, width).bit_length() - 1)
