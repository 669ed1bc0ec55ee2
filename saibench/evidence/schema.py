"""What a column of evidence is, and how tables that carry it are written and read."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars
import pyarrow
import pyarrow.parquet
from pyarrow import compute

from saibench.errors import UserError, first_line
from saibench.files.atomic import atomic_write
from saibench.files.integrity import SUMS, check_file, write_sums

_DAMAGE = (OSError, pyarrow.ArrowException, ValueError, MemoryError)
"""What PyArrow raises for a file that is garbled."""
_NUMBERS = (
    pyarrow.types.is_integer,
    pyarrow.types.is_floating,
    pyarrow.types.is_boolean,
    pyarrow.types.is_null,
)
ANY_FILE_HOLDS = 2**24
"""Values, or characters, that the smallest file may hold."""
VALUES_PER_BYTE = 64
"""What each of its bytes may stand for beside: in our tables, with their errors, two values, or ten
characters; run lengths and dictionaries can stand for any number."""
BEFORE, AFTER = "before", "after"
"""When a column is known: before the truth is, as what a model is given or predicts; or only after
it, as a label or an error."""
METADATA = ("unit", "per", "role", "describe", "known")


@dataclass(frozen=True)
class Field:
    """One column of an evidence table.

    Args:
        name: the column.
        dtype: a pyarrow alias: `string`, `int64`, `float64`, `bool`, …
        unit: unit of its values (`meV/Å`), empty if they have none.
        per: what one value is normalised by (`component`, `atom`, `frame`), empty if nothing.
        role: `key`, `feature`, `statistic`, `weight`, or `setting` in the table of points.
        describe: one clause for figures and tables.
        known: `before` or `after` the truth is; empty where it is not declared.
        binary: whether its values are 0 or 1, so that their mean is a share; None where it is not
            declared.
    """

    name: str
    dtype: str
    unit: str = ""
    per: str = ""
    role: str = "statistic"
    describe: str = ""
    known: str = ""
    binary: bool | None = None

    @property
    def metadata(self) -> dict[str, str]:
        """What the arrow field carries beside its name and type."""
        return {
            "unit": self.unit,
            "per": self.per,
            "role": self.role,
            "describe": self.describe,
            "known": self.known,
            "binary": "" if self.binary is None else str(self.binary).lower(),
        }

    def to_arrow(self) -> pyarrow.Field:
        return pyarrow.field(self.name, pyarrow.type_for_alias(self.dtype), metadata=self.metadata)

    @classmethod
    def from_arrow(cls, field: pyarrow.Field) -> Field:
        metadata = {key.decode(): value.decode() for key, value in (field.metadata or {}).items()}
        known = {key: metadata.get(key, "") for key in METADATA}
        binary = {"true": True, "false": False}.get(metadata.get("binary", ""))
        return cls(field.name, _alias(field.type), **known, binary=binary)


def fields_of(schema: pyarrow.Schema) -> list[Field]:
    """The columns that a table's schema declares."""
    return [Field.from_arrow(field) for field in schema]


def write_table(path: Path, table: polars.DataFrame, fields: Sequence[Field]) -> None:
    """Write `table` as zstd Parquet with `fields` as its columns, all or nothing.

    Floating-point columns keep the precision that they have in `table`, whatever their field
    says; every other column is cast to its field's type. Missing values stay missing.

    Raises:
        ValueError: the table's columns are not those of `fields`.
        pyarrow.ArrowInvalid: a value does not fit its field's type.
    """
    names = [field.name for field in fields]
    if set(names) != set(table.columns) or len(set(names)) != len(names):
        unlike = sorted(set(names) ^ set(table.columns))
        raise ValueError(f"{path.name}: columns and fields differ, or repeat, in {unlike or names}")
    arrow = table.select(names).to_arrow()
    schema = pyarrow.schema(
        [_as_given(field.to_arrow(), arrow.schema.field(field.name).type) for field in fields]
    )
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
        folder: which other tables, that these replace, may lie in.
        tables: of each its name, rows and columns; one at a time is held in memory.
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
        # not `read_table`, which imports pyarrow's datasets, and with them pandas: two seconds
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
    """How many bytes of text a table has whose texts are read as dictionaries."""
    return sum(
        compute.sum(compute.take(compute.binary_length(chunk.dictionary), chunk.indices)).as_py()
        or 0
        for column in arrow.columns
        if pyarrow.types.is_dictionary(column.type) and _is_text(column.type.value_type)
        for chunk in column.chunks
    )


def _plain(arrow: pyarrow.Table) -> pyarrow.Table:
    """Numbers and text alone, without metadata, which polars takes to be UTF-8 as it does text.

    Raises:
        ValueError: a column of another type, or two of one name.
        pyarrow.ArrowInvalid: a text that is not UTF-8.
    """
    for field in arrow.schema:
        is_dictionary = pyarrow.types.is_dictionary(field.type)
        values = field.type.value_type if is_dictionary else field.type
        if not (_is_text(values) or any(is_number(values) for is_number in _NUMBERS)):
            raise ValueError(f"column {field.name} is of type {field.type}")
    if len(set(arrow.column_names)) < arrow.num_columns:
        raise ValueError("two columns have one name")
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
        f"{path} is not a readable Parquet file ({first_line(error)}); "
        "run its point again, or restore the file."
    )


def _as_given(field: pyarrow.Field, given: pyarrow.DataType) -> pyarrow.Field:
    return field.with_type(given) if pyarrow.types.is_floating(given) else field


def _alias(dtype: pyarrow.DataType) -> str:
    """The alias of a type that `pyarrow.type_for_alias` understands."""
    return {"double": "float64", "float": "float32"}.get(str(dtype), str(dtype))
