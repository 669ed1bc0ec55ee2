"""One radar frame in NowcastNet's published form: a 16-bit PNG of coded rain rates."""

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
"""mm/h that one count of a pixel stands for."""
RATE_OF_ZERO = -3.0
"""mm/h that a pixel of 0 stands for: no radar coverage, as is everything below 0 mm/h."""
MAX_PIXELS = 2**26
"""Of a frame: 8192 x 8192. A small file can claim and decode to any number."""
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
    with _opened(path) as file:
        return _header(path, file.read(26))


def _opened(path: Path, buffering: int = -1) -> BinaryIO:
    """A pipe would be waited for without end. Raises UserError: no regular file."""
    try:
        refuse_irregular(path)
    except ValueError as error:
        raise UserError(f"{path} cannot be read ({error}): a frame is a PNG file.") from error
    return path.open("rb", buffering)


def _header(path: Path, head: bytes) -> PngHeader:
    if len(head) < 26 or not head.startswith(_SIGNATURE):
        raise _incomplete(path, "its first bytes are not those of a PNG")
    width, height, depth, colour = struct.unpack(">IIBB", head[16:26])
    if (depth, colour) != _SIXTEEN_BIT_GREY:
        kind = "greyscale" if colour == 0 else "colour"
        raise UserError(
            f"{path} is a PNG of {depth} bits, {kind}: rain rates are coded in 16 bits, greyscale."
        )
    if not 0 < width * height <= MAX_PIXELS:
        raise UserError(
            f"{path} claims {width} x {height} pixels: at most {MAX_PIXELS:,} are read."
        )
    return PngHeader(width, height)


def read_frame(path: Path, header: PngHeader) -> tuple[np.ndarray, np.ndarray]:
    """Rain rate and where it is known.

    Args:
        path: the file.
        header: what every frame of the data set has.

    Returns:
        rate (H, W) float32 in mm/h, 0 where it is missing; valid (H, W) bool.

    Raises UserError: no PNG, a truncated one, one of another size or kind.
    """
    with _opened(path) as file:
        content = file.read()
    found = _header(path, content[:26])
    if found != header:
        raise UserError(
            f"{path} has {found.width} x {found.height} pixels, where the first frame of the data "
            f"set has {header.width} x {header.height}."
        )
    _check_chunks(path, content)
    try:
        with Image.open(io.BytesIO(content), formats=["PNG"]) as image:
            counts = np.asarray(image)
    except Exception as error:  # a decoder raises almost anything for a garbled file
        raise _incomplete(path, first_line(error)) from error
    if counts.shape != (header.height, header.width):
        raise _incomplete(path, f"it decodes to {counts.shape}")
    rate = counts * np.float32(RATE_PER_COUNT) + np.float32(RATE_OF_ZERO)
    valid = counts >= round(-RATE_OF_ZERO / RATE_PER_COUNT)
    return np.maximum(np.where(valid, rate, 0), 0).astype(np.float32), valid


def stated_checksums(path: Path) -> bytes:
    """The CRC-32 of every chunk, as the file states them: other pixels have others.

    Only 12 bytes a chunk are read, and a garbled file has what lies in their places: `read_frame`
    refuses a file whose CRC-32s do not fit, so that what was read has these.

    Raises UserError: no regular file.
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
    """Every chunk has its CRC-32, which Pillow does not check for pixels, and IEND is the last.

    Raises UserError: a chunk is damaged or missing.
    """
    place, kind = len(_SIGNATURE), b""
    while kind != b"IEND":
        size, kind = int.from_bytes(content[place : place + 4]), content[place + 4 : place + 8]
        end = place + 8 + size
        if end + 4 > len(content):
            raise _incomplete(path, "it ends within a chunk")
        if zlib.crc32(content[place + 4 : end]) != int.from_bytes(content[end : end + 4]):
            raise _incomplete(path, f"the CRC-32 of a chunk at byte {place} does not fit")
        place = end + 4


def _incomplete(path: Path, how: str) -> UserError:
    return UserError(
        f"{path} is not a whole PNG file ({how}): an interrupted copy or download leaves such a "
        "file, so fetch it again."
    )
