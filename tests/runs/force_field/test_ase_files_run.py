"""A run on extended XYZ files, of which one has energies alone."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest
from command_line import QUIET, no_page, only_point, train
from molecule_files import water_frames, write_frames

WHERE = "{_target_: saibench.datamodules.samplers.Where, by: file, equals: %s}"
PATH, HOT = (f"{{samplers: [{WHERE % name}]}}" for name in ("path", "hot"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("water")
    write_frames(folder / "cold.xyz", water_frames(120, 0.03, seed=120))
    write_frames(folder / "hot.xyz", water_frames(30, 0.06, seed=30))
    write_frames(folder / "path.xyz", water_frames(60, 0.05, seed=60, forces=False))
    return folder


def settings(folder: Path, training: str) -> list[str]:
    return [
        *("data=extxyz", "data.files=[cold.xyz,hot.xyz,path.xyz]", f"data.root={folder}"),
        f"datamodule.training={WHERE % training}",
        *(f"+partitions.hot={HOT}", f"+partitions.path={PATH}"),
        *("held_out=hot", "test=[hot,path]", "subset.count=20"),
        *("model=cartesian", "model.net.num_features=8", "model.net.num_layers=1"),
        *("trainer.max_steps=4", "trainer.val_every=2"),
        *QUIET,
    ]


def test_frames_without_forces_are_tested_on_energies(folder: Path, tmp_path: Path) -> None:
    with no_page():
        ended = train(tmp_path, *settings(folder, "cold"))
    assert ended.status == 0, ended.err
    run = only_point(tmp_path)
    samples = pl.read_parquet(run / "samples.parquet")
    assert samples["file"].unique().sort().to_list() == ["hot", "path"]
    along = samples.filter(partition="path")
    assert along.height == 60 and along["force_mae"].is_nan().all()
    assert along["energy_error"].is_finite().all()
    assert samples.filter(partition="hot")["force_mae"].is_finite().all()
    by_atom = pl.read_parquet(run / "by_atom.parquet")
    assert by_atom.filter(partition="path")["force_mae"].is_nan().all()

    metrics = json.loads((run / "metrics.json").read_text())
    assert metrics["path"]["force_mae"]["value"] is None
    assert metrics["path"]["energy_mae"]["count"] == 60
    hot = samples.filter(partition="hot")
    assert metrics["hot"]["force_mae"]["value"] == pytest.approx(hot["force_mae"].mean())
    mean = along["energy_error"].abs().mean()
    assert metrics["path"]["energy_mae"]["value"] == pytest.approx(mean)


def test_training_without_forces_is_refused(folder: Path, tmp_path: Path) -> None:
    small = [word for word in settings(folder, "path") if not word.startswith("subset")]
    with no_page():
        ended = train(tmp_path, *small, "subset.count=2")
    assert ended.status != 0
    assert "no forces" in ended.err + ended.out


def test_energies_alone_are_trained_on_request(folder: Path, tmp_path: Path) -> None:
    others = [word for word in settings(folder, "path") if not word.startswith(("data=", "held"))]
    with no_page():
        ended = train(
            tmp_path,
            *("data=ase", "data.one_molecule=true", "data.missing_forces=mask"),
            *(word for word in others if not word.startswith(("test=", "subset"))),
            *("held_out=hot", "test=[hot]", "subset.count=8"),
        )
    assert ended.status == 0, ended.err
    metrics = json.loads((only_point(tmp_path) / "metrics.json").read_text())
    assert metrics["hot"]["force_mae"]["count"] == 30


def test_published_acetylacetone_is_trained_and_tested_along_its_paths(
    data_dir: Path, tmp_path: Path
) -> None:
    """Trained at 300 K, tested at 600 K and on a path without forces; isolated atoms left out."""
    files = ("train_300K", "test_MD_600K", "test_dihedral", "isolated_atoms")
    parts = {"hot": "test_MD_600K", "path": "test_dihedral"}
    with no_page():
        ended = train(
            tmp_path,
            *("data=ase", f"data.root={data_dir}", "data.molecule=acetylacetone"),
            f"data.files=[{','.join(f'acac/{name}.xyz' for name in files)}]",
            f"datamodule.training={WHERE % 'train_300K'}",
            *(f"+partitions.{name}={{samplers: [{WHERE % of}]}}" for name, of in parts.items()),
            *("held_out=hot", "test=[hot,path]", "subset.count=20", "model=cartesian"),
            *("model.net.num_features=8", "model.net.num_layers=1"),
            *("trainer.max_steps=4", "trainer.val_every=2", *QUIET),
        )
    assert ended.status == 0, ended.err
    run = only_point(tmp_path)
    metrics = json.loads((run / "metrics.json").read_text())
    assert metrics["hot"]["force_mae"]["count"] == 650
    assert metrics["path"]["force_mae"]["value"] is None
    assert metrics["path"]["energy_mae"]["count"] == 45
    described = json.loads((run / "run.json").read_text())["data"]["describe"]
    assert "3 isolated atoms left out" in described and "none in test_dihedral" in described
