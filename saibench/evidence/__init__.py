"""Per-sample records of a study: tables of one row a sample, with units in their fields."""

from __future__ import annotations

from typing import TYPE_CHECKING

from saibench.imports.lazy import lazy_names

if TYPE_CHECKING:
    from saibench.evidence.imported.tables import from_arrays, from_dataframe

__all__ = ["from_arrays", "from_dataframe"]
__getattr__ = lazy_names(__name__, __all__, "imported.tables")
