"""Refuse a table in which columns have the same name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from saibench.errors import UserError


def refuse_repeated_columns(names: Sequence[str], where: Path | str) -> None:
    """Refuse a table in which columns have the same name.

    Raises:
        UserError: the first such name.
    """
    for name, count in Counter(names).items():
        if count > 1:
            raise UserError(f"{where} has {count} columns named '{name}'. Rename them.")
