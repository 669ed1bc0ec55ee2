"""A complete run whose data have moved to another folder."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from command_line import QUIET, TINY, TRAJECTORY, Ended, evaluate, only_point, saibench, train
from omegaconf import OmegaConf

from saibench.analysis.trusted_range import TrustedRange
from saibench.analysis.trusted_range.records import Quantity

pytestmark = pytest.mark.usefixtures("without_page")
SETTINGS = [setting for setting in TINY if setting not in TRAJECTORY]
FRAMES = 200


def write(root: Path, seed: int) -> Path:
    """Write a file in rMD17's format: four atoms with small displacements."""
    root.mkdir()
    random = np.random.default_rng(seed)
    places = np.array([[0, 0, 0], [1.2, 0, 0], [0, 1, 0], [0, 0, 1]])
    np.savez(
        root / "rmd17_aspirin.npz",
        nuclear_charges=np.array([6, 8, 1, 1], dtype=np.uint8),
        coords=places + random.normal(scale=0.05, size=(FRAMES, 4, 3)),
        energies=random.normal(-4e5, 5, FRAMES),
        forces=random.normal(size=(FRAMES, 4, 3)),
        old_indices=np.arange(FRAMES),
    )
    return root


def run(folder: Path, root: Path) -> Ended:
    return train(folder, *SETTINGS, "data=rmd17", "data.molecule=aspirin", f"data.root={root}")


def test_moved_data_are_read_from_the_new_folder(tmp_path: Path) -> None:
    before = write(tmp_path / "before", seed=0)
    assert run(tmp_path, before).status == 0
    now = Path(shutil.move(before, tmp_path / "now"))
    ended = run(tmp_path, now)
    assert ended.status == 0, ended
    frozen = OmegaConf.load(only_point(tmp_path) / "config.yaml")
    assert frozen.data.root == frozen.datamodule.source.root == str(now)
    assert frozen.trainer.max_steps == 4, "other settings are unchanged"


def test_other_data_make_another_run(tmp_path: Path) -> None:
    one = write(tmp_path / "one", seed=0)
    assert run(tmp_path, one).status == 0
    first = only_point(tmp_path)
    before = (first / "config.yaml").read_text()
    ended = run(tmp_path, write(tmp_path / "other", seed=1))
    assert ended.status == 0, ended
    assert first.name in ended.out and "the data differ" in ended.out
    assert (first / "config.yaml").read_text() == before
    records = [json.loads(path.read_text()) for path in tmp_path.glob("outputs/*/*/run.json")]
    assert [record["state"] for record in records] == ["complete", "complete"]
    assert len({record["data"]["hash"] for record in records}) == 2
    assert len({record["settings_hash"] for record in records}) == 1


def test_evaluation_refuses_data_that_changed_in_place(tmp_path: Path) -> None:
    root = write(tmp_path / "data", seed=0)
    assert run(tmp_path, root).status == 0
    shutil.rmtree(root)
    write(root, seed=1)
    ended = evaluate(tmp_path, f"run={only_point(tmp_path)}", "test=[whole_trajectory]", *QUIET)
    assert ended.status == 2
    assert ended.err.startswith("the data have changed since")


def saved_range(file: Path) -> Path:
    """Save a trusted range for aspirin, fitted to synthetic errors."""
    similarity = np.linspace(0.9, 1, FRAMES)
    error = np.random.default_rng(0).uniform(1, 2, FRAMES)
    trusted = TrustedRange.fit(
        similarity,
        error,
        np.arange(FRAMES),
        names=["soap_similarity"],
        statistic=Quantity("force_mae", "meV/Å", "component"),
    )
    return trusted.save(file)


def test_run_is_evaluated_audited_and_guarded_with_moved_data(tmp_path: Path) -> None:
    before = write(tmp_path / "before", seed=0)
    assert run(tmp_path, before).status == 0
    point = only_point(tmp_path)
    now = shutil.move(before, tmp_path / "now")
    other = write(tmp_path / "other", seed=1)
    tested = (f"run={point}", "test=[whole_trajectory]", *QUIET)
    commands = [
        ("audit", str(point)),
        ("guard", str(point), "--range", str(saved_range(tmp_path / "range")), "--steps", "4"),
    ]
    for ended in (
        evaluate(tmp_path, *tested),
        *(saibench(tmp_path, *given) for given in commands),
    ):
        assert ended.status == 2 and "data.root" in ended.err and "--data-root" in ended.err
    for ended in (saibench(tmp_path, *given, "--data-root", str(other)) for given in commands):
        assert ended.status == 2 and ended.err.startswith("the data have changed since"), ended
    assert not (point / "guard").exists()
    for ended in (
        evaluate(tmp_path, *tested, f"data.root={now}"),
        *(saibench(tmp_path, *given, "--data-root", str(now)) for given in commands),
    ):
        assert ended.status == 0, ended
    assert (point / "guard" / "dynamics.csv").is_file()
    assert only_point(tmp_path) == point


def test_data_root_of_simulated_data_is_refused(tmp_path: Path) -> None:
    assert train(tmp_path, *TINY, "trainer.max_steps=1").status == 0
    ended = evaluate(tmp_path, f"run={only_point(tmp_path)}", *QUIET, f"data.root={tmp_path}")
    assert ended.status == 2 and "data.root" in ended.err


def test_data_refused_by_their_reader_leave_no_folder(tmp_path: Path) -> None:
    root = write(tmp_path / "data", seed=0)
    with np.load(root / "rmd17_aspirin.npz") as file:
        arrays = dict(file)
    arrays["forces"][7] = np.nan
    np.savez(root / "rmd17_aspirin.npz", **arrays)
    ended = run(tmp_path, root)
    assert ended.status == 2 and "forces" in ended.err
    assert not (tmp_path / "outputs").exists()
