"""Models that are not trained here, and the ids of their training samples."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars
import pytest
from command_line import QUIET, TRAJECTORY, no_page, only_point, saibench, train

from saibench.datamodules.seen_ids import seen_ids
from saibench.errors import UserError
from saibench.evidence.run_record import read_record

OUTSIDE = """
from saibench.evidence.statistic import Statistic
from saibench.models.base import BenchmarkModule


class Outside(BenchmarkModule):
    trains = False

    def __init__(self, dataset_info):
        super().__init__()
        self.save_hyperparameters()

    def statistics(self):
        return [Statistic("force_mae", "meV/Å", "component", "", summaries={"force_mae": "mean"})]

    def test_step(self, batch, batch_idx):
        return {"force_mae": 1000 * batch.forces.abs().mean((1, 2))}
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("outside")
    (folder / "outside_model.py").write_text(OUTSIDE)
    (folder / "model").mkdir()
    (folder / "model" / "outside.yaml").write_text("_target_: outside_model.Outside\n")
    yield folder
    sys.path[:] = [path for path in sys.path if path != str(folder)]
    sys.modules.pop("outside_model", None)


def outside_run(project: Path, folder: Path, *more: str) -> Path:
    with no_page():
        ended = train(
            folder,
            f"--config-dir={project}",
            "model=outside",
            "test=[last_tenth]",
            *TRAJECTORY,
            *QUIET,
            *more,
        )
    assert ended.status == 0, ended
    return only_point(folder)


def seen_in(point: Path) -> list[int]:
    samples = polars.read_parquet(point / "samples.parquet")
    return sorted(samples.filter("seen_in_training")["sample_id"])


def test_outside_model_has_no_training_partition(project: Path, tmp_path: Path) -> None:
    """The default of 500 frames, more than the 270 available, is not drawn."""
    point = outside_run(project, tmp_path)
    record = read_record(point)
    counts = {name: part["count"] for name, part in record["partitions"].items()}
    assert counts == {"train": 0, "validation": 0, "last_tenth": 30}
    assert record["settings"]["subset.count"] is None and "count" not in point.name
    assert seen_in(point) == []
    samples = polars.read_parquet(point / "samples.parquet")
    assert samples["soap_distance"].is_nan().all(), "there are no training samples"

    own = ("--config-dir", str(project))
    audit = saibench(tmp_path, "audit", str(point), *own)
    assert audit.status == 2 and "--seen" in audit.err
    (tmp_path / "ids.csv").write_text("molecule,sample_id\\na,275\\na,12\\n".replace("\\n", "\n"))
    audit = saibench(tmp_path, "audit", str(point), *own, "--seen", "ids.csv")
    assert audit.status == 0 and "among the 2 samples" in audit.out, audit


def test_given_ids_are_the_training_partition_of_a_model(project: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "ids.npy", np.arange(275, 290))
    point = outside_run(project, tmp_path, "seen=ids.npy")
    (tmp_path / "ids.npy").unlink()
    record = read_record(point)
    assert record["seen_elsewhere"]["count"] == 15
    assert seen_in(point) == list(range(275, 290))
    samples = polars.read_parquet(point / "samples.parquet").sort("sample_id")
    assert samples["soap_distance"].is_not_nan().all()
    audit = saibench(tmp_path, "audit", str(point), "--config-dir", str(project))
    assert "15 of them" in audit.out and "among the 15 samples" in audit.out, audit


@pytest.mark.parametrize(
    ("name", "text"),
    [("a.txt", "3\n1\n3\n"), ("a.json", "[3, 1]"), ("a.csv", "id\n1\n3\n")],
)
def test_files_of_ids(name: str, text: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text)
    assert seen_ids(str(tmp_path / name)).tolist() == [1, 3]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        *(("a.txt", "1.5\n"), ("a.json", "{"), ("a.json", '{"a": 1}'), ("a.csv", "a,b\n1,2\n")),
        *(("a.json", 200_000 * "["), ("a.json", "[" + 5000 * "9" + "]")),
        *(("a.npy", "no array"), ("a.dat", "1"), ("a.json", "[]"), ("a.json", "[0.5]")),
    ],
)
def test_files_without_valid_ids_are_named(name: str, text: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(UserError, match=name):
        seen_ids(str(tmp_path / name))


def test_line_without_a_valid_id_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("3\n1\nb\n")
    with pytest.raises(UserError, match=r"a\.txt.*line 3.*'b'"):
        seen_ids(str(tmp_path / "a.txt"))


def test_header_that_claims_too_many_ids_is_refused(tmp_path: Path) -> None:
    """80 TB, which numpy.load would allocate."""
    with (tmp_path / "a.npy").open("wb") as file:
        header = {"shape": (10**13,), "fortran_order": False, "descr": "<i8"}
        np.lib.format.write_array_header_1_0(file, header)
        file.write(bytes(80))
    with pytest.raises(UserError, match=r"a\.npy"):
        seen_ids(str(tmp_path / "a.npy"))
