"""Coordinates of the points of a grid."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

TOLERANCE = 1e-2
"""Largest relative deviation of a distance between points from their mean, of an equal grid."""


def side_of(points: Any) -> float:
    """Side of a periodic domain with these points `(n,)`, which exclude one end."""
    places = np.asarray(points, dtype=np.float64)
    return float(abs(places[-1] - places[0]) * len(places) / max(len(places) - 1, 1))


def grid_note(coordinates: Mapping[str, Any], boundaries: Mapping[str, str] | None = None) -> str:
    """What a grid lacks for wavenumbers, which take points as equally spaced and periodic.

    Args:
        coordinates: axis → its points `(n,)`.
        boundaries: axis → kind of a boundary that is not periodic.

    Returns:
        A sentence after a blank, or nothing.
    """
    reasons = [
        f"points along {name} are not equally spaced"
        for name, points in coordinates.items()
        if not _is_equal(np.asarray(points, dtype=np.float64))
    ]
    reasons += [f"the boundary along {name} is {kind}" for name, kind in (boundaries or {}).items()]
    if not reasons:
        return ""
    text = ", and ".join(reasons)
    return f" {text[0].upper()}{text[1:]}; wavenumbers count points of a periodic domain."


def _is_equal(points: np.ndarray) -> bool:
    if len(points) < 2:
        return True
    steps = np.diff(points)
    return bool(np.all(np.abs(steps - steps.mean()) <= TOLERANCE * abs(steps.mean())))
