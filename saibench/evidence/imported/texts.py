"""Columns of text, and numbers written as text."""

from __future__ import annotations

import polars

TEXT = (polars.String, polars.Categorical, polars.Enum)
"""Types of text."""
_SIGN = r"^[+\-−]?\s*"
_EXPONENT = r"([eEdD][+\-−]?\d+)?\s*%?$"
_GROUPED = _SIGN + r"\d{1,3}([.,'’ \u{a0}\u{202f}]\d{3})+([.,]\d+)?" + _EXPONENT
_UNGROUPED = _SIGN + r"(\d+[.,]?\d*|[.,]\d+)" + _EXPONENT
NOTATIONS = {
    r"%$": "a percent sign. Divide by 100, or remove it and set the unit",
    "−": "a minus sign of Unicode. Write '-'",
    r"\d[dD][+\-−]?\d": "an exponent of Fortran. Write 'e' for 'd'",
    r"['’ \u{a0}\u{202f}]|[.,]\d{3}[.,]": "a separator of thousands. Remove it",
    r"\d,|,\d": "a comma. Write a point for decimals, or set decimal: ',' in a schema of a CSV "
    "file; remove separators of thousands",
}
"""Signs by which a number in another notation is known, and what they are."""


def numbers_of(texts: polars.Series) -> polars.Series:
    """Texts as float64, with or without spaces around them; null for other words."""
    return texts.cast(polars.String).str.strip_chars().cast(polars.Float64, strict=False)


def are_mostly_numbers(texts: polars.Series) -> bool:
    """Whether more than half of the texts are numbers in any notation.

    The others are then mistakes, and so are numbers in a notation that `numbers_of` does not read.
    """
    defined = texts.drop_nulls()
    if 2 * numbers_of(defined).null_count() < len(defined):
        return True
    words = defined.cast(polars.String).str.strip_chars()
    return 2 * words.str.contains(f"{_GROUPED}|{_UNGROUPED}").sum() > len(defined)


def notation_of(text: str) -> str | None:
    """The notation of a number that `numbers_of` does not read, and what to do.

    >>> notation_of("12.5%"), notation_of("high")
    ('a percent sign. Divide by 100, or remove it and set the unit', None)
    """
    given = polars.Series([text.strip()])
    if not given.str.contains(f"{_GROUPED}|{_UNGROUPED}")[0]:
        return None
    return next((what for sign, what in NOTATIONS.items() if given.str.contains(sign)[0]), None)
