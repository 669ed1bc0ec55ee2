"""Read a file of predictions: Parquet, CSV, TSV, Arrow or ROOT."""

from __future__ import annotations

import csv
import gzip
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, cast

import polars
import pyarrow
import pyarrow.parquet

from saibench.errors import UserError, first_line
from saibench.files.integrity import sha256
from saibench.files.plain import refuse_irregular
from saibench.files.root import branches, is_flat, is_jagged, opened_tree

PARQUET = (".parquet", ".pq")
ARROW = (".arrow", ".feather", ".ipc")
TEXT = (".csv", ".tsv", ".csv.gz", ".tsv.gz")
ROOT = (".root",)
ENDINGS = (*PARQUET, *ARROW, *TEXT, *ROOT)
KINDS = ", ".join(ENDINGS)
MISSING = ["", "NA", "N/A", "nan", "NaN", "NAN", "null", "NULL", "None"]
"""Texts of a CSV file that stand for a missing value."""
USUAL_TREES = ("Events", "tree")
"""In ROOT files: of weaver's predictions, and of JetClass."""
SEPARATORS = (",", ";", "\t")
_DAMAGE = (OSError, ValueError, pyarrow.ArrowException, polars.exceptions.PolarsError)


@dataclass(frozen=True)
class Source:
    """The origin of imported predictions, as the record keeps it.

    Args:
        file: name of the file, or `DataFrame`.
        sha256: of its content.
        bytes: its size.
    """

    file: str
    sha256: str
    bytes: int

    def to_json(self) -> dict[str, str | int]:
        return asdict(self)


def read_predictions(path: Path) -> tuple[polars.DataFrame, Source]:
    """The rows of a file, and where they are from.

    Raises:
        UserError: the file is missing, damaged, empty or of another format, is not UTF-8, or two
            columns have the same name.
    """
    name = path.name.lower()
    if not name.endswith(ENDINGS):
        raise UserError(f"{path} has an unknown format. Use {KINDS}.")
    try:
        refuse_irregular(path)
        if path.stat().st_size == 0:
            raise ValueError("it is empty")
        if name.endswith(ROOT):
            table = _root_table(path)
        else:
            table = _text_table(path) if name.endswith(TEXT) else _arrow_table(path)
    except FileNotFoundError as error:
        raise UserError(f"{path} does not exist.") from error
    except _DAMAGE as error:
        reason = getattr(error, "strerror", None) or first_line(error)
        raise UserError(f"{path} cannot be read ({reason}).") from error
    if table.is_empty():
        raise UserError(f"{path} has no rows. Use one row per sample.")
    return table, Source(path.name, sha256(path), path.stat().st_size)


def list_columns(path: Path) -> list[str]:
    """Columns of a Parquet or ROOT file with a list per row; none of a file that is damaged."""
    name = path.name.lower()
    try:
        if name.endswith(PARQUET):
            schema = pyarrow.parquet.read_schema(path)
            return [field.name for field in schema if field.type.num_fields]
        if name.endswith(ROOT):
            with opened_tree(path, None, usual=USUAL_TREES) as tree:
                return [one for one in branches(tree) if is_jagged(tree[one])]
    except (*_DAMAGE, UserError):  # `read_predictions` says what is wrong
        return []
    return []


def refuse_repeated_columns(names: Sequence[str], where: Path | str) -> None:
    """Refuse a table in which columns have the same name.

    Raises:
        UserError: the first such name.
    """
    for name, count in Counter(names).items():
        if count > 1:
            raise UserError(f"{where} has {count} columns named '{name}'. Rename them.")


def _arrow_table(path: Path) -> polars.DataFrame:
    if path.suffix.lower() in PARQUET:
        with pyarrow.parquet.ParquetFile(path) as file:
            refuse_repeated_columns(file.schema_arrow.names, path)
            arrow = file.read()
    else:
        with pyarrow.OSFile(str(path)) as file, pyarrow.ipc.open_file(file) as batches:
            refuse_repeated_columns(batches.schema.names, path)
            arrow = batches.read_all()
    arrow.validate(full=True)  # polars does not check that text is UTF-8
    return polars.DataFrame(polars.from_arrow(arrow.replace_schema_metadata(None)))


def _root_table(path: Path) -> polars.DataFrame:
    """The branches of one number per entry of the only or usual TTree."""
    with opened_tree(path, None, usual=USUAL_TREES) as tree:
        names = [name for name in branches(tree) if is_flat(tree[name])]
        if not names:
            raise UserError(f"{path} has no branch of one number per entry. Use a table.")
        return polars.DataFrame({name: tree[name].array(library="np") for name in names})


def _text_table(path: Path) -> polars.DataFrame:
    _refuse_other_encodings(path)
    with _opened(path) as file:
        header = file.readline().decode("utf-8-sig")
    separator = max(SEPARATORS, key=header.count)
    refuse_repeated_columns(next(csv.reader([header], delimiter=separator), []), path)
    return polars.read_csv(path, separator=separator, null_values=MISSING, infer_schema_length=None)


def _refuse_other_encodings(path: Path) -> None:
    with _opened(path) as file:
        for number, line in enumerate(file, start=1):
            try:
                line.decode("utf-8")
            except UnicodeDecodeError as error:
                raise UserError(
                    f"{path}, line {number}: byte 0x{line[error.start]:02x} is not UTF-8. Save "
                    "the file with the encoding UTF-8."
                ) from error


def _opened(path: Path) -> IO[bytes]:
    if path.suffix.lower() == ".gz":
        return cast(IO[bytes], gzip.open(path, "rb"))
    return path.open("rb")
