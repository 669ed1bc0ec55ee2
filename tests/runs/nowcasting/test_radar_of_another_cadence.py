"""Cadence, number of frames and pixel size come from the data, and so do labels."""

from __future__ import annotations

import json
import re
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest
import torch
from command_line import QUIET, Ended, train
from radar_source import Radar, Sited

from saibench.datamodules.nowcasting.event import RainFrames, frames_of
from saibench.datamodules.nowcasting.near_duplicates import compared, event_similarity
from saibench.errors import UserError
from saibench.evidence.metrics import located
from saibench.evidence.nowcasting.saved_events import SavedEvents
from saibench.evidence.run_record import FILE, read_metrics, write_record
from saibench.models.nowcasting.module import NowcastingModule
from saibench.models.nowcasting.nowcastnet import NowcastNetModule
from saibench.runs.training import check_data

CADENCES = {
    "6 minutes": Radar(minutes_per_frame=6, input_frames=5, target_frames=12, pixel_km=1.0),
    "5 minutes of 2 km": Radar(minutes_per_frame=5, input_frames=4, target_frames=15, pixel_km=2.0),
    "7 minutes, none at an hour": Radar(minutes_per_frame=7, target_frames=9),
}


def trained(folder: Path, radar: Radar, *more: str) -> Ended:
    own = folder / "own"
    (own / "data").mkdir(parents=True, exist_ok=True)
    options = [f"{name}: {value!r}" for name, value in vars(radar).items()]
    text = "\n".join([f"_target_: radar_source.{type(radar).__name__}", *options])
    (own / "data" / "radar.yaml").write_text(text)
    command = (f"--config-dir={own}", "workload=nowcasting", "data=radar", "model=persistence")
    return train(folder, *command, *QUIET, *more)


@pytest.mark.parametrize("radar", CADENCES.values(), ids=CADENCES)
def test_leads_and_displacements_are_in_the_units_of_the_data(radar: Radar, tmp_path: Path) -> None:
    ended = trained(tmp_path, radar)
    assert ended.status == 0, ended
    (point,) = (record.parent for record in tmp_path.glob("outputs/*/*/run.json"))
    rows = pl.read_parquet(point / "by_lead.parquet")
    minutes = int(radar.minutes_per_frame)
    leads = [minutes * (frame + 1) for frame in range(radar.target_frames)]
    assert rows["lead"].unique().sort().to_list() == leads

    event = radar.load(tmp_path).read(int(rows["sample_id"][0])).rate.astype(float)
    last = event[radar.input_frames - 1]
    own = rows.filter(sample_id=rows["sample_id"][0]).sort("lead")
    for frame in (0, len(leads) - 1):
        target = event[radar.input_frames + frame]
        assert own["mae"][frame] == pytest.approx(np.abs(target - last).mean(), rel=1e-5)
    x = np.arange(last.shape[1])
    moved = [(f * x).sum() / f.sum() for f in (event[radar.input_frames], last)]
    expected = radar.pixel_km * abs(moved[0] - moved[1])
    assert own["displacement"][0] == pytest.approx(expected, rel=1e-3)

    metrics = read_metrics(point)
    nearest = min(leads, key=lambda lead: abs(lead - 60))
    assert located([metrics], "mae_60", "held_out") == ("held_out", f"mae_{nearest}")
    assert (f"mae_{nearest}" in metrics["held_out"]) and ("mae_36" in metrics["held_out"]) == (
        36 in leads
    )
    samples = pl.read_parquet(point / "samples.parquet")
    slopes = samples["observed_trend"].to_numpy()
    means = event[: radar.input_frames].mean(axis=(1, 2))
    hours = np.arange(radar.input_frames) * minutes / 60
    np.testing.assert_allclose(slopes[0], np.polyfit(hours, means, 1)[0], rtol=1e-4)
    fields = SavedEvents.read(point / SavedEvents.FILE)
    assert fields.frame_minutes == minutes
    assert fields.observed.shape[1] == radar.input_frames
    page = (point.parent / "report.html").read_text()
    assert f"{minutes} minutes per frame" in page
    assert f"mae_{nearest}" in page


@pytest.mark.parametrize(
    ("fault", "pattern"),
    [
        ("undetect", r"event 3: .*\(-99 mm/h\) in 32 pixels of frame 7 "),
        ("fill", r"\(65535 mm/h\) in 32 pixels of frame 7 \(at \+18 min\) and in 1 of 17"),
        ("undefined", r"event 3: .*\(nan mm/h\) in 1 pixels of frame 2 "),
        ("short", r"event 3: .*\(16, 32, 32\).*\(17, 32, 32\)"),
    ],
)
def test_invalid_rates_are_named_by_event_frame_and_time(
    fault: str, pattern: str, tmp_path: Path
) -> None:
    ended = trained(tmp_path, Radar(fault=fault))
    assert ended.status == 2
    assert re.search(pattern, ended.err), ended.err


@pytest.mark.parametrize(("fault", "expected"), [("unseen", ["held_out"]), ("", [])])
def test_partition_without_observed_pixels_is_warned_about(
    fault: str, expected: list[str], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ended = trained(tmp_path, Radar(fault=fault), "test=[held_out, all_events]")
    assert ended.status == 0, ended
    (path,) = tmp_path.glob("outputs/*/*/metrics.json")
    empty = [
        name
        for name, metrics in json.loads(path.read_text()).items()
        if not any(entry["count"] for entry in metrics.values())
    ]
    named = [re.search(r"partition '(\w+)'", line) for line in caplog.messages]
    assert empty == expected == [found[1] for found in named if found]


def test_folder_of_a_source_without_a_hash_is_part_of_the_run(tmp_path: Path) -> None:
    for root in ("north", "south"):
        ended = trained(tmp_path, Sited(root=root))
        assert ended.status == 0, ended
    records = [json.loads(path.read_text()) for path in tmp_path.glob("outputs/*/*/run.json")]
    assert len({record["data"]["hash"] for record in records}) == 2


def test_hashes_of_changed_data_differ_in_the_message(tmp_path: Path) -> None:
    north, south = (str(Sited(root=root)) for root in ("north", "south"))
    write_record(tmp_path / FILE, {"point": "", "settings": {}, "data": {"hash": north}})
    data = SimpleNamespace(data_hash=lambda: south)
    with pytest.raises(UserError, match="data have changed") as refused:
        check_data(tmp_path, data)
    before, after = re.findall(r"(?:hash|now) (\w+)", str(refused.value))
    assert before != after


def test_similarity_uses_the_available_frames(tmp_path: Path) -> None:
    radar = Radar()
    similarity = event_similarity(radar.load(tmp_path), frames_of(radar))
    assert similarity.vectors(np.array([0, 1])).shape == (2, 4 * 16 * 16)
    assert compared(frames_of(radar)) == [0, 4, 11, 16]


def test_frames_are_whole_numbers() -> None:
    assert frames_of(Radar(minutes_per_frame=6.0)) == RainFrames(5, 12, 6)
    assert frames_of(object()) == RainFrames(9, 20, 10)
    with pytest.raises(UserError, match="minutes_per_frame"):
        frames_of(Radar(minutes_per_frame=2.5))


def test_nets_use_frames_and_cadence_of_the_data() -> None:
    dataset_info = {
        "pixel_km": 1.0,
        "has_truth": False,
        "observed": 5,
        "leads": 12,
        "frame_minutes": 6,
    }
    adam = {"_target_": "torch.optim.Adam", "lr": 1e-3}
    net = {"_target_": "saibench.models.nowcasting.nets.nowcastnet.NowcastNet", "base_channels": 8}
    module = NowcastNetModule(
        net, dataset_info, "narrow", evolution_steps=1, total_steps=2, evolution_optimizer=adam,
        generator_optimizer=adam, discriminator_optimizer=adam, discriminator_channels=8,
    )  # fmt: skip
    assert module.net(torch.rand(1, 5, 64, 64)).shape == (1, 12, 64, 64)
    assert module.discriminator.horizon == 17
    assert "mae_36" in {name for s in module.statistics() for name in s.metrics}
    steps = {"_target_": "saibench.models.nowcasting.nets.baselines.Persistence", "leads": 3}
    given = NowcastingModule(steps, dataset_info, "set", steps=0)
    assert given.net.leads == 3, "settings of a config are kept"
