"""Nowcasting runs: baselines, the two stages of NowcastNet, repeated draws."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars
import pytest
import torch
from command_line import QUIET, REPOSITORY, evaluate, no_page, only_point, train

from saibench.datamodules.nowcasting.simulated import SimulatedRain
from saibench.evidence.nowcasting.saved_events import SavedEvents
from saibench.evidence.run_record import read_metrics, read_record

pytestmark = [pytest.mark.usefixtures("without_page"), pytest.mark.slow]
RAIN = (
    *QUIET,
    *("workload=nowcasting", "workload.figures=[]", "workload.findings=[]"),
    *("data.events=40", "subset.count=9", "datamodule.batch_size=2"),
)
NET = (
    *RAIN,
    *("model=nowcastnet_narrow", "trainer.val_every=2"),
    *("model.net.base_channels=8", "model.discriminator_channels=4"),
    "+trainer.callbacks.interruption._target_=interruptions.Interruption",
)
EVOLUTION = (*NET, "model.evolution_only=true")
FEW = (
    "+partitions.few.samplers=[{_target_: saibench.datamodules.samplers.Tail, "
    "by: sample_id, size: 0.075}]"
)
"""The last 3 of 40 events."""
BOTH = (*NET, "trainer.max_steps=4", "model.evolution_steps=2")
SIMULATED = SimulatedRain(events=40)


def trained(folder: Path, *arguments: str) -> Path:
    ended = train(folder, *arguments)
    assert ended.status == 0, ended
    return only_point(folder)


def weights(point: Path) -> dict[str, torch.Tensor]:
    return torch.load(point / "last.ckpt", weights_only=True)["state_dict"]


@pytest.fixture(scope="module", autouse=True)
def short_validation() -> Iterator[None]:
    """Predict 4 events instead of 50, which would take most of the time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("saibench.datamodules.partition.MIN_VALIDATION", 4)
        yield


@pytest.fixture(scope="module")
def two_stages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("stages")
    with no_page():
        return trained(folder, *BOTH)


def test_persistence_has_the_error_computed_with_numpy(tmp_path: Path) -> None:
    point = trained(tmp_path, *RAIN, "model=persistence")
    metrics = read_metrics(point)["held_out"]
    rates = [SIMULATED.event(number).rate for number in range(32, 40)]
    errors = [np.abs(rate[8].clip(0, 128) - rate[14].clip(0, 128)).mean() for rate in rates]
    assert metrics["mae_60"]["count"] == 8
    assert metrics["mae_60"]["value"] == pytest.approx(np.mean(errors), rel=1e-3)
    by_lead = polars.read_parquet(point / "by_lead.parquet")
    assert by_lead.height == 8 * 20
    assert by_lead["lead"].unique().sort().to_list() == list(range(10, 201, 10))


def test_each_stage_trains_its_own_networks(two_stages: Path, tmp_path: Path) -> None:
    first = weights(trained(tmp_path, *EVOLUTION, "trainer.max_steps=2"))
    both = weights(two_stages)
    fresh = {name: first[name] for name in first if name.startswith("net.gen_")}
    assert any(not torch.equal(both[name], value) for name, value in fresh.items())
    for name, value in first.items():
        if name.startswith("net.evo_net."):
            torch.testing.assert_close(both[name], value, rtol=1e-5, atol=1e-7, msg=name)


def test_resumed_training_equals_uninterrupted(
    two_stages: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stop within the second stage, whose noise depends on step and event."""
    monkeypatch.setenv("INTERRUPTION", "raise@4")  # after 2 steps with one optimizer, 1 with two
    assert train(tmp_path, *BOTH).status == 1
    assert torch.load(only_point(tmp_path) / "last.ckpt", weights_only=True)["global_step"] == 2
    monkeypatch.delenv("INTERRUPTION")
    resumed = weights(trained(tmp_path, *BOTH))
    for name, value in weights(two_stages).items():
        torch.testing.assert_close(resumed[name], value, rtol=1e-5, atol=1e-7, msg=name)


def test_two_devices_train_both_stages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Batch normalisation uses the events of its rank, so weights differ from one device."""
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY / "tests"), prepend=os.pathsep)
    whole = ("data.events=75", "trainer.val_every=4")  # ranks validate on 50 events
    point = trained(tmp_path, *BOTH, *whole, "trainer.devices=2")
    record = read_record(point)
    assert record["state"] == "complete" and record["steps"] == 4
    assert polars.read_parquet(point / "samples.parquet").height == 15


def test_training_in_bfloat16_gives_finite_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One step per stage and few events: bfloat16 convolutions are slow on many CPUs."""
    monkeypatch.setattr("saibench.datamodules.partition.MIN_VALIDATION", 1)
    steps = ("trainer.max_steps=2", "model.evolution_steps=1", "datamodule.batch_size=1")
    last = ("partitions.few.samplers.0.size=0.025", "test=[few]")
    half = ("trainer.precision=bf16-mixed", FEW, *last)
    point = trained(tmp_path, *NET, *steps, *half)
    assert polars.read_parquet(point / "samples.parquet").height == 1
    assert all(value.isfinite().all() for value in weights(point).values())


def test_rainiest_events_are_saved_with_their_predictions(two_stages: Path) -> None:
    kept = SavedEvents.read(two_stages / SavedEvents.FILE)
    rates = {number: SIMULATED.event(number).rate.clip(0, 128) for number in range(32, 40)}
    rainiest = sorted(rates, key=lambda number: -rates[number][:9].mean())[:2]
    assert set(kept.sample_id.tolist()) == set(rainiest)
    by_lead = polars.read_parquet(two_stages / "by_lead.parquet")
    for number, event in enumerate(kept.sample_id.tolist()):
        np.testing.assert_allclose(kept.observed[number], rates[event][:9], rtol=1e-3, atol=1e-6)
        np.testing.assert_allclose(kept.target[number], rates[event][9:], rtol=1e-3, atol=1e-6)
        errors = np.abs(kept.predicted[number].clip(0) - kept.target[number].astype(float))
        scored = by_lead.filter(sample_id=event).sort("lead")["mae"]
        np.testing.assert_allclose(errors.mean(axis=(1, 2)), scored, rtol=0.01)
    assert kept.motion is not None and kept.motion.shape == (2, 20, 2, 64, 64)


def test_save_samples_selects_events(tmp_path: Path) -> None:
    point = trained(tmp_path, *RAIN, "model=persistence")
    assert evaluate(tmp_path, f"run={point}", "save_samples=[33]", *QUIET).status == 0
    assert SavedEvents.read(point / SavedEvents.FILE).sample_id.tolist() == [33]
    assert trained(tmp_path, *RAIN, "model=persistence", "save_samples=[34, 32]") == point
    assert SavedEvents.read(point / SavedEvents.FILE).sample_id.tolist() == [34, 32]
    unknown = evaluate(tmp_path, f"run={point}", "save_samples=[3]", *QUIET)
    assert unknown.status == 2 and "sample 3 " in unknown.err


def test_baseline_needs_no_training_events(tmp_path: Path, data_dir: Path) -> None:
    point = trained(
        tmp_path,
        *RAIN[: len(QUIET) + 3],
        *("data=mrms", f"data.root={data_dir / 'mrms'}", "data.events=2"),
        *("model=persistence", "test=[all_events]"),
    )
    record = read_record(point)
    assert record["partitions"]["all_events"]["count"] == 2
    assert record["partitions"]["train"]["count"] == 0
    assert SavedEvents.read(point / SavedEvents.FILE).predicted.shape == (2, 20, 256, 256)


def test_repeated_draws_write_a_table_of_draws(two_stages: Path) -> None:
    folder = two_stages.parents[2]
    draws = "{_target_: saibench.datamodules.nowcasting.draws.RepeatedDraws, count: 3}"
    callback = "--trust-module=interruptions"  # of the run's training
    few = (FEW, f"+partitions.few.transform={draws}")
    ended = evaluate(folder, callback, f"run={two_stages}", *few, *QUIET)
    assert ended.status == 0, ended
    draws = polars.read_parquet(two_stages / "by_draw.parquet")
    assert draws.height == 3 * 3 * 20
    spread = draws.group_by("sample_id", "lead").agg(polars.col("mae").std())
    assert (spread["mae"] > 0).mean() > 0.5
    single = polars.read_parquet(two_stages / "by_lead.parquet").filter(partition="held_out")
    first = draws.filter(number=0).join(single, on=["sample_id", "lead"], suffix="_single")
    np.testing.assert_allclose(first["mae"], first["mae_single"], rtol=1e-5)


def test_weights_may_come_from_a_file(two_stages: Path, tmp_path: Path) -> None:
    untrained = ("trainer=none", f"model.checkpoint={two_stages / 'best.ckpt'}")
    point = trained(tmp_path, *NET, *untrained)
    one, two = (read_metrics(folder) for folder in (two_stages, point))
    assert two["held_out"]["mae_60"]["value"] == pytest.approx(one["held_out"]["mae_60"]["value"])


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["model.checkpoint=nowhere.ckpt"], "model.checkpoint=nowhere.ckpt"),
        (["trainer.max_steps=4", "model.evolution_steps=4"], "model.evolution_steps=4"),
        (["data.size=50"], "data.size=50"),
        (["datamodule.crop=40"], "datamodule.crop=40"),
    ],
)
def test_mistakes_are_refused_before_anything_is_written(
    arguments: list[str], named: str, tmp_path: Path
) -> None:
    ended = train(tmp_path, *NET, *arguments)
    assert ended.status == 2 and named in ended.err
    assert not list(tmp_path.iterdir())
