"""Read a file of predictions: Parquet, CSV, TSV, Arrow or ROOT."""

from __future__ import annotations

import csv
import zlib
from dataclasses import asdict, dataclass
from pathlib import Path

import polars
import pyarrow
import pyarrow.parquet

from saibench.errors import UserError, first_line
from saibench.evidence.imported.delimited import USUAL, read_delimited
from saibench.evidence.imported.repeated import refuse_repeated_columns
from saibench.files.integrity import sha256
from saibench.files.plain import refuse_irregular
from saibench.files.root import branches, is_flat, is_jagged, opened_tree

PARQUET = (".parquet", ".pq")
ARROW = (".arrow", ".feather", ".ipc")
TEXT = (".csv", ".tsv", ".csv.gz", ".tsv.gz")
SPREADSHEETS = (".xlsx", ".xls", ".xlsm", ".ods")
ROOT = (".root",)
ENDINGS = (*PARQUET, *ARROW, *TEXT, *ROOT)
KINDS = ", ".join(ENDINGS)
USUAL_TREES = ("Events", "tree")
"""In ROOT files: of weaver's predictions, and of JetClass."""
_DAMAGE = (
    OSError, EOFError, ValueError, zlib.error, csv.Error, pyarrow.ArrowException,
    polars.exceptions.PolarsError,
)  # fmt: skip


@dataclass(frozen=True)
class Source:
    """The origin of imported predictions, as the record keeps it.

    Args:
        file: name of the file, or `DataFrame`.
        sha256: of its content.
        bytes: its size.
        layout: of a text, if it is not that of a CSV file with commas between columns and decimal
            points.
    """

    file: str
    sha256: str
    bytes: int
    layout: str = ""

    def to_json(self) -> dict[str, str | int]:
        return {name: value for name, value in asdict(self).items() if value != ""}


def read_predictions(
    path: Path, separator: str | None = None, decimal: str | None = None
) -> tuple[polars.DataFrame, Source]:
    """The rows of a file, and where they are from.

    Args:
        separator, decimal: of a CSV or TSV file; guessed if they are None (see `read_delimited`).

    Raises:
        UserError: the file is missing, damaged, empty or of another format, is not UTF-8, or two
            columns have the same name.
    """
    name = path.name.lower()
    if name.endswith(SPREADSHEETS):
        raise UserError(f"{path} is a spreadsheet. Save the sheet as CSV with the encoding UTF-8.")
    if not name.endswith(ENDINGS):
        raise UserError(f"{path} has an unknown format. Use {KINDS}.")
    try:
        refuse_irregular(path)
        if path.stat().st_size == 0:
            raise ValueError("it is empty")
        if name.endswith(TEXT):
            table, layout = read_delimited(path, separator, decimal)
        else:
            refuse_layout(separator, decimal, str(path))
            table = _root_table(path) if name.endswith(ROOT) else _arrow_table(path)
            layout = USUAL
    except FileNotFoundError as error:
        raise UserError(f"{path} does not exist.") from error
    except _DAMAGE as error:
        reason = getattr(error, "strerror", None) or first_line(error)
        raise UserError(f"{path} cannot be read ({reason}).") from error
    if table.is_empty():
        raise UserError(f"{path} has no rows. Use one row per sample.")
    shown = "" if layout == USUAL else str(layout)
    return table, Source(path.name, sha256(path), path.stat().st_size, shown)


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


def refuse_layout(separator: str | None, decimal: str | None, where: str) -> None:
    """Raise UserError if the schema of a table without text has a layout of text."""
    for name, value in (("separator", separator), ("decimal", decimal)):
        if value is not None:
            raise UserError(f"{name}={value} is for CSV files, and {where} is none. Remove it.")


def _arrow_table(path: Path) -> polars.DataFrame:
    if path.suffix.lower() in PARQUET:
        with pyarrow.parquet.ParquetFile(path, page_checksum_verification=True) as file:
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
