"""What a source of data must offer, whatever the workload."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

import polars as pl


class DataSource(Protocol):
    """Where data come from: a reader or a simulation.

    A source is a frozen dataclass whose fields are the keys of a `conf/data/*.yaml`; a new one is
    one file with the members below.
    """

    @property
    def name(self) -> str:
        """One word, that may stand in a file name."""

    def describe(self) -> str:
        """One sentence: what the data are, and how many samples."""

    def preview(self) -> pl.DataFrame | None:
        """What of the index is to be had in well under a second and without building, else None.

        Raises UserError: the data can't be had.
        """

    def recipe(self) -> dict[str, Any]:
        """Everything that changes the data, as JSON can hold it.

        Of a file it is its content's hash; a folder (`root`, `cache`) names no run then.
        """

    def load(self, cache: Path) -> Any:
        """The data, from the cache below this root once they have been prepared."""
