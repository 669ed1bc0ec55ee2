"""A column of a table of predictions: its role, name and unit."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from typing import Any

from saibench.evidence.schema import BEFORE

PARTS_OF_A_PAIR = ("truth", "prediction")
LABEL = "label"
"""Name in the evidence of the class of a sample."""
OWN_NAMES = ("sample_id", "partition", "model", "seed", "seen", "label", "train_count")
"""Roles whose name in the evidence is fixed."""


@dataclass(frozen=True)
class Column:
    """One column of the file, as in `ColumnSchema`.

    Args:
        source: its name in the file.
        why: the reason for its role: `schema`, or how it was guessed.
    """

    source: str
    role: str
    name: str
    unit: str = ""
    title: str = ""
    describe: str = ""
    known: str = BEFORE
    target: str = ""
    of_class: str | int | bool | None = None
    model: str | None = None
    missing: str = "refuse"
    why: str = ""

    def to_json(self) -> dict[str, Any]:
        """The entry in the record, without defaults."""
        kept = {key: value for key, value in asdict(self).items() if value not in ("", None)}
        return {key: value for key, value in kept.items() if (key, value) != ("missing", "refuse")}


def plain(name: str) -> str:
    """A name of letters, digits and `_`, as columns of evidence have.

    >>> plain("η <b>jet</b>"), plain("2nd value")
    ('η_b_jet_b', '_2nd_value')
    """
    found = re.sub(r"\W+", "_", name).strip("_") or "column"
    return f"_{found}" if found[0].isdigit() else found
