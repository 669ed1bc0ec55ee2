"""Read a table of delimited text: CSV or TSV, with decimal points or commas."""

from __future__ import annotations

import csv
import gzip
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

import polars

from saibench.errors import UserError
from saibench.evidence.imported.quotes import fault_of_quotes
from saibench.evidence.imported.repeated import refuse_repeated_columns
from saibench.printable import printable

MISSING = ["", "NA", "N/A", "n/a", "#N/A", "<NA>", "nan", "NaN", "NAN", "-nan", "-NaN", "null",
           "NULL", "None"]  # fmt: skip
"""Texts that stand for a missing value; those of `pandas.read_csv` are among them."""
SEPARATORS = (",", ";", "\t", "|")
POINT, COMMA = ".", ","
EXCEL = "sep="
"""Beginning of a line before the header by which Excel knows the separator."""
_NUMBER = r"^\s*[+-]?(\d+|\d*{sign}\d+|\d+{sign})([eE][+-]?\d+)?\s*$"
_GROUPS = r"^\s*[+-]?[1-9]\d{0,2}(,\d{3})+\s*$"
"""A number that may have decimals or thousands after its comma."""
_MARKS = {b"\x1f\x8b": "is compressed by gzip. Add .gz to its name",
          b"\xff\xfe": "is UTF-16, not UTF-8. Save it with the encoding UTF-8",
          b"\xfe\xff": "is UTF-16, not UTF-8. Save it with the encoding UTF-8"}  # fmt: skip
"""First bytes of files that are no text in UTF-8."""


@dataclass(frozen=True)
class Layout:
    """How numbers and columns are written.

    Args:
        separator: between columns.
        decimal: sign before decimals, a point or a comma.
    """

    separator: str
    decimal: str

    def __str__(self) -> str:
        named = {"\t": "tabs", " ": "spaces"}.get(self.separator, f"'{self.separator}'")
        sign = "commas" if self.decimal == COMMA else "points"
        return f"columns separated by {named}, decimal {sign}"


USUAL = Layout(",", POINT)


def read_delimited(
    path: Path, separator: str | None = None, decimal: str | None = None
) -> tuple[polars.DataFrame, Layout]:
    """The rows, without empty ones, and the layout.

    Args:
        path: of a text in UTF-8, perhaps compressed (`.gz`).
        separator: between columns; by default the most frequent of `SEPARATORS` in the header.
        decimal: sign before decimals; by default a comma if a column has numbers that can be read
            in no other way.

    Raises:
        UserError: the text is not UTF-8, the first line has no names, a line has another number of
            values than the header, two columns have the same name, a quote is not closed, or the
            signs of numbers differ.
    """
    header, skipped = _header(path)
    if skipped:
        separator = separator or header[0][len(EXCEL) :].strip()
    names_line = header[-1]
    separator = separator or max(SEPARATORS, key=names_line.count)
    names = next(csv.reader([names_line], delimiter=separator), [])
    if names and all(re.match(_NUMBER.replace("{sign}", "[.]"), one) for one in names):
        raise UserError(
            f"{path}, line {skipped + 1} has numbers. Begin the file with the names of the columns."
        )
    refuse_repeated_columns(names, path)
    _refuse_ragged(path, separator, len(names), skipped + 1)

    def table(comma: bool) -> polars.DataFrame:
        try:
            found = polars.read_csv(
                path, separator=separator, null_values=MISSING, infer_schema_length=None,
                skip_lines=skipped, decimal_comma=comma,
            )  # fmt: skip
        except polars.exceptions.PolarsError:
            _refuse_quotes(path, separator)
            raise
        if found.is_empty():
            _refuse_quotes(path, separator)
        return found

    if separator == decimal and not any(_with_commas(one).any() for one in _texts(table(False))):
        raise UserError(
            f"{path}: separator='{separator}' and decimal='{decimal}' are one sign, and no decimal "
            "number is in quotes. Set another separator, or decimal: '.'."
        )
    found = table(decimal == COMMA)
    if decimal is None and any(_has_decimal_commas(one) for one in _texts(found)):
        decimal, found = COMMA, table(True)
    if decimal == COMMA:
        found = found.with_columns(_with_points(one, path) for one in _texts(found))
    found = found.filter(~polars.all_horizontal(polars.all().is_null()))
    return found, Layout(separator, decimal or POINT)


def _header(path: Path) -> tuple[list[str], int]:
    """The lines up to the names of the columns, and how many are before these.

    Raises:
        UserError: the file is no text, or begins with a comment.
    """
    with _opened(path) as file:
        start = file.readline()
        for mark, what in _MARKS.items():
            if start.startswith(mark):
                raise UserError(f"{path} {what}.")
        first = _decoded(start, path, 1)
        if first.startswith("#"):
            raise UserError(
                f"{path}, line 1 begins with '#'. Begin the file with the names of the columns, "
                "without '#'."
            )
        if "\r" in first.rstrip("\r\n"):
            raise UserError(
                f"{path} has the line ends of old Macs. Save it with those of Unix or Windows."
            )
        if not first.startswith(EXCEL):
            return [first], 0
        return [first, _decoded(file.readline(), path, 2)], 1


def _refuse_ragged(path: Path, separator: str, columns: int, header: int) -> None:
    """Refuse a line in another encoding, or with another number of values than there are columns.

    Lines are not counted from a value on that has several lines.
    """
    spans_lines = False
    for number, line in _lines(path):
        quotes = line.count('"')
        spans_lines |= quotes % 2 == 1
        if number <= header or spans_lines or not line.strip():
            continue
        count = line.count(separator) + 1
        if quotes:
            count = len(next(csv.reader([line], delimiter=separator)))
        if count != columns:
            raise UserError(
                f"{path}, line {number} has {count} values, and the header {columns} columns. Use "
                "one value per column, in quotes if it contains the separator "
                f"{'tab' if separator == chr(9) else repr(separator)}."
            )


def _refuse_quotes(path: Path, separator: str) -> None:
    """Raise UserError if quotes are why a text cannot be read."""
    fault = fault_of_quotes(_lines(path), separator)
    if fault is not None:
        raise UserError(
            f"{path}, {fault}. Put a value with quotes in quotes, and write two for each within, "
            'as in "5"" pipe".'
        )


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    with _opened(path) as file:
        for number, line in enumerate(file, start=1):
            yield number, _decoded(line, path, number)


def _decoded(line: bytes, path: Path, number: int) -> str:
    try:
        return line.decode("utf-8-sig" if number == 1 else "utf-8")
    except UnicodeDecodeError as error:
        raise UserError(
            f"{path}, line {number}: byte 0x{line[error.start]:02x} is not UTF-8. Save the file "
            "with the encoding UTF-8."
        ) from error


def _opened(path: Path) -> IO[bytes]:
    if path.suffix.lower() == ".gz":
        return cast(IO[bytes], gzip.open(path, "rb"))
    return path.open("rb")


def _texts(table: polars.DataFrame) -> list[polars.Series]:
    return [column for column in table if column.dtype == polars.String]


def _has_decimal_commas(texts: polars.Series) -> bool:
    """Whether most values are numbers if a comma is the decimal sign, and some only then."""
    are = _are_numbers(texts, COMMA)
    only_then = _with_commas(texts) & ~texts.str.contains(_GROUPS)
    return bool(only_then.any()) and 2 * are.sum() > texts.count()


def _with_points(texts: polars.Series, path: Path) -> polars.Series:
    """The texts, numbers among them with a decimal point.

    Raises:
        UserError: most are numbers, of which one has a point already.
    """
    are, pointed = _are_numbers(texts, COMMA), _are_numbers(texts, POINT)
    if 2 * (are | pointed).sum() <= texts.count():
        return texts
    other = texts.filter(pointed & ~are)
    if len(other):
        raise UserError(
            f"{path}: column '{printable(texts.name)}' has the number '{other[0]}' with a point, "
            "and others have decimal commas. Write all numbers alike, without separators of "
            "thousands, or set decimal: '.' in a schema if commas are not decimal signs."
        )
    replaced = texts.str.replace(",", ".", literal=True)
    return replaced.zip_with(are.fill_null(False), texts)


def _with_commas(texts: polars.Series) -> polars.Series:
    """Whether each is a number with a comma, if that is the decimal sign."""
    return _are_numbers(texts, COMMA) & texts.str.contains(",", literal=True)


def _are_numbers(texts: polars.Series, sign: str) -> polars.Series:
    return texts.str.contains(_NUMBER.replace("{sign}", f"[{sign}]"))
