"""Arrays of untrusted .npz and .npy files, without pickle and with limited memory."""

from __future__ import annotations

import math
import shutil
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import IO

import numpy as np

from saibench.errors import first_line

LARGEST = 32 * 2**30
"""Maximum size of an array in bytes."""
PACKED = 64
"""Maximum ratio of compression beyond `SMALL` bytes: deflate reduces zeros a thousandfold, and
coordinates by half."""
SMALL = 2**26
MAX_SAVED_SAMPLES = 2**30
"""Maximum size in bytes of an array of the samples that a page displays."""
LARGEST_HEADER = 10_000
"""Maximum characters of an array's header, as in NumPy."""
MAX_NAMES = 10
"""Maximum number of arrays that a message lists."""
_COMPRESSIONS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


class DamagedArray(Exception):
    """A file is damaged; the message says how, and the caller adds what to do."""


class TooLarge(DamagedArray):
    """An array is larger than the limit or than the memory."""


class NpzArrays:
    """The arrays of an .npz file, each read on access.

    NumPy parses a header of any size as Python and allocates the size in it, which was 20 TB for a
    damaged file. Here an array must fill its member of the archive exactly; zipfile checks the
    member's CRC-32.

    Args:
        path: the file.
        largest: maximum size of an array in bytes.

    Raises:
        DamagedArray: the file is not a complete archive of arrays; also raised by all methods.
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
            raise self._lacking(name)
        try:
            return self._read(self._member(name))
        except DamagedArray as error:
            raise type(error)(f"array '{name}' {error}") from error
        except MemoryError as error:
            raise TooLarge(f"array '{name}' does not fit into memory") from error
        except Exception as error:  # a header is parsed as Python, and members are decompressed
            raise DamagedArray(f"array '{name}': {first_line(error)}") from error

    def shape_of(self, name: str) -> tuple[tuple[int, ...], np.dtype]:
        """Shape and type of an array, from its header alone."""
        with self._opened(name) as (stream, size):
            return _check_header(stream, size)

    def extract(self, name: str, path: Path) -> None:
        """Write an array to an .npy file, however large it is."""
        with self._opened(name) as (stream, _), path.open("wb") as file:
            shutil.copyfileobj(stream, file, 2**22)  # to the end, where the CRC-32 is checked

    @contextmanager
    def _opened(self, name: str) -> Iterator[tuple[IO[bytes], int]]:
        """A member of the archive, and its size."""
        if name not in self.names:
            raise self._lacking(name)
        try:
            member = self._member(name)
            with self._archive.open(member) as stream:
                yield stream, member.file_size
        except DamagedArray as error:
            raise type(error)(f"array '{name}' {error}") from error
        except OSError:  # of the disk that is written to
            raise
        except Exception as error:
            raise DamagedArray(f"array '{name}': {first_line(error)}") from error

    def _lacking(self, name: str) -> DamagedArray:
        listed = ", ".join(self.names[:MAX_NAMES]) or "none"
        return DamagedArray(f"it has no array '{name}'; its arrays are: {listed}")

    def _member(self, name: str) -> zipfile.ZipInfo:
        member = self._archive.getinfo(f"{name}.npy")
        if member.compress_type not in _COMPRESSIONS:
            raise DamagedArray(f"is packed by method {member.compress_type}, not by deflate")
        return member

    def _read(self, member: zipfile.ZipInfo) -> np.ndarray:
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
    """Return the array of an .npy file, which it must fill exactly.

    Raises:
        DamagedArray: it is not a complete array of numbers or text.
        OSError: the file cannot be read.
    """
    with _opened_npy(path) as (stream, _):
        stream.seek(0)
        return np.lib.format.read_array(stream, allow_pickle=False, max_header_size=LARGEST_HEADER)


def npy_shape(path: Path) -> tuple[tuple[int, ...], np.dtype]:
    """Shape and type of the array of an .npy file; raises as `read_npy`."""
    with _opened_npy(path) as (_, header):
        return header


def map_npy(path: Path) -> np.ndarray:
    """The array of an .npy file as a read-only memory map; raises as `read_npy`."""
    npy_shape(path)
    return np.load(path, mmap_mode="r", allow_pickle=False, max_header_size=LARGEST_HEADER)


@contextmanager
def _opened_npy(path: Path) -> Iterator[tuple[IO[bytes], tuple[tuple[int, ...], np.dtype]]]:
    """The file behind its header, and shape and type; errors are those of `read_npy`."""
    with path.open("rb") as stream:
        try:
            yield stream, _check_header(stream, path.stat().st_size)
        except (DamagedArray, OSError):
            raise
        except Exception as error:  # a header is parsed as Python
            raise DamagedArray(first_line(error)) from error


def _check_header(stream: IO[bytes], held: int) -> tuple[tuple[int, ...], np.dtype]:
    """Shape and type; refuses an array of another size than its file or member, or of objects."""
    version = np.lib.format.read_magic(stream)
    if version not in _HEADERS:
        raise DamagedArray(f"is of version {version} of NumPy's format")
    shape, _, dtype = _HEADERS[version](stream, max_header_size=LARGEST_HEADER)
    if dtype.hasobject:
        raise DamagedArray("holds pickled objects, which can run code")
    size = math.prod(shape) * dtype.itemsize
    if size != held - stream.tell():
        raise DamagedArray(f"claims {size:,} bytes of values and does not hold them")
    return shape, dtype


_HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}
