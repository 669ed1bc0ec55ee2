"""Keys of an imported table: ids, lists of seen samples, partitions, times, the index of pandas."""

from __future__ import annotations

import datetime
from pathlib import Path

import numpy as np
import polars
import pytest
from command_line import saibench
from sklearn.metrics import accuracy_score

from saibench.errors import UserError
from saibench.evidence import from_dataframe
from saibench.evidence.reader import StudyEvidence

IDS = ["5", "6", "7", "0", "1"]
TRUTH = [1.0, 2.0, 3.0, 4.0, 5.0]
TABLE = polars.DataFrame({"id": IDS, "y_true": TRUTH, "y_pred": TRUTH[::-1]})


def seen_of(study: Path, name: str) -> list:
    return sorted(StudyEvidence.load(study).samples.filter("seen_in_training")[name].to_list())


def test_a_list_of_digits_is_compared_with_names_that_are_text(tmp_path: Path) -> None:
    TABLE.write_parquet(tmp_path / "t.parquet")
    (tmp_path / "seen.txt").write_text("0\n1\n99\n")
    ended = saibench(tmp_path, "import", "t.parquet", "--seen", "seen.txt", "-o", "study")
    assert ended.status == 0, ended.err
    assert "2 samples" in ended.out and "lists 3" in ended.out
    assert seen_of(tmp_path / "study", "sample_name") == ["0", "1"]


@pytest.mark.parametrize("seen", [["0", "1"], [0, 1], [0.0, 1.0], np.array([1, 0], np.uint64)])
@pytest.mark.parametrize("dtype", [polars.String, polars.Int64, polars.Float64])
def test_lists_of_any_type(tmp_path: Path, seen: list, dtype: type[polars.DataType]) -> None:
    table = TABLE.with_columns(polars.col("id").cast(dtype))
    study = from_dataframe(table, tmp_path / "study", seen=seen)
    name, kind = ("sample_name", str) if dtype == polars.String else ("sample_id", int)
    assert seen_of(study, name) == [kind(0), kind(1)]


@pytest.mark.parametrize("seen", [["r5", "r6"], [50, 60], []])
def test_a_list_without_a_sample_of_the_table_is_refused(tmp_path: Path, seen: list) -> None:
    with pytest.raises(UserError, match="seen sample"):
        from_dataframe(TABLE, tmp_path / "study", seen=seen)
    assert not list(tmp_path.iterdir())


def test_ids_beyond_64_bits_with_sign_are_names(tmp_path: Path) -> None:
    ids = [2**64 - 1, 1, 2, 3, 2**63]
    table = TABLE.with_columns(polars.Series("id", ids, dtype=polars.UInt64))
    study = from_dataframe(table, tmp_path / "study", seen=[2**63])
    assert seen_of(study, "sample_name") == [str(2**63)]
    small = TABLE.with_columns(polars.Series("id", range(5), dtype=polars.UInt64))
    found = StudyEvidence.load(from_dataframe(small, tmp_path / "small")).samples
    assert found["sample_id"].to_list() == [0, 1, 2, 3, 4]


def test_partitions_in_any_case(tmp_path: Path) -> None:
    split = ["Train", "VALIDATION", "Test", "Test", "Other"]
    study = from_dataframe(TABLE.with_columns(split=polars.Series(split)), tmp_path / "study")
    found = StudyEvidence.load(study)
    assert found.samples["partition"].unique().sort().to_list() == ["Other", "Test"]
    assert next(iter(found.records.values()))["partitions"]["train"]["count"] == 2


def test_more_partitions_than_are_listed(tmp_path: Path) -> None:
    table = polars.concat([TABLE, TABLE.with_columns(id="a" + TABLE["id"])])
    table.with_columns(split="part" + table["id"]).write_csv(tmp_path / "t.csv")
    ended = saibench(tmp_path, "import", "t.csv", "--dry-run")
    assert ended.status == 0, ended.err
    assert "5 more" in ended.out


def test_dates_in_csv_are_those_of_parquet(tmp_path: Path) -> None:
    first = datetime.datetime(2026, 1, 31, 12)
    times = [first + datetime.timedelta(hours=7 * k, microseconds=k) for k in range(5)]
    table = TABLE.with_columns(time=polars.Series(times))
    table.write_parquet(tmp_path / "t.parquet")
    zone = datetime.timezone(datetime.timedelta(hours=2))
    texts = [time.isoformat() for time in times[:-1]]
    texts.append(times[-1].replace(tzinfo=datetime.UTC).astimezone(zone).isoformat())
    table.with_columns(time=polars.Series(texts)).write_csv(tmp_path / "t.csv")
    found = []
    for kind in ("parquet", "csv"):
        assert saibench(tmp_path, "import", f"t.{kind}", "-o", kind).status == 0
        found.append(StudyEvidence.load(tmp_path / kind).samples.sort("sample_id")["time"])
    epoch = datetime.datetime(1970, 1, 1)
    expected = [(time - epoch).total_seconds() for time in times]
    np.testing.assert_allclose(sorted(found[0].to_list()), expected, rtol=0, atol=5e-7)
    assert sorted(found[1].to_list()) == sorted(found[0].to_list())


def test_the_index_of_pandas_is_shown_and_ignored(tmp_path: Path) -> None:
    TABLE.to_pandas().to_csv(tmp_path / "t.csv")
    ended = saibench(tmp_path, "import", "t.csv", "--dry-run")
    assert ended.status == 0, ended.err
    (line,) = [line for line in ended.out.splitlines() if line.startswith("''")]
    assert line.split()[1:] == ["ignore", "index", "of", "pandas"]


def test_predicted_labels_beside_scores_give_the_accuracy(tmp_path: Path) -> None:
    score = np.array([0.1, 0.3, 0.4, 0.45, 0.9])
    label, predicted = np.array([0, 1, 0, 1, 1]), (score > 0.2).astype(int)
    table = polars.DataFrame({"y_true": label, "y_pred": predicted, "y_prob": score})
    found = StudyEvidence.load(from_dataframe(table, tmp_path / "study")).samples
    assert found["correct"].mean() == pytest.approx(accuracy_score(label, predicted))
