"""Reader of radar frames in NowcastNet's published format: 16-bit PNG of encoded rain rates."""

from __future__ import annotations

import io
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image

from saibench.errors import UserError, first_line
from saibench.files.plain import refuse_irregular

RATE_PER_COUNT = 0.1
"""mm/h per count of a pixel."""
RATE_OF_ZERO = -3.0
"""mm/h of a pixel value 0; rates below 0 mm/h mean no radar coverage."""
MAX_PIXELS = 2**26
"""Maximum size of a frame (8192 x 8192), since a small file can decode to any size."""
_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_SIXTEEN_BIT_GREY = (16, 0)


@dataclass(frozen=True)
class PngHeader:
    """The size in the first 26 bytes of a PNG file."""

    width: int
    height: int


def read_header(path: Path) -> PngHeader:
    """Size of a 16-bit greyscale PNG.

    Raises UserError: not a PNG, or one of another type.
    """
    with _opened(path) as file:
        return _header(path, file.read(26))


def _opened(path: Path, buffering: int = -1) -> BinaryIO:
    """Open a regular file; a pipe would block. Raises UserError."""
    try:
        refuse_irregular(path)
    except ValueError as error:
        raise UserError(f"{path} is not readable ({error}). Use a PNG file.") from error
    return path.open("rb", buffering)


def _header(path: Path, head: bytes) -> PngHeader:
    if len(head) < 26 or not head.startswith(_SIGNATURE):
        raise _incomplete(path, "its first bytes are not those of a PNG")
    width, height, depth, colour = struct.unpack(">IIBB", head[16:26])
    if (depth, colour) != _SIXTEEN_BIT_GREY:
        kind = "greyscale" if colour == 0 else "colour"
        raise UserError(f"{path} is a PNG of {depth} bits, {kind}. Use 16 bits, greyscale.")
    if not 0 < width * height <= MAX_PIXELS:
        raise UserError(
            f"{path} has {width} x {height} pixels. Use frames of 1 to {MAX_PIXELS:,} pixels."
        )
    return PngHeader(width, height)


def read_frame(path: Path, header: PngHeader) -> tuple[np.ndarray, np.ndarray]:
    """Rain rate, and the mask of valid pixels.

    Args:
        path: the file.
        header: header of all frames of the data set.

    Returns:
        rate (H, W) float32 in mm/h, 0 for missing pixels; valid (H, W) bool.

    Raises UserError: not a PNG, or a truncated one, or one of another size or type.
    """
    with _opened(path) as file:
        content = file.read()
    found = _header(path, content[:26])
    if found != header:
        raise UserError(
            f"{path} has {found.width} x {found.height} pixels, but the first frame of the data "
            f"set has {header.width} x {header.height}. Use frames of one size."
        )
    _check_chunks(path, content)
    try:
        with Image.open(io.BytesIO(content), formats=["PNG"]) as image:
            counts = np.asarray(image)
    except Exception as error:  # a decoder raises almost anything for a damaged file
        raise _incomplete(path, first_line(error)) from error
    if counts.shape != (header.height, header.width):
        raise _incomplete(path, f"it decodes to {counts.shape}")
    rate = counts * np.float32(RATE_PER_COUNT) + np.float32(RATE_OF_ZERO)
    valid = counts >= round(-RATE_OF_ZERO / RATE_PER_COUNT)
    return np.maximum(np.where(valid, rate, 0), 0).astype(np.float32), valid


def stated_checksums(path: Path) -> bytes:
    """The CRC-32 of every chunk, as stated in the file, which identify its pixels.

    Only 12 bytes per chunk are read; `read_frame` verifies the CRC-32s when the frame is read.

    Raises UserError: not a regular file.
    """
    found, place = b"", len(_SIGNATURE)
    with _opened(path, buffering=0) as file:
        head = file.read(place + 8)[place:]
        while len(head) == 8 and head[4:] != b"IEND":
            place += 8 + int.from_bytes(head[:4])
            file.seek(place)
            read = file.read(12)  # a CRC-32, and the head of the next chunk
            found += read[:4]
            place, head = place + 4, read[4:]
    return found


def _check_chunks(path: Path, content: bytes) -> None:
    """Verify the CRC-32 of every chunk, which Pillow does not for pixels, up to the chunk IEND.

    Raises UserError: a damaged or missing chunk.
    """
    place, kind = len(_SIGNATURE), b""
    while kind != b"IEND":
        size, kind = int.from_bytes(content[place : place + 4]), content[place + 4 : place + 8]
        end = place + 8 + size
        if end + 4 > len(content):
            raise _incomplete(path, "it ends within a chunk")
        if zlib.crc32(content[place + 4 : end]) != int.from_bytes(content[end : end + 4]):
            raise _incomplete(path, f"wrong CRC-32 of the chunk at byte {place}")
        place = end + 4


def _incomplete(path: Path, how: str) -> UserError:
    return UserError(
        f"{path} is not a complete PNG file ({how}), as after an interrupted download. Download it "
        "again."
    )
