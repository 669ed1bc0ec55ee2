"""HDF5 files from untrusted sources: plain numbers that are stored in the file itself."""

from __future__ import annotations

import mmap
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from saibench.errors import UserError, first_line
from saibench.files.plain import refuse_irregular

SIGNATURE = b"\x89HDF\r\n\x1a\n"
DAMAGE = (OSError, RuntimeError, ValueError, TypeError, LookupError, MemoryError, OverflowError)
"""Exceptions of h5py for a damaged file."""
MAX_DIMENSIONS = 8
HEAP = b"GCOL\x01\0\0\0"
"""Beginning of a collection of the global heap, which has strings and references."""
SEARCHED = 2**24
"""Bytes of a file that are searched for such collections."""


def is_hdf5(path: Path) -> bool:
    """Whether a file begins with the signature of HDF5."""
    with path.open("rb") as file:
        return file.read(len(SIGNATURE)) == SIGNATURE


@contextmanager
def opened_hdf5(path: Path, extra: str) -> Iterator[Any]:
    """Yield the open file.

    Args:
        path: the file.
        extra: the optional requirement of saibench with h5py.

    Raises:
        UserError: h5py is not installed, or the file is damaged, also where it is read.
    """
    try:
        import h5py
    except ModuleNotFoundError as error:
        raise UserError(
            f"{path}: HDF5 needs {error.name}, which is not installed. Run "
            f"`pip install 'saibench[{extra}]'`."
        ) from error
    try:
        refuse_irregular(path)
        _refuse_endless_heap(path)
        with h5py.File(path, "r") as file:
            yield file
    except DAMAGE as error:
        raise UserError(
            f"{path} is not a valid HDF5 file ({first_line(error)}). Copy or download it again."
        ) from error


def _refuse_endless_heap(path: Path) -> None:
    """Refuse a damaged heap that libhdf5 (2.0) reads without end: an object of size 0 in it.

    Source: HDF5 file format 3.0, III.E, "Disk Format: Level 1E - Global Heap".

    Raises:
        ValueError: there is one.
    """
    if not path.stat().st_size:
        return
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        at = content.find(HEAP, 0, SEARCHED)
        while at >= 0:
            place, end = at + 16, at + int.from_bytes(content[at + 8 : at + 16], "little")
            while place + 16 <= min(end, len(content)):
                index, size = struct.unpack_from("<HxxxxxxQ", content, place)
                step = (16 + -(-size // 8) * 8) if index else size
                if step % 2**64 == 0:
                    raise ValueError(f"an object of size 0 in the global heap at byte {place:,}")
                place += step
            at = content.find(HEAP, at + 1, SEARCHED)


def node(file: Any, *names: str, numbers: bool = True) -> Any | None:
    """Return the group or dataset below these names; None if there is none.

    Args:
        file: an open file or group.
        names: of the group, the group in it, ….
        numbers: whether a dataset must be of numbers.

    Raises:
        UserError: a link, which may lead to another file, or a dataset with rows in other files or
            of other types.
    """
    import h5py

    found = file
    for name in names:
        link = found.get(name, getlink=True) if isinstance(found, h5py.Group) else None
        if link is None:
            return None
        if not isinstance(link, h5py.HardLink):
            raise UserError(
                f"{file.file.filename}: '{name}' is a link, which may lead to another file. Copy "
                "the data into one file."
            )
        found = found[name]
    if isinstance(found, h5py.Dataset):
        _refuse_foreign(found, numbers)
    return found


def refuse_links(file: Any) -> None:
    """Refuse a file whose groups and datasets lie in other files.

    Raises:
        UserError: the first such link or dataset.
    """
    for name in file:
        found = node(file, name, numbers=False)
        if hasattr(found, "keys"):
            refuse_links(found)


def _refuse_foreign(dataset: Any, numbers: bool) -> None:
    """Refuse rows in other files and, if `numbers`, other values than numbers."""
    where = f"{dataset.file.filename}: '{dataset.name}'"
    if dataset.external or dataset.is_virtual:
        raise UserError(f"{where} has rows in other files. Copy the data into one file.")
    if numbers and (dataset.dtype.kind not in "fiub" or dataset.ndim > MAX_DIMENSIONS):
        raise UserError(f"{where} has type {dataset.dtype}. Use an array of numbers.")


def text(value: Any) -> str:
    """Return a string attribute: bytes, a string, or an array of one of them."""
    if hasattr(value, "ravel"):
        value = value.ravel()[0] if value.size else ""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def number(value: Any) -> float:
    """Return a numeric attribute: a number or an array of one.

    Raises:
        ValueError: something else.
    """
    if hasattr(value, "ravel"):
        if value.size != 1:
            raise ValueError(f"{value.size} values instead of one")
        value = value.ravel()[0]
    return float(value)
