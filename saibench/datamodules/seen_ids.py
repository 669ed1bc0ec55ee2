"""The ids of samples that a model has seen elsewhere, as a user gives them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars

from saibench.errors import UserError, first_line
from saibench.files.bounded_json import load_json
from saibench.files.npz import DamagedArray, read_npy

KINDS = ".txt, .csv, .npy or .json"
_DAMAGE = (OSError, ValueError, DamagedArray, polars.exceptions.PolarsError)


def seen_ids(given: str | Sequence[int]) -> np.ndarray:
    """Distinct ids, ascending, int64.

    Args:
        given: the ids, or a file of them: `.txt` with one a line, `.csv` with a column
            `sample_id` (or one column alone), `.npy` or `.json` with a list.

    Raises:
        UserError: no such file, one of another kind, or what it holds are no whole numbers.
    """
    name, found = "seen", given
    if isinstance(given, str):
        path = Path(given).expanduser()
        if not path.is_file():
            raise UserError(f"seen={given} is not a file. Use one of ids: {KINDS}; or a list.")
        name, found = str(path), _read(path)
    try:
        ids = np.asarray(found)
        whole = ids.astype(np.int64)
        if ids.ndim != 1 or ids.dtype.kind not in "iuf" or not np.array_equal(whole, ids):
            raise ValueError("they are no list of whole numbers")
    except (ValueError, TypeError, OverflowError) as error:
        raise UserError(
            f"{name} holds no sample ids ({first_line(error)}). Use whole numbers, one a sample."
        ) from error
    if not len(whole):
        raise UserError(f"{name} holds no id. Use seen=null for a model of which none is known.")
    return np.unique(whole)


def _read(path: Path) -> Any:
    try:
        if path.suffix == ".npy":
            return read_npy(path)
        if path.suffix == ".json":
            return load_json(path)
        if path.suffix == ".csv":
            table = polars.read_csv(path)
            if "sample_id" not in table.columns and table.width > 1:
                raise ValueError("of several columns none is called sample_id")
            return table["sample_id" if "sample_id" in table.columns else table.columns[0]]
        if path.suffix == ".txt":
            return _whole_numbers(path.read_text(encoding="utf-8"))
    except _DAMAGE as error:
        raise UserError(
            f"{path} cannot be read as ids ({first_line(error)}). Use {KINDS}."
        ) from error
    raise UserError(f"{path} is no file of ids. Use {KINDS}.")


def _whole_numbers(text: str) -> list[int]:
    found: list[int] = []
    for number, line in enumerate(text.splitlines(), start=1):
        try:
            found += map(int, line.split())
        except ValueError as error:
            raise ValueError(f"line {number} is '{line.strip()[:40]}', no whole number") from error
    return found
