"""Datasets of HDF5 files of fields, which hold their own numbers."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from saibench.errors import UserError
from saibench.files.hdf5 import node, opened_hdf5
from saibench.options import as_yaml

EXTRA = "fields"


def opened(path: Path) -> AbstractContextManager[Any]:
    """The file, read-only.

    Raises:
        UserError: as `opened_hdf5`, or the file is missing.
    """
    if not path.is_file():
        raise UserError(f"{path} is not a file. Set data.files to the HDF5 files to read.")
    return opened_hdf5(path, EXTRA)


def dataset(file: Any, path: Path, name: str) -> Any:
    """The dataset `group/name` of numbers, stored in this file.

    Raises:
        UserError: as `node`, or it is missing.
    """
    found = node(file, *name.split("/"))
    if not hasattr(found, "dtype"):
        raise UserError(
            f"{path} has no dataset {name}, so its layout is another one. Use data=the_well, "
            "pdebench, gridded_fields or field_arrays."
        )
    return found


def check_names(fields: Sequence[str] | None) -> None:
    """Check that `data.fields` is a list of names, or None.

    Raises:
        UserError: it is a single name, empty, or something else.
    """
    if fields is None:
        return
    if isinstance(fields, str) or not isinstance(fields, Sequence) or not fields:
        raise UserError(
            f"data.fields={as_yaml(fields)} is no list of names. Use data.fields=[<field>]."
        )


def names_in(file: Any, group: str) -> list[str]:
    """Names of the members of a group, in alphabetical order; empty without the group."""
    found = node(file, group)
    return [] if found is None or hasattr(found, "dtype") else sorted(found)
