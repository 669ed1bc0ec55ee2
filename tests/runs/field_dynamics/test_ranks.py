"""Trainings on two devices, killed and resumed, equal those of one device without interruption."""

from __future__ import annotations

import os
from pathlib import Path

import polars as pl
import polars.testing
import pytest
import torch
from command_line import QUIET, REPOSITORY, train

from saibench.evidence.run_record import read_metrics, read_record

pytestmark = [pytest.mark.usefixtures("without_page"), pytest.mark.slow]
SMALL = (
    *("workload=field_dynamics", "data.trajectories=60", "data.frames=21", "data.points=32"),
    *("data.length=22", "data.transient=20", "datamodule.leads=4", "datamodule.batch_size=5"),
    *("trainer.max_steps=8", "trainer.val_every=4", *QUIET),
    "+trainer.callbacks.interruption._target_=interruptions.Interruption",
)
MODELS = {
    "fno": ("model=fno_small", "model.net.width=8", "model.net.layers=1", "model.net.modes=4"),
    "linear": ("model=field_linear",),
}


@pytest.mark.parametrize("name", MODELS)
def test_killed_on_two_devices_and_resumed_equals_uninterrupted_on_one(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if name == "fno":
        pytest.importorskip("neuralop")
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY / "tests"), prepend=os.pathsep)
    settings = (*SMALL, *MODELS[name])
    one, two = tmp_path / "one", tmp_path / "two"
    one.mkdir()
    two.mkdir()
    assert train(one, *settings).status == 0

    monkeypatch.setenv("INTERRUPTION", "kill@6")
    assert train(two, *settings, "trainer.devices=2").status == 1
    (record,) = two.glob("outputs/*/*/run.json")
    assert torch.load(record.parent / "last.ckpt", weights_only=True)["global_step"] == 4
    monkeypatch.delenv("INTERRUPTION")
    resumed = train(two, *settings, "trainer.devices=2")
    assert resumed.status == 0, resumed

    (expected,) = (path.parent for path in one.glob("outputs/*/*/run.json"))
    found = record.parent
    assert found.name == expected.name
    assert read_record(found)["steps"] == 8
    weights = [torch.load(p / "last.ckpt", weights_only=True)["state_dict"]
               for p in (found, expected)]  # fmt: skip
    # gradients and sums of two ranks differ by the order of additions: of 5 samples in single
    # precision, which eight steps of Adam carry on, or in double precision
    precision = {"rtol": 1e-4, "atol": 1e-5} if name == "fno" else {"rtol": 1e-9, "atol": 1e-9}
    torch.testing.assert_close(*weights, **precision)
    metrics, alone = (read_metrics(p)["held_out"] for p in (found, expected))
    assert metrics.keys() == alone.keys()
    for key, entry in alone.items():
        assert metrics[key]["count"] == entry["count"], key
    tables = [pl.read_parquet(p / "samples.parquet").sort("sample_id") for p in (found, expected)]
    errors = [table.select("sample_id", "relative_l2", "vrmse", "valid_time") for table in tables]
    polars.testing.assert_frame_equal(*errors, rel_tol=1e-3, abs_tol=1e-6)
