"""A mistake in a table is one sentence with exit code 2, and nothing is written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars
import pyarrow
import pyarrow.parquet
import pytest
from command_line import saibench

from saibench.errors import UserError
from saibench.evidence import from_arrays

GOOD: dict[str, Any] = {
    "id": ["a", "b", "c", "d"],
    "y_true": [1.0, 2.0, 3.0, 4.0],
    "y_pred": [1.1, 2.2, 3.3, 4.4],
    "pt": [10.0, 20.0, 30.0, 40.0],
}
CLASSES: dict[str, Any] = {"id": range(4), "label": [0, 1, 0, 1], "score": [0.1, 0.9, 0.2, 0.3]}


def refused(folder: Path, file: str, *words: str, schema: str = "") -> str:
    options = []
    if schema:
        (folder / "columns.yaml").write_text(schema)
        options = ["--schema", "columns.yaml"]
    before = sorted(folder.rglob("*"))
    ended = saibench(folder, "import", file, *options, "-o", "study")
    assert ended.status == 2, ended.out
    assert len(ended.err.strip().splitlines()) == 1
    assert sorted(folder.rglob("*")) == before
    for word in words:
        assert word in ended.err, ended.err
    return ended.err


def in_parquet(folder: Path, **columns: Any) -> str:
    polars.DataFrame(columns, strict=False).write_parquet(folder / "table.parquet")
    return "table.parquet"


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"id": ["a", "b", "b", "d"]}, ("sample b", "rows 2, 3")),
        ({"id": ["a", None, "c", "d"]}, ("'id'", "row 2")),
        ({"y_pred": [1.0, float("nan"), 3.0, None]}, ("'y_pred'", "row 2, 4")),
        ({"y_pred": [1.0, 2.0, 3.0, float("inf")]}, ("'y_pred'", "row 4")),
        ({"y_true": [1.0, None, 3.0, 4.0]}, ("'y_true'", "row 2", "missing: undefined")),
        ({"pt": [1.0, 2.0, float("-inf"), 4.0]}, ("'pt'", "row 3")),
        ({"pt": ["1.5", "2", "n/a?", "4"]}, ("'pt'", "row 3", "n/a?")),
        ({"y_pred": ["1.5", "2", "high", "4"]}, ("'y_pred'", "row 3", "high")),
        ({"error": [1.0, 2.0, 3.0, 4.0]}, ("error",)),  # which is computed, too
        ({"point": [1.0, 2.0, 3.0, 4.0]}, ("'point'", "name")),
        ({"p t": [1.0] * 4, "p_t": [2.0] * 4}, ("'p t'", "'p_t'", "p_t")),
        ({"y_pred": ["low", "high", "low", "high"]}, ("'y_true'", "'y_pred'", "text")),
        ({"y_true": ["low", "high", "low", "high"]}, ("'y_true'", "'y_pred'", "text")),
        (  # beside a pair of classes
            {"kind_true": ["a", "b", "a", "b"], "kind_pred": ["a", "b", "b", "b"], "E_true": 1.0},
            ("'E_true'", "no column is its prediction"),
        ),
        ({"y_true": [[1.0, 2.0]] * 4}, ("'y_true'", "List")),
        ({"seed": [0, 0, 0, -1]}, ("'seed'", "row 4")),
        ({"split": ["train"] * 4}, ("train", "ignore")),
        ({"date": ["2026-01-31", "2026-02-01", "31/01/2026", "2026-02-02"]}, ("'date'", "row 3")),
        ({"split": ["a b", "a_b", "c", "d"]}, ("a_b",)),
    ],
)
def test_wrong_values(tmp_path: Path, changed: dict[str, Any], words: tuple[str, ...]) -> None:
    refused(tmp_path, in_parquet(tmp_path, **{**GOOD, **changed}), *words)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"score": [0.1, 0.9, 1.2, 0.3]}, ("'score'", "row 3", "1.2")),
        ({"score": [0.1, None, 0.2, 0.3]}, ("'score'", "row 2")),
        ({"label": [0, 1, 2, 1]}, ("'score'", "3 classes")),
        ({"label": ["top", "qcd", "top", "qcd"]}, ("'score'", "of_class", "qcd, top")),
        ({"label": [0, None, 1, 1]}, ("'label'", "row 2")),
        ({"predicted_label": [0, None, 1, 1]}, ("'predicted_label'", "row 2")),
        ({"predicted_label": [0, 1, float("inf"), 1]}, ("'predicted_label'", "row 3")),
        ({"predicted_label": ["0", "1", "0", "1"]}, ("'label'", "'predicted_label'", "text")),
        (
            {"score": None, "score_background": [0.1, 0.9, 0.2, 0.3]},
            ("'score_background'", "0, 1", "of_class"),
        ),
        ({"score_2": [0.1, 0.9, 0.2, 0.3]}, ("of_class",)),
    ],
)
def test_wrong_classes(tmp_path: Path, changed: dict[str, Any], words: tuple[str, ...]) -> None:
    refused(tmp_path, in_parquet(tmp_path, **{**CLASSES, **changed}), *words)


def test_a_million_classes(tmp_path: Path) -> None:
    count = 1_000_000
    table = {"label": np.arange(count), "score": np.full(count, 0.5)}
    polars.DataFrame(table).write_parquet(tmp_path / "table.parquet")
    refused(tmp_path, "table.parquet", "'label'", "1,000,000", "truth")


def test_as_many_runs_as_rows(tmp_path: Path) -> None:
    table = {"id": range(2000), "y_true": 1.0, "y_pred": 2.0, "seed": range(2000)}
    polars.DataFrame(table).write_parquet(tmp_path / "table.parquet")
    refused(tmp_path, "table.parquet", "seed", "2,000 runs")


def test_runs_of_one_name(tmp_path: Path) -> None:
    """A model without a name is called `model`."""
    table = {"id": [1, 2, 1, 2], "y_true": 1.0, "y_pred": 2.0, "model": ["", "", "model", "model"]}
    refused(tmp_path, in_parquet(tmp_path, **table), "two runs", "model")


def test_runs_without_names_of_samples(tmp_path: Path) -> None:
    columns = {**GOOD, "seed": [0, 0, 1, 1]}
    del columns["id"]
    refused(tmp_path, in_parquet(tmp_path, **columns), "sample_id")


def test_columns_of_one_name(tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_text("y_true,y_pred" + ",x" * 10 + "\n" + "1," * 11 + "1\n")
    refused(tmp_path, "table.csv", "10 columns", "'x'")
    arrow = pyarrow.table([[1.0], [1.0], [1.0]], names=["y_true", "y_pred", "y_pred"])
    pyarrow.parquet.write_table(arrow, tmp_path / "table.parquet")
    refused(tmp_path, "table.parquet", "2 columns", "'y_pred'")


def test_mixed_units(tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_text("y_true [eV],y_pred [meV]\n1,1000\n2,2000\n")
    refused(tmp_path, "table.csv", "eV", "meV", "y_pred")


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("t.csv", b"", ("t.csv", "empty")),
        ("t.csv", b"y_true,y_pred\n", ("t.csv", "no rows")),
        ("t.csv", "y_true,y_pred,é\n1,1,2\n".encode("latin-1"), ("line 1", "UTF-8")),
        ("t.csv", b"y_true,y_pred\n1,1\n2,\xff\n", ("line 3", "UTF-8")),
        ("t.parquet", b"PAR1 nothing PAR1", ("t.parquet",)),
        ("t.arrow", b"ARROW1 nothing", ("t.arrow",)),
        ("t.xlsx", b"PK", ("t.xlsx", "CSV")),
    ],
)
def test_damaged_files(tmp_path: Path, name: str, content: bytes, words: tuple[str, ...]) -> None:
    (tmp_path / name).write_bytes(content)
    refused(tmp_path, name, *words)


def test_a_missing_file(tmp_path: Path) -> None:
    refused(tmp_path, "nowhere.csv", "nowhere.csv")


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ("columns: {y: truth}", ("'y'", "y_true")),
        ("columns: {pt: predicton}", ("pt", "'prediction'")),
        ("colums: {pt: feature}", ("'colums'", "'columns'")),
        ("columns: {pt: {role: feature, units: GeV}}", ("units", "'unit'")),
        ("columns: {pt: truth}", ("y_true", "pt")),
        ("columns: {y_true: ignore}", ("'y_pred'", "truth")),
        ("columns: {y_pred: ignore}", ("'y_true'", "prediction")),
        ("held_out: other", ("held_out=other", "test")),
        ("trust: {toleranc: 3}", ("toleranc", "tolerance")),
        ("- a list", ("columns.yaml",)),
        ("a: b: c", ("columns.yaml",)),
    ],
)
def test_wrong_schemas(tmp_path: Path, schema: str, words: tuple[str, ...]) -> None:
    refused(tmp_path, in_parquet(tmp_path, **GOOD), *words, schema=schema)


def test_a_table_without_predictions(tmp_path: Path) -> None:
    refused(tmp_path, in_parquet(tmp_path, x=[1.0, 2.0]), "prediction")


def test_a_folder_with_other_files(tmp_path: Path) -> None:
    (tmp_path / "study").mkdir()
    (tmp_path / "study" / "notes.txt").write_text("mine")
    refused(tmp_path, in_parquet(tmp_path, **GOOD), "study", "-o")


def test_arrays_of_other_lengths(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="prediction of model"):
        from_arrays(tmp_path / "s", truth=np.zeros(3), prediction=np.zeros(2))
    hidden = np.ma.masked_array(np.zeros(3), [False, True, False])
    with pytest.raises(UserError, match=r"truth has 1 masked"):
        from_arrays(tmp_path / "s", truth=hidden, prediction=np.zeros(3))
    with pytest.raises(UserError, match="2 classes"):
        from_arrays(tmp_path / "s", label=[0, 1], score=np.zeros((2, 3)))
    assert not list(tmp_path.iterdir())
