"""A forecast is tested on a series of radar files, of another cadence than the shipped data."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars
import pytest
from command_line import QUIET, only_point, train
from rain_files import showers, times, write_odim

from saibench.evidence.run_record import read_metrics, read_record

pytestmark = [pytest.mark.usefixtures("without_page"), pytest.mark.slow]
FRAMES = 100
SETTINGS = (
    *QUIET,
    *("workload=nowcasting", "workload.figures=[]", "workload.findings=[]"),
    *("data=rain_series", "model=persistence", "data.input_frames=2", "data.target_frames=3"),
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A quarter of an hour between 100 frames: 20 events, of which the last 4 are tested."""
    pytest.importorskip("h5py")
    (tmp_path / "radar").mkdir()
    for number, time in enumerate(times(FRAMES, 15)):
        counts = np.round(showers(1, seed=number)[0] * 100).astype(np.uint16)
        write_odim(tmp_path / "radar" / f"{number:03d}.h5", counts, time)
    return tmp_path


def test_persistence_has_the_error_computed_with_numpy(folder: Path) -> None:
    ended = train(folder, *SETTINGS, f"data.root={folder}", "data.files=[radar/*.h5]")
    assert ended.status == 0, ended.err
    point = only_point(folder)
    rate = [showers(1, seed=number)[0] for number in range(FRAMES)]
    errors = [np.abs(rate[first + 1] - rate[first + 4]).mean() for first in (80, 85, 90, 95)]
    found = read_metrics(point)["held_out"]["mae_45"]
    assert found["count"] == 4
    assert found["value"] == pytest.approx(np.mean(errors), rel=1e-5)
    samples = polars.read_parquet(point / "samples.parquet")
    assert samples["sample_id"].to_list() == [80, 85, 90, 95]
    assert samples["issued"][0] == "2020-06-01 20:15:00"
    record = read_record(point)
    assert record["blocks"] == {"kind": "time", "column": "time", "strata": None}
    assert "'RATE' in mm/h" in json.dumps(record)


def test_a_faulty_frame_is_refused_with_nothing_written(folder: Path) -> None:
    time = times(FRAMES, 15)[42]
    write_odim(folder / "radar" / "042.h5", np.ones((32, 32), np.uint16), time, offset=-1.0)
    ended = train(folder, *SETTINGS, f"data.root={folder}", "data.files=[radar/*.h5]")
    assert ended.status != 0
    assert "042.h5" in ended.err and "10:30:00" in ended.err and "1,024 pixels" in ended.err
