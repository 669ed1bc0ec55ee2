"""Names or ids of samples that models were trained on elsewhere."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from saibench.errors import UserError, first_line
from saibench.evidence.imported.reading import KINDS, read_predictions
from saibench.files.plain import read_text

MAX_TEXT = 2**28
"""Maximum size of a list in bytes."""
COLUMN = "sample_id"


def read_seen(path: Path) -> np.ndarray:
    """Ids, int64, or names, `(N,)`: one per line of a `.txt`, else the column `sample_id`.

    Raises:
        UserError: the file cannot be read, or has several columns and none of that name.
    """
    if path.suffix.lower() != ".txt":
        table, _ = read_predictions(path)
        if COLUMN not in table.columns and table.width > 1:
            raise UserError(
                f"--seen {path} has no column {COLUMN}. Use one, or a single column, or a .txt "
                f"with one name per line ({KINDS})."
            )
        return table[COLUMN if COLUMN in table.columns else table.columns[0]].to_numpy()
    try:
        lines = [line.strip() for line in read_text(path, MAX_TEXT).splitlines()]
    except (OSError, ValueError) as error:
        raise UserError(f"--seen {path} cannot be read ({first_line(error)}).") from error
    names = [line for line in lines if line]
    try:
        return np.array(names, dtype=np.int64)
    except (ValueError, OverflowError):
        return np.array(names, dtype=np.str_)
