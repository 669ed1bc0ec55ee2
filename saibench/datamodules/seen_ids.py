"""The ids of samples that a model was trained on elsewhere, given by the user."""

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
        given: the ids, or a file of them: `.txt` with one id per line, `.csv` with a column
            `sample_id` (or a single column), `.npy` or `.json` with a list.

    Raises:
        UserError: no such file, an unsupported format, or a content other than integers.
    """
    name, found = "seen", given
    if isinstance(given, str):
        path = Path(given).expanduser()
        if not path.is_file():
            raise UserError(f"seen={given} is not a file. Use a list of ids, or a file {KINDS}.")
        name, found = str(path), _read(path)
    try:
        ids = np.asarray(found)
        whole = ids.astype(np.int64)
        if ids.ndim != 1 or ids.dtype.kind not in "iuf" or not np.array_equal(whole, ids):
            raise ValueError("not a list of integers")
    except (ValueError, TypeError, OverflowError) as error:
        raise UserError(
            f"{name} has no valid sample ids ({first_line(error)}). Use one integer per sample."
        ) from error
    if not len(whole):
        raise UserError(f"{name} has no id. Use seen=null if the training samples are unknown.")
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
                raise ValueError("none of several columns is named sample_id")
            return table["sample_id" if "sample_id" in table.columns else table.columns[0]]
        if path.suffix == ".txt":
            return _whole_numbers(path.read_text(encoding="utf-8"))
    except _DAMAGE as error:
        raise UserError(
            f"{path} is not readable as ids ({first_line(error)}). Use {KINDS}."
        ) from error
    raise UserError(f"{path} has an unsupported format. Use {KINDS}.")


def _whole_numbers(text: str) -> list[int]:
    found: list[int] = []
    for number, line in enumerate(text.splitlines(), start=1):
        try:
            found += map(int, line.split())
        except ValueError as error:
            raise ValueError(f"line {number}: '{line.strip()[:40]}' is no integer") from error
    return found
