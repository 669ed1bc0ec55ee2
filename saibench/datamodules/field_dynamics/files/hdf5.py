"""Datasets of HDF5 files that hold their own numbers.

HDF5 can follow links into any other file, and map bytes of other files into a dataset.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from saibench.errors import UserError, first_line
from saibench.files.plain import refuse_irregular

DAMAGE = (OSError, RuntimeError, ValueError, TypeError, LookupError, MemoryError, OverflowError)
"""Exceptions of h5py for a damaged file."""


@contextmanager
def opened(path: Path) -> Iterator[Any]:
    """The file, read-only.

    Raises:
        UserError: h5py is not installed; the file is missing, damaged, or of another layout.
    """
    try:
        import h5py
    except ModuleNotFoundError as error:
        raise UserError(
            f"{path.name} needs h5py, which is not installed. Use pip install 'saibench[fields]'."
        ) from error
    if not path.is_file():
        raise UserError(f"{path} is not a file. Set data.files to the HDF5 files to read.")
    try:
        refuse_irregular(path)
        with h5py.File(path, "r") as file:
            yield file
    except DAMAGE as error:
        raise UserError(
            f"{path} is not a readable HDF5 file of this layout ({first_line(error)})."
        ) from error


def dataset(file: Any, path: Path, name: str) -> Any:
    """The dataset `group/name` of numbers, stored in this file.

    Raises:
        UserError: it is missing, a link, without numbers, or stored in another file.
    """
    import h5py

    node = file
    for part in name.split("/"):
        link = node.get(part, getlink=True) if isinstance(node, h5py.Group) else None
        if link is None:
            raise UserError(f"{path} has no dataset {name}, so its layout is another one.")
        if not isinstance(link, h5py.HardLink):
            raise UserError(f"{path}: {name} is a link, which may lead to another file.")
        node = node[part]
    if not isinstance(node, h5py.Dataset) or node.dtype.kind not in "fiu":
        raise UserError(f"{path}: {name} is no dataset of numbers.")
    if node.external or node.is_virtual:
        raise UserError(f"{path}: {name} has values in other files.")
    return node


def names_in(file: Any, path: Path, group: str) -> list[str]:
    """Names of the members of a group, in alphabetical order; empty without the group."""
    import h5py

    node = file.get(group)
    return sorted(node) if isinstance(node, h5py.Group) else []
