"""The interface of a data source, for every workload."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

import polars as pl


class DataSource(Protocol):
    """A reader or a simulation of data.

    A source is a frozen dataclass whose fields are the keys of a `conf/data/*.yaml`.
    """

    @property
    def name(self) -> str:
        """One word, valid in a file name."""

    def describe(self) -> str:
        """One sentence: the kind of data and the number of samples."""

    def preview(self) -> pl.DataFrame | None:
        """Columns of the index that are available within a second, without building; or None.

        Raises UserError: the data are not available.
        """

    def recipe(self) -> dict[str, Any]:
        """All settings that change the data, as JSON types.

        A file enters by the hash of its content; folders (`root`, `cache`) are excluded.
        """

    def load(self, cache: Path) -> Any:
        """The data, prepared on the first call and read from the cache afterwards."""
