"""One radar frame in NowcastNet's published form: a 16-bit PNG of coded rain rates."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from saibench.datamodules.nowcasting.event import LARGEST_RATE
from saibench.errors import UserError

RATE_PER_COUNT = 0.1
"""mm/h that one count of a pixel stands for."""
RATE_OF_ZERO = -3.0
"""mm/h that a pixel of 0 stands for: no radar coverage, as is everything below 0 mm/h."""
_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_SIXTEEN_BIT_GREY = (16, 0)


@dataclass(frozen=True)
class PngHeader:
    """What a PNG file's first 26 bytes say of it."""

    width: int
    height: int


def read_header(path: Path) -> PngHeader:
    """Size of a 16-bit greyscale PNG.

    Raises UserError: no PNG, or one of another kind.
    """
    with path.open("rb") as file:
        head = file.read(26)
    if len(head) < 26 or not head.startswith(_SIGNATURE):
        raise _incomplete(path)
    width, height, depth, colour = struct.unpack(">IIBB", head[16:26])
    if (depth, colour) != _SIXTEEN_BIT_GREY:
        kind = "greyscale" if colour == 0 else "colour"
        raise UserError(
            f"{path} is a PNG of {depth} bits, {kind}: rain rates are coded in 16 bits, greyscale."
        )
    return PngHeader(width, height)


def read_frame(path: Path, header: PngHeader) -> tuple[np.ndarray, np.ndarray]:
    """Rain rate and where it is known.

    Args:
        path: the file.
        header: what every frame of the data set has.

    Returns:
        rate (H, W) float32 in mm/h, 0 where it is missing, at most 128; valid (H, W) bool.

    Raises UserError: no PNG, a truncated one, one of another size or kind.
    """
    found = read_header(path)
    if found != header:
        raise UserError(
            f"{path} has {found.width} x {found.height} pixels, where the first frame of the data "
            f"set has {header.width} x {header.height}."
        )
    try:
        with Image.open(path) as image:
            counts = np.asarray(image)
    except (OSError, UnidentifiedImageError, SyntaxError, ValueError) as error:
        raise _incomplete(path) from error
    rate = counts * np.float32(RATE_PER_COUNT) + np.float32(RATE_OF_ZERO)
    valid = counts >= round(-RATE_OF_ZERO / RATE_PER_COUNT)
    return np.clip(np.where(valid, rate, 0), 0, LARGEST_RATE).astype(np.float32), valid


def _incomplete(path: Path) -> UserError:
    return UserError(
        f"{path} is not a whole PNG file: an interrupted copy or download leaves such a file, so "
        "fetch it again."
    )
