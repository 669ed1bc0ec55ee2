"""The frames of a rain event as one image with a small palette."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO

import numpy as np
from matplotlib.colors import to_rgb
from numpy.typing import NDArray
from PIL import Image

from saibench.report.drawn import data_uri


def sprite(classes: NDArray[np.uint8], colours: Sequence[str]) -> str:
    """Frames `(L, H, W)` of indices into up to 16 colours, stacked vertically, as a data URI."""
    image = Image.fromarray(classes.reshape(-1, classes.shape[-1]), mode="P")
    palette = np.array([to_rgb(colour) for colour in colours])
    image.putpalette((255 * palette).round().astype(np.uint8).tobytes())
    content = BytesIO()
    image.save(content, format="PNG", optimize=True, bits=4)
    return data_uri("image/png", content.getvalue())
