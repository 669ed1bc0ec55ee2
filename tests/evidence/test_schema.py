from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from saibench.errors import UserError
from saibench.evidence.schema import Field, read_fields, read_table, write_table

FIELDS = [
    Field("sample_id", "int64", role="key", describe="the frame"),
    Field("species", "string", role="key"),
    Field("force_mae", "float64", "meV/Å", "component", describe="force MAE"),
    Field("seen_in_training", "bool", role="feature"),
]
TABLE = pl.DataFrame(
    {
        "sample_id": [3, 1, 2],
        "species": ["H", "C", "O"],
        "force_mae": [0.1, float("nan"), None],
        "seen_in_training": [True, False, None],
    }
)


def test_units_and_values_come_back_as_they_were_written(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "samples.parquet"
    write_table(path, TABLE, FIELDS)
    assert read_fields(path) == FIELDS
    assert read_table(path).equals(TABLE)
    assert pq.read_schema(path).field("force_mae").metadata[b"unit"] == "meV/Å".encode()


def test_floats_keep_their_precision(tmp_path: Path) -> None:
    path = tmp_path / "samples.parquet"
    single = np.array([0.1, 1 / 3], dtype=np.float32)
    for column in (single, single.astype(np.float64) / 7):
        write_table(path, pl.DataFrame({"force_mae": column}), [FIELDS[2]])
        back = read_table(path)["force_mae"].to_numpy()
        assert back.dtype == column.dtype
        assert back.tobytes() == column.tobytes()


def test_tables_are_compressed_with_zstd(tmp_path: Path) -> None:
    path = tmp_path / "samples.parquet"
    write_table(path, TABLE, FIELDS)
    assert pq.read_metadata(path).row_group(0).column(0).compression == "ZSTD"


def test_columns_follow_the_order_of_the_fields(tmp_path: Path) -> None:
    path = tmp_path / "samples.parquet"
    write_table(path, TABLE.select(reversed(TABLE.columns)), FIELDS)
    assert read_table(path).columns == TABLE.columns


@pytest.mark.parametrize("fields", [FIELDS[:-1], [*FIELDS, Field("extra", "int64")]])
def test_columns_that_are_not_the_fields_are_refused(tmp_path: Path, fields: list[Field]) -> None:
    with pytest.raises(ValueError, match=r"seen_in_training|extra"):
        write_table(tmp_path / "samples.parquet", TABLE, fields)
    assert list(tmp_path.iterdir()) == []


def test_write_that_fails_leaves_the_old_table_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "samples.parquet"
    write_table(path, TABLE, FIELDS)
    wrong = TABLE.with_columns(sample_id=pl.lit("not a number"))
    with pytest.raises(Exception, match="not a number"):
        write_table(path, wrong, FIELDS)
    assert read_table(path).equals(TABLE)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("read", [read_table, read_fields])
def test_damaged_table_is_named(tmp_path: Path, read) -> None:
    path = tmp_path / "samples.parquet"
    write_table(path, TABLE, FIELDS)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(UserError, match=r"samples\.parquet"):
        read(path)
    with pytest.raises(UserError, match=r"missing\.parquet"):
        read(tmp_path / "missing.parquet")


@pytest.mark.parametrize("read", [read_table, read_fields])
def test_runs_of_one_value_are_refused_before_they_are_unpacked(tmp_path: Path, read) -> None:
    path = tmp_path / "samples.parquet"
    same = pa.RecordBatch.from_pydict({name: np.zeros(10**6, np.int64) for name in "abcdefghij"})
    with pq.ParquetWriter(path, same.schema, compression="zstd") as writer:
        for _ in range(20):
            writer.write_batch(same)
    assert path.stat().st_size < 2**20
    with pytest.raises(UserError, match="200,000,000 values"):
        read(path)


def test_long_text_of_all_rows_is_refused_before_it_is_repeated(tmp_path: Path) -> None:
    path = tmp_path / "samples.parquet"
    rows = pa.DictionaryArray.from_arrays(np.zeros(10**5, np.int32), ["x" * 10**5])
    for column in (rows, rows.cast(pa.dictionary(pa.int32(), pa.large_string()))):
        pq.write_table(pa.table({"species": column}), path)
        with pytest.raises(UserError, match="10,000,000,000 characters"):
            read_table(path)


def test_texts_come_back_from_several_groups_of_rows(tmp_path: Path) -> None:
    path = tmp_path / "samples.parquet"
    table = pl.DataFrame({"species": ["H", None, "C", "H"] * 5, "nothing": [None] * 20})
    pq.write_table(table.to_arrow(), path, row_group_size=3)
    assert read_table(path).equals(table)
