"""Colours of rain rates as in weather radar images, and of prediction errors."""

from __future__ import annotations

import matplotlib
import numpy as np
from matplotlib.colors import to_hex
from numpy.typing import ArrayLike, NDArray

RATE_EDGES = (0.1, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0)
"""Lower edges of the classes in mm/h; below the first it is dry."""
RATE_COLOURS = (
    "#ffffff",
    "#cfe8fb",
    "#9ccef0",
    "#5aa9e6",
    "#1f6fd0",
    "#1fa34a",
    "#f5e626",
    "#f9a01b",
    "#e3211c",
    "#b5179e",
)
"""The colour for dry pixels, then one per class."""
DIFFERENCE_EDGES = (-32.0, -8.0, -2.0, -0.5, 0.5, 2.0, 8.0, 32.0)
"""Edges in mm/h of predicted minus observed."""
DIFFERENCE_COLOURS = tuple(
    to_hex(matplotlib.colormaps["BrBG"](position)) if position != 0.5 else "#ffffff"
    for position in np.linspace(0.04, 0.96, len(DIFFERENCE_EDGES) + 1).round(6)
)
"""Brown where the prediction has too little rain, green where it has too much."""
MISSING = "#c9c9c9"
"""The colour of pixels without radar data."""


def rate_classes(rate: ArrayLike) -> NDArray[np.uint8]:
    """Position in `RATE_COLOURS` of each rate in mm/h; past the end for NaN."""
    return _classes(rate, RATE_EDGES)


def difference_classes(difference: ArrayLike) -> NDArray[np.uint8]:
    """Position in `DIFFERENCE_COLOURS` of each difference in mm/h; past the end for NaN."""
    return _classes(difference, DIFFERENCE_EDGES)


def _classes(values: ArrayLike, edges: tuple[float, ...]) -> NDArray[np.uint8]:
    values = np.asarray(values, dtype=np.float32)
    return np.where(np.isnan(values), len(edges) + 1, np.digitize(values, edges)).astype(np.uint8)
