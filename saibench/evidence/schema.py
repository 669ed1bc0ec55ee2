"""Columns of evidence tables, and reading and writing of these tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import polars
import pyarrow
import pyarrow.parquet
from pyarrow import compute

from saibench.errors import UserError, first_line
from saibench.files.atomic import atomic_write
from saibench.files.integrity import SUMS, check_file, write_sums

_DAMAGE = (OSError, pyarrow.ArrowException, ValueError, MemoryError)
"""Exceptions that PyArrow raises for damaged files."""
_NUMBERS = (
    pyarrow.types.is_integer,
    pyarrow.types.is_floating,
    pyarrow.types.is_boolean,
    pyarrow.types.is_null,
)
ANY_FILE_HOLDS = 2**24
"""Values, or characters, that a file of any size may have."""
VALUES_PER_BYTE = 64
"""Further values or characters per byte of the file. Tables of saibench have two values or ten
characters per byte; a hostile file can claim any number by run lengths and dictionaries."""
BEFORE, AFTER = "before", "after"
"""When a column is known: before the truth, as inputs and predictions; or only after it, as labels
and errors."""
LOW: Final = "low"
HIGH: Final = "high"
"""Values of a feature at which samples resemble the training partition: those of a distance, and
those of a similarity."""
METADATA = ("unit", "per", "role", "describe", "known", "title", "training")


@dataclass(frozen=True)
class Field:
    """One column of an evidence table.

    Args:
        name: the column.
        dtype: a pyarrow alias: `string`, `int64`, `float64`, `bool`, …
        unit: of the values (`meV/Å`), empty if they have none.
        per: normalisation of a value (`component`, `atom`, `frame`), empty if none.
        role: `key`, `feature`, `statistic`, `weight`, or `setting` in the table of points.
        describe: one clause for figures and tables.
        known: `before` or `after` the truth; empty if undeclared.
        binary: whether the values are 0 or 1, so that their mean is a proportion; None if
            undeclared.
        title: name in words, for axes and sentences (`SOAP distance to training`); empty if the
            words of `name` suffice.
        training: `low` or `high`, the values at which samples resemble the training partition;
            empty if neither or undeclared.
    """

    name: str
    dtype: str
    unit: str = ""
    per: str = ""
    role: str = "statistic"
    describe: str = ""
    known: str = ""
    binary: bool | None = None
    title: str = ""
    training: str = ""

    @property
    def metadata(self) -> dict[str, str]:
        """The metadata of the arrow field."""
        return {
            "unit": self.unit,
            "per": self.per,
            "role": self.role,
            "describe": self.describe,
            "known": self.known,
            "binary": "" if self.binary is None else str(self.binary).lower(),
            "title": self.title,
            "training": self.training,
        }

    def to_arrow(self) -> pyarrow.Field:
        return pyarrow.field(self.name, pyarrow.type_for_alias(self.dtype), metadata=self.metadata)

    @classmethod
    def from_arrow(cls, field: pyarrow.Field) -> Field:
        metadata = {key.decode(): value.decode() for key, value in (field.metadata or {}).items()}
        known = {key: metadata.get(key, "") for key in METADATA}
        binary = {"true": True, "false": False}.get(metadata.get("binary", ""))
        dtype = str(field.type)
        alias = {"double": "float64", "float": "float32"}.get(dtype, dtype)
        return cls(field.name, alias, **known, binary=binary)


def fields_of(schema: pyarrow.Schema) -> list[Field]:
    """The columns of a table's schema."""
    return [Field.from_arrow(field) for field in schema]


def write_table(path: Path, table: polars.DataFrame, fields: Sequence[Field]) -> None:
    """Write `table` as zstd Parquet with `fields` as its columns, atomically.

    Floating-point columns keep their precision, other columns are cast to the type of their field.
    Missing values stay missing.

    Raises:
        ValueError: the table's columns are not those of `fields`.
        pyarrow.ArrowInvalid: a value does not fit its field's type.
    """
    names = [field.name for field in fields]
    if set(names) != set(table.columns) or len(set(names)) != len(names):
        wrong = sorted(set(names) ^ set(table.columns)) or names
        raise ValueError(f"{path.name}: columns and fields differ, or repeat, in {wrong}")
    arrow = table.select(names).to_arrow()
    floats = {f.name: f.type for f in arrow.schema if pyarrow.types.is_floating(f.type)}
    declared = [field.to_arrow() for field in fields]
    schema = pyarrow.schema([f.with_type(floats.get(f.name, f.type)) for f in declared])
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path) as aside:
        pyarrow.parquet.write_table(
            arrow.cast(schema),
            aside,
            compression="zstd",
            use_dictionary=[f.name for f in schema if not pyarrow.types.is_floating(f.type)],
            use_byte_stream_split=[f.name for f in schema if pyarrow.types.is_floating(f.type)],
            write_page_checksum=True,
        )


def write_tables(
    folder: Path, tables: Iterable[tuple[str, polars.DataFrame, Sequence[Field]]]
) -> None:
    """Write tables as `<folder>/<name>.parquet`, with their SHA-256 in `SHA256SUMS`.

    Args:
        folder: may have tables of these names, which are replaced.
        tables: name, rows and columns of each; one at a time is in memory.
    """
    (folder / SUMS).unlink(missing_ok=True)
    written = []
    for name, table, fields in tables:
        written.append(f"{name}.parquet")
        write_table(folder / written[-1], table, fields)
    write_sums(folder, written)


def read_table(path: Path) -> polars.DataFrame:
    """The table written by `write_table`.

    Raises:
        UserError: the file is missing or damaged.
    """
    check_file(path)
    try:
        texts = [field.name for field in _schema(path) if _is_text(field.type)]
        # pyarrow's `read_table` imports its datasets and pandas, which takes two seconds
        with pyarrow.parquet.ParquetFile(
            path, page_checksum_verification=True, read_dictionary=texts
        ) as file:
            arrow = file.read()
        _refuse_bomb(_characters(arrow), "characters", path)
        arrow = _plain(arrow)
    except _DAMAGE as error:
        raise _unreadable(path, error) from error
    return polars.DataFrame(polars.from_arrow(arrow))


def _is_text(dtype: pyarrow.DataType) -> bool:
    return pyarrow.types.is_string(dtype) or pyarrow.types.is_large_string(dtype)


def _schema(path: Path) -> pyarrow.Schema:
    """The schema of a table, from the file's footer alone.

    Raises:
        ValueError: the table would take far more memory than its file has bytes.
    """
    footer = pyarrow.parquet.read_metadata(path)
    _refuse_bomb(footer.num_rows * footer.num_columns, "values", path)
    return footer.schema.to_arrow_schema()


def _refuse_bomb(claimed: int, what: str, path: Path) -> None:
    size = path.stat().st_size
    if claimed > ANY_FILE_HOLDS + VALUES_PER_BYTE * size:
        raise ValueError(f"it claims {claimed:,} {what} in {size:,} bytes")


def _characters(arrow: pyarrow.Table) -> int:
    """Bytes of text in a table whose texts are read as dictionaries."""
    return sum(
        compute.sum(compute.take(compute.binary_length(chunk.dictionary), chunk.indices)).as_py()
        or 0
        for column in arrow.columns
        if pyarrow.types.is_dictionary(column.type) and _is_text(column.type.value_type)
        for chunk in column.chunks
    )


def _plain(arrow: pyarrow.Table) -> pyarrow.Table:
    """The table with plain text and without metadata, whose UTF-8 polars would not check.

    Raises:
        ValueError: a column has another type than numbers and text, or two have the same name.
        pyarrow.ArrowInvalid: a text is not UTF-8.
    """
    for field in arrow.schema:
        is_dictionary = pyarrow.types.is_dictionary(field.type)
        values = field.type.value_type if is_dictionary else field.type
        if not (_is_text(values) or any(is_number(values) for is_number in _NUMBERS)):
            raise ValueError(f"column {field.name} is of type {field.type}")
    if len(set(arrow.column_names)) < arrow.num_columns:
        raise ValueError("two columns have the same name")
    arrow.validate(full=True)
    columns = [
        column.cast(column.type.value_type) if pyarrow.types.is_dictionary(column.type) else column
        for column in arrow.columns
    ]
    return pyarrow.table(columns, names=arrow.column_names)


def read_fields(path: Path) -> list[Field]:
    """The columns of a table written by `write_table`, from the file's footer alone.

    Raises:
        UserError: the file is missing or damaged.
    """
    check_file(path)
    try:
        return fields_of(_schema(path))
    except _DAMAGE as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: Exception) -> UserError:
    return UserError(
        f"{path} is not a readable Parquet file ({first_line(error)}). "
        "Restore the file, or evaluate the run again."
    )
