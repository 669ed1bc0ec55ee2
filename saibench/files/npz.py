"""Arrays of .npz and .npy files from anywhere: no pickle, and no more memory than they hold."""

from __future__ import annotations

import math
import zipfile
from pathlib import Path
from types import TracebackType
from typing import IO

import numpy as np

from saibench.errors import first_line

LARGEST = 32 * 2**30
"""Bytes of an array that are read."""
PACKED = 64
"""Beyond `SMALL`, how many bytes may be unpacked from one: deflate packs zeros a thousandfold, and
coordinates to a half."""
SMALL = 2**26
MAX_SAVED_SAMPLES = 2**30
"""Bytes of an array of the samples that a page shows."""
LARGEST_HEADER = 10_000
"""Characters of an array's header, as NumPy's own limit."""
_COMPRESSIONS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


class DamagedArray(Exception):
    """What is wrong with a file, in a few words; whoever knows what it was for says the rest."""


class TooLarge(DamagedArray):
    """An array is more than is read of any file, or than memory holds."""


class NpzArrays:
    """The arrays of an .npz file, each read when it is asked for.

    NumPy's reader parses a header of any size as Python and allocates what it claims, which was
    20 TB of a damaged file. Here an array is read if it fills its member of the archive exactly;
    zipfile then checks the member's CRC-32.

    Args:
        path: the file.
        largest: bytes of an array that are read.

    Raises:
        DamagedArray: later too, as for all of its methods: it is no whole archive of arrays.
        OSError: the file cannot be read.
    """

    def __init__(self, path: Path, largest: int = LARGEST) -> None:
        self._largest = largest
        self._file = path.open("rb")
        try:
            self._archive = zipfile.ZipFile(self._file)
            members = self._archive.namelist()
        except Exception as error:  # zipfile raises almost anything for a garbled archive
            self._file.close()
            raise DamagedArray(first_line(error)) from error
        self.names = [name.removesuffix(".npy") for name in members if name.endswith(".npy")]

    def __enter__(self) -> NpzArrays:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    def __contains__(self, name: str) -> bool:
        return name in self.names

    def __getitem__(self, name: str) -> np.ndarray:
        if name not in self.names:
            raise DamagedArray(f"it has no array '{name}'")
        try:
            return self._read(self._archive.getinfo(f"{name}.npy"))
        except DamagedArray as error:
            raise type(error)(f"array '{name}' {error}") from error
        except MemoryError as error:
            raise TooLarge(f"array '{name}' does not fit into memory") from error
        except Exception as error:  # a header is parsed as Python, and members are decompressed
            raise DamagedArray(f"array '{name}': {first_line(error)}") from error

    def _read(self, member: zipfile.ZipInfo) -> np.ndarray:
        if member.compress_type not in _COMPRESSIONS:
            raise DamagedArray(f"is packed by method {member.compress_type}, not by deflate")
        if member.file_size > self._largest:
            raise TooLarge(f"claims {member.file_size:,} bytes of at most {self._largest:,}")
        if member.file_size > SMALL + PACKED * member.compress_size:
            raise TooLarge(
                f"claims {member.file_size:,} bytes packed into {member.compress_size:,}"
            )
        with self._archive.open(member) as stream:
            _check_header(stream, member.file_size)
        with self._archive.open(member) as stream:
            array = np.lib.format.read_array(
                stream, allow_pickle=False, max_header_size=LARGEST_HEADER
            )
            stream.read()  # to the end, where the CRC-32 is checked
        return array


def read_npy(path: Path) -> np.ndarray:
    """The array of an .npy file, read if it fills the file exactly.

    Raises:
        DamagedArray: it is no whole array of numbers or text.
        OSError: the file cannot be read.
    """
    with path.open("rb") as stream:
        try:
            _check_header(stream, path.stat().st_size)
            stream.seek(0)
            return np.lib.format.read_array(
                stream, allow_pickle=False, max_header_size=LARGEST_HEADER
            )
        except (DamagedArray, OSError):
            raise
        except Exception as error:  # a header is parsed as Python
            raise DamagedArray(first_line(error)) from error


def _check_header(stream: IO[bytes], held: int) -> None:
    """Refuse an array that is not as large as what holds it, or is of objects."""
    version = np.lib.format.read_magic(stream)
    if version not in _HEADERS:
        raise DamagedArray(f"is of version {version} of NumPy's format")
    shape, _, dtype = _HEADERS[version](stream, max_header_size=LARGEST_HEADER)
    if dtype.hasobject:
        raise DamagedArray("holds pickled objects, which can run code")
    size = math.prod(shape) * dtype.itemsize
    if size != held - stream.tell():
        raise DamagedArray(f"claims {size:,} bytes of values and does not hold them")


_HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}
