"""Invalid rain models are refused before any rain is simulated."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pytest
import torch
from command_line import QUIET, evaluate, only_point, train

from saibench.evidence.run_record import read_record
from saibench.models.nowcasting.nets.nowcastnet import NowcastNet

pytestmark = pytest.mark.usefixtures("without_page")
RAIN = (
    *QUIET,
    *("workload=nowcasting", "workload.figures=[]", "workload.findings=[]"),
    *("data.events=75", "subset.count=9", "datamodule.batch_size=2"),
)


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    path = tmp_path / "weights.ckpt"
    torch.save(NowcastNet(base_channels=8, seed=5).state_dict(), path)
    return path


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder of the command, with its cache."""
    folder = tmp_path / "place"
    folder.mkdir()
    monkeypatch.setenv("SAIBENCH_CACHE_DIR", str(folder / "cache"))
    return folder


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["model.net.base_channels=0"], "base_channels=0"),
        (["model=extrapolation", "model.net.motion=proesman"], "'proesmans' or 'vet'"),
        (["model=steps", "model.net.members=0"], "model.net.members=0"),
        (["model=persistence", "workload.headline=[mae_61]"], "mae_61"),
        (["trainer=none"], "model=nowcastnet_narrow"),
        (["model=displacement_demo", "model.shifts=[0, 4, 4]"], "model.shifts=[0, 4, 4]"),
    ],
)
def test_invalid_models(arguments: list[str], named: str, place: Path) -> None:
    ended = train(place, *RAIN, *arguments)
    assert ended.status == 2 and named in ended.err
    assert not list(place.iterdir())


def test_weights_of_another_width(weights: Path, place: Path) -> None:
    other = ("trainer=none", f"model.checkpoint={weights}", "model.net.base_channels=16")
    ended = train(place, *RAIN, *other)
    assert ended.status == 2
    assert re.search(r"evo_net\.inc\S+", ended.err)
    assert not list(place.iterdir())


def test_weights_are_copied_and_their_hash_recorded(weights: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    few = ("data.events=10", "trainer=none", "model.checkpoint=../weights.ckpt")
    ended = train(folder, *RAIN, *few)
    assert ended.status == 0, ended
    point = only_point(folder)
    digest = hashlib.sha256(weights.read_bytes()).hexdigest()
    assert read_record(point)["weights"] == f"sha256:{digest}"
    trained = torch.load(point / "best.ckpt", weights_only=True)["state_dict"]
    own = torch.load(weights, weights_only=True)
    assert all(torch.equal(trained[f"net.{name}"], value) for name, value in own.items())

    (kept,) = (point / "inputs").iterdir()
    assert kept.read_bytes() == weights.read_bytes()
    assert kept.stat().st_ino != weights.stat().st_ino, "the user may overwrite the original"
    weights.unlink()
    for arguments in ("test=[held_out]", "test=[all_events]"):
        again = evaluate(point, f"run={point}", arguments, *QUIET)
        assert again.status == 0, again
    kept.write_bytes(b"other")
    damaged = evaluate(point, f"run={point}", "test=[held_out]", *QUIET)
    assert damaged.status == 2 and kept.name in damaged.err
