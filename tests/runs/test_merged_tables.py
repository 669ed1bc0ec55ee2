"""Evidence of an earlier version, to which partitions with further features are added."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from saibench.errors import UserError
from saibench.evidence.schema import Field, write_table
from saibench.evidence.writer import KEYS
from saibench.runs.evaluation import _merged

TIME = Field("time", "float64", role="feature")
DISTANCE = Field("soap_distance_atom", "float64", role="feature")


def rows(partition: str, **columns: float) -> pl.DataFrame:
    return pl.DataFrame({"point": "p", "partition": partition, "sample_id": 7, **columns})


def test_a_new_feature_is_null_for_the_earlier_partitions(tmp_path: Path) -> None:
    path = tmp_path / "samples.parquet"
    write_table(path, rows("old", time=1.0), [*KEYS, TIME])
    new = rows("new", time=2.0, soap_distance_atom=0.1)
    merged, fields = _merged(path, new, [*KEYS, TIME, DISTANCE])
    assert [field.name for field in fields] == merged.columns
    assert merged.filter(partition="old")["soap_distance_atom"].is_null().all()
    assert merged.filter(partition="new").to_dicts() == new.to_dicts()


def test_a_feature_that_is_no_longer_written_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "samples.parquet"
    write_table(path, rows("old", time=1.0, soap_distance_atom=0.1), [*KEYS, TIME, DISTANCE])
    with pytest.raises(UserError, match=r"samples\.parquet"):
        _merged(path, rows("new", time=2.0), [*KEYS, TIME])
