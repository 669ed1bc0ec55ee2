"""Refusals that name the rows of wrong values."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import polars
from numpy.typing import NDArray

from saibench.errors import UserError
from saibench.evidence.imported.column import Column
from saibench.formatting import counted
from saibench.printable import printable


class WrongRows(Exception):
    """Values of some rows are wrong.

    Args:
        column: of the values.
        positions: of the rows in the checked part of the table.
        what: what they are: `missing`, `an infinite number`.
        hint: what to do.
    """

    def __init__(self, column: Column, positions: NDArray[np.intp], what: str, hint: str) -> None:
        super().__init__(what)
        self.column, self.positions, self.what, self.hint = column, positions, what, hint

    def named(self, rows: polars.Series) -> UserError:
        """The error with numbers of rows of the file."""
        wrong = rows.gather(self.positions[:3]).to_list()
        others = len(self.positions) - 3
        more = f" and {counted(others, 'more row')}" if others > 0 else ""
        return UserError(
            f"column '{printable(self.column.source)}', row "
            f"{', '.join(f'{row:,}' for row in wrong)}{more}: the {self.column.role} is "
            f"{self.what}. {self.hint}"
        )


@contextmanager
def named_by(rows: polars.Series) -> Iterator[None]:
    """Name wrong rows by their numbers in the file."""
    try:
        yield
    except WrongRows as error:
        raise error.named(rows) from None


def refuse_missing(values: polars.Series, column: Column) -> None:
    missing = values.is_null()
    if values.dtype.is_float():
        missing |= values.is_nan().fill_null(False)
    refuse(missing, None, column, "missing", _HINTS.get(column.role, "Fill it in."))


_HINTS = {
    **dict.fromkeys(
        ("prediction", "score", "predicted_label"),
        "A prediction that is not a number is an error of its model: remove or correct the row.",
    ),
    **dict.fromkeys(
        ("truth", "error"),
        "Set missing: undefined for the column in a schema if it is undefined for some samples.",
    ),
}


def refuse(
    wrong: polars.Series, values: polars.Series | None, column: Column, what: str, hint: str
) -> None:
    """Refuse a column with wrong values.

    Raises:
        WrongRows: some are.
    """
    positions = np.flatnonzero(wrong.fill_null(False).to_numpy())
    if len(positions):
        shown = "" if values is None else f" ('{printable(str(values[int(positions[0])]))[:40]}')"
        raise WrongRows(column, positions, f"{what}{shown}", hint)
