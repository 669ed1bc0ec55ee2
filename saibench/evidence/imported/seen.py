"""Names or ids of samples that models were trained on elsewhere."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars
from numpy.typing import NDArray

from saibench.errors import UserError, first_line
from saibench.evidence.imported.keys import ID, NAME
from saibench.evidence.imported.reading import KINDS, read_predictions
from saibench.evidence.imported.values import Values
from saibench.files.plain import read_text
from saibench.formatting import counted
from saibench.printable import printable

MAX_TEXT = 2**28
"""Maximum size of a list in bytes."""
COLUMN = "sample_id"


def read_seen(path: Path) -> np.ndarray:
    """Ids or names, `(N,)`: one per line of a `.txt`, as text, else the column `sample_id`.

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
    return np.array([line for line in lines if line], dtype=np.str_)


def seen_ids(seen: np.ndarray, values: Values) -> NDArray[np.int64]:
    """The ids in the table, int64, ascending, of the samples in a list.

    Args:
        seen: ids or names, `(N,)`; compared as text if the samples have names, else as numbers.

    Raises:
        UserError: none is a sample of the table.
    """
    given = polars.Series(seen.tolist(), strict=False).drop_nulls()
    if given.dtype.is_float() and (given == given.round()).all():
        given = given.cast(polars.Int64)
    key, dtype = (NAME, polars.String) if NAME in values.frame.columns else (ID, polars.Int64)
    given = given.cast(dtype, strict=False).drop_nulls()
    columns = [*dict.fromkeys([ID, key])]
    samples = polars.concat([values.frame.select(columns), values.training.select(columns)])
    found = samples.filter(samples[key].is_in(given.implode()))[ID].unique().sort()
    if found.is_empty():
        first = printable(str(seen[0]))[:40] if len(seen) else "none"
        raise UserError(
            f"none of the {counted(len(seen), 'seen sample')} (the first: {first}) is a sample of "
            f"the table (the first: {printable(str(samples[key][0]))[:40]}). Use the same names, "
            "or leave the list out if no training sample is in the table."
        )
    return found.to_numpy()
