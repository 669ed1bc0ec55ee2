"""CSV files as scientists have them are read as meant, or refused with the place."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import polars
import pytest
from command_line import saibench

from saibench.errors import UserError
from saibench.evidence import from_dataframe

HEADER = b"id,y_true,y_pred,x\n"


def imported(folder: Path, name: str, content: bytes, schema: str = "") -> dict[str, float]:
    """Metrics, of a file that is read as meant."""
    (folder / name).write_bytes(content)
    (folder / "columns.yaml").write_text(schema)
    ended = saibench(folder, "import", name, "--schema", "columns.yaml", "-o", f"of {name}")
    assert ended.status == 0, ended.err
    (path,) = folder.glob(f"of {name}/*/metrics.json")
    return {key: one["value"] for key, one in json.loads(path.read_text())["test"].items()}


@pytest.mark.parametrize(
    "content",
    [
        b"id;y_true;y_pred;x\n1;1,5;1234,25;0,1\n2;-2,5E0;2;0,2\n",
        b'id,y_true,y_pred\n1,"1,5","1234,25"\n2,"-2,5",2\n',
        b"sep=;\nid;y_true;y_pred\n1;1.5;1234.25\n2;-2.5;2\n",
        b"id|y_true|y_pred\n1|1.5|1234.25\n2|-2.5|2\n",
        b"\xef\xbb\xbfid,y_true,y_pred\r\n1,1.5,1234.25\r\n\r\n2,-2.5,2\r\n,,\r\n\r\n",
        b'id,y_true,y_pred,\n"1","1.5","1234.25",\n2,-2.5,2,\n',
    ],
    ids=["decimal commas", "quoted decimal commas", "Excel", "bars", "Windows", "empty column"],
)
def test_layouts_of_text(tmp_path: Path, content: bytes) -> None:
    error = np.array([1234.25, 2]) - [1.5, -2.5]
    assert imported(tmp_path, "t.csv", content)["mae"] == pytest.approx(error.mean(), rel=1e-12)
    assert imported(tmp_path, "t.csv.gz", gzip.compress(content))["bias"] == error.mean()


def test_a_table_may_have_errors_alone(tmp_path: Path) -> None:
    assert imported(tmp_path, "t.csv", b"error\n1\n3\n")["error"] == 2


def test_a_layout_is_printed_and_can_be_set(tmp_path: Path) -> None:
    """1,304 may be 1304 or 1.304: only the user knows."""
    content = b"id;y_true;y_pred\n1;1,304;2,511\n2;2,532;3,532\n"
    (tmp_path / "t.csv").write_bytes(content)
    ended = saibench(tmp_path, "import", "t.csv", "--dry-run")
    assert (ended.status, "'1,304'" in ended.err, "decimal" in ended.err) == (2, True, True)
    error = np.array([2.511 - 1.304, 3.532 - 2.532])
    found = imported(tmp_path, "t.csv", content, "decimal: ','")
    assert found["mae"] == pytest.approx(error.mean(), rel=1e-12)
    ended = saibench(tmp_path, "import", "t.csv", "--schema", "columns.yaml", "--dry-run")
    assert "t.csv: columns separated by ';', decimal commas." in ended.out
    (record,) = tmp_path.glob("of t.csv/*/run.json")
    assert json.loads(record.read_text())["imported"]["layout"]


def test_one_sign_between_columns_and_before_decimals(tmp_path: Path) -> None:
    """That is clear only if numbers are in quotes."""
    signs = "separator: ','\ndecimal: ','"
    content = b'id,y_true,y_pred\n1,"1,304","2,511"\n2,"2,532","3,532"\n'
    error = np.array([2.511 - 1.304, 3.532 - 2.532])
    assert imported(tmp_path, "t.csv", content, signs)["mae"] == pytest.approx(error.mean())
    (tmp_path / "t.csv").write_bytes(b"id,y_true,y_pred\n1,1.5,2.5\n2,2.5,3.5\n")
    ended = saibench(tmp_path, "import", "t.csv", "--schema", "columns.yaml", "-o", "study")
    assert ended.status == 2 and not (tmp_path / "study").exists()
    assert "separator=','" in ended.err and "decimal=','" in ended.err


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (HEADER + b'1,"1,304.5",2,0\n2,"2,304.5",3,0\n', ("'y_true'", "'1,304.5'", "thousands")),
        (HEADER + b"1,12.5%,2%,0\n", ("'y_true'", "12.5%", "percent")),
        (HEADER + b"1,1.5D+02,1.5D+02,0\n", ("1.5D+02", "Fortran")),
        (HEADER + "1,−1.5,2,0\n".encode(), ("−1.5", "minus")),
        (HEADER + b"1,1,2,0.1%\n2,1,2,0.2%\n", ("'x'", "0.1%")),
        (HEADER + b"1,1,Nan,0\n", ("'y_pred'", "row 1", "missing")),
        (HEADER + b"1,1,2,?\n2,1,2,1\n3,1,2,1\n", ("'x'", "row 1", "'?'")),
        (b"id;y_true;y_pred;x\n1;1,5;2,5;1.304\n", ("'x'", "1.304", "decimal commas")),
        (HEADER + b"1,1,2,0\n2,1,2,0,5\n", ("line 3", "5 values", "4 columns")),
        (HEADER + b'1,1,2,"a,b"\n2,1,2\n', ("line 3", "3 values", "4 columns")),
        (b"1,1,2,0\n2,1,2,0\n", ("line 1", "names")),
        (b"# of my tool\n" + HEADER + b"1,1,2,0\n", ("line 1", "#")),
        (HEADER.replace(b",", b" ") + b"1 1 2 0\n", ("one column", "separator")),
        (b"y_true y_pred\n1 2\n", ("one column", "separator")),
        (HEADER.replace(b"\n", b"\r") + b"1,1,2,0\r", ("line ends",)),
        (HEADER + b"1.152921504606847e+18,1,2,0\n", ("'id'", "row 1", "text")),
        (HEADER + b'1,1,2,"a\n2,1,2,b\n', ("line 2", "quote", "not closed")),
        (HEADER + b'1,1,2,"a\nb"\n2,1,2,5" pipe\n3,1,2,c\n', ("line 4", "quote")),
        (b'id,y_true,y_pred,"x\n1,1,2,0\n', ("line 1", "quote", "not closed")),
        ((HEADER + b"1,1,2,0\n").decode().encode("utf-16"), ("UTF-16",)),
        (gzip.compress(HEADER, mtime=0), (".gz",)),
    ],
)
def test_texts_that_are_refused(tmp_path: Path, content: bytes, words: tuple[str, ...]) -> None:
    (tmp_path / "t.csv").write_bytes(content)
    ended = saibench(tmp_path, "import", "t.csv", "-o", "study")
    assert ended.status == 2, ended.out
    assert len(ended.err.strip().splitlines()) == 1
    for word in ("t.csv", *words):
        assert word in ended.err, ended.err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["t.csv"]


def test_a_truncated_archive(tmp_path: Path) -> None:
    (tmp_path / "t.csv.gz").write_bytes(gzip.compress(HEADER + b"1,1,2,0\n")[:-9])
    ended = saibench(tmp_path, "import", "t.csv.gz", "-o", "study")
    assert (ended.status, "t.csv.gz" in ended.err) == (2, True)


def test_a_layout_of_a_file_without_text(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="decimal=,"):
        from_dataframe(polars.DataFrame({"y_true": [1.0]}), tmp_path / "s", {"decimal": ","})


def table_of_models(truth_of_b: float, ids_of_b: str = "12") -> bytes:
    rows = ["1,A,0.1,1,0", "2,A,2,1,0", *(f"{one},B,{truth_of_b},1,0" for one in ids_of_b)]
    return ("id,model,y_true,y_pred,x\n" + "\n".join(rows)).encode()


def test_models_with_different_truths(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes(table_of_models(0.3, "1"))
    ended = saibench(tmp_path, "import", "t.csv", "-o", "study")
    assert ended.status == 2
    for word in ("'y_true'", "sample 1", "0.1 of model=A", "0.3 of model=B", "rows", "t.csv"):
        assert word.removesuffix("s") in ended.err, ended.err
    assert not (tmp_path / "study").exists()


def test_models_of_different_samples_are_counted(tmp_path: Path) -> None:
    """A truth that one model has in float32 is the same truth."""
    (tmp_path / "t.csv").write_bytes(table_of_models(float(np.float32(0.1)), "13"))
    ended = saibench(tmp_path, "import", "t.csv", "--dry-run")
    assert ended.status == 0, ended.err
    assert "2 of A, 2 of B; 1 common" in ended.out
