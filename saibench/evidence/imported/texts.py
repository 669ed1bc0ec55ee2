"""Columns of text, and numbers written as text."""

from __future__ import annotations

import polars

TEXT = (polars.String, polars.Categorical, polars.Enum)
"""Types of text."""


def numbers_of(texts: polars.Series) -> polars.Series:
    """Texts as float64, with or without spaces around them; null for other words."""
    return texts.cast(polars.String).str.strip_chars().cast(polars.Float64, strict=False)


def are_mostly_numbers(texts: polars.Series) -> bool:
    """Whether more than half of the texts are numbers; the others are then mistakes."""
    defined = texts.drop_nulls()
    return 2 * numbers_of(defined).null_count() < len(defined)
