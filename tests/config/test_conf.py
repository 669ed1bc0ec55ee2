"""All shipped options and studies compose to valid runs."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest
from omegaconf import DictConfig, OmegaConf

from saibench.config.check import check_point, resolved
from saibench.config.compose import Command, compose_command
from saibench.config.locations import study_files
from saibench.datamodules.field_dynamics.fields import FieldLayout
from saibench.errors import InsufficientData
from saibench.identity import point_hash
from saibench.shipped import conf

OPTIONS = sorted(
    path.relative_to(conf()).with_suffix("")
    for path in conf().glob("*/*.yaml")
    if path.parent.name != "hydra"
)
STUDIES = [Path(name) for name in sorted(study_files())]
DOWNLOADED = (
    *("data/acac", "data/ase", "data/extxyz", "data/md17", "data/mrms", "data/rmd17"),
    *("data/jet_files", "data/rain_arrays", "data/rain_series", "data/top_landscape"),
    *("data/field_arrays", "data/gridded_fields", "data/pdebench", "data/the_well"),
)
OF_DOWNLOADED = ("data_sources", "temperature_shift")
"""Studies of data sets that must be downloaded."""
OF_FIELDS = ["workload=field_dynamics", "data.file=fields.npz"]
UNTRAINED = ["workload=nowcasting", "model=persistence"]
NEEDED_BESIDE = {
    "data/ase": ["data.files=[frames.xyz]", "data.molecule=water"],
    "data/field_arrays": [*OF_FIELDS, "data.axes=[x,time]", "data.lengths=[1]", "data.times=t"],
    "data/gridded_fields": [*OF_FIELDS],
    "data/pdebench": [*OF_FIELDS],
    "data/the_well": ["workload=field_dynamics", "data.files=[fields.hdf5]"],
    "data/extxyz": ["data.files=[frames.xyz]", "data.molecule=water"],
    "data/jet_files": ["workload=jet_tagging", "data.train=[jets.root]"],
    "data/rain_arrays": [*UNTRAINED, "data.file=rain.npz", "data.pixel_km=1"],
    "data/rain_series": [*UNTRAINED, "data.files=[rain.nc]", "data.step_minutes=5"],
    "lr_schedule/plateau": ["trainer.max_steps=null", "trainer.max_time=00:00:01:00"],
    "model/ase_calculator": ["model.calculator=emt", "trainer=none"],
    "model/function": ["model.net.function._target_=copy.copy", "trainer=none"],
    "model/predictions": ["trainer=none"],
    "model/torch_file": ["model.net.file=net.pt", "trainer=none"],
    "trainer/none": UNTRAINED,
}


@cache
def composed(*arguments: str) -> Command:
    return compose_command("train", arguments)


def settings_shown(option: Path) -> list[str]:
    """Return further settings in the first command of an option's comment, without paths."""
    text = (conf() / option).with_suffix(".yaml").read_text(encoding="utf-8")
    command = next((line for line in text.splitlines() if "python train.py" in line), "")
    given = command.partition("train.py")[2].split()
    return [one for one in given if one.startswith(("workload=", "trainer=", "model="))]


@pytest.mark.parametrize("option", OPTIONS, ids=str)
def test_option_composes_to_a_valid_run(
    option: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    if str(option) in DOWNLOADED:
        module = "saibench.datamodules.structural.StructuralDataModule"
        monkeypatch.setattr(f"{module}.check", lambda data: None)
        for source in ("ase_files.AseFrames", "md17.MD17", "rmd17.RMD17"):
            path = f"saibench.datamodules.force_field.{source}.preview_symbols"
            monkeypatch.setattr(path, lambda source: ["C", "H"])
        path = "saibench.datamodules.nowcasting.series.source.RainSeries.pixel_km"
        monkeypatch.setattr(path, 1.0)
        path = "saibench.datamodules.nowcasting.arrays.RainArrays.target_frames"
        monkeypatch.setattr(path, 20)
        layout = FieldLayout(("u",), (16,), (1.0,), 1.0, trajectories=20, frames=60)
        readers = ("arrays.FieldArrays", "gridded.GriddedFields", "pdebench.PDEBench")
        for source in (*readers, "the_well.TheWell"):
            path = f"saibench.datamodules.field_dynamics.files.{source}.layout"
            monkeypatch.setattr(path, lambda source: layout)
    if option.name == "torch_file":
        monkeypatch.setattr("saibench.models.external.torch_file._loaded", lambda *given: None)
    beside = NEEDED_BESIDE.get(str(option)) or settings_shown(option)
    if option.name == "predictions":
        np.savez(tmp_path / "predictions.npz", sample_id=np.arange(3))
        beside = [*beside, f"model.net.file={tmp_path / 'predictions.npz'}"]
    (config,) = composed(f"{option.parent}={option.name}", *beside).points
    check_point(config)


@pytest.mark.parametrize("option", OPTIONS, ids=str)
def test_option_begins_with_a_comment(option: Path) -> None:
    text = (conf() / option).with_suffix(".yaml").read_text(encoding="utf-8")
    first, *_ = [line for line in text.splitlines() if not line.startswith("# @package")]
    assert first.startswith("# ")


@pytest.mark.parametrize("study", STUDIES, ids=str)
def test_study_composes_to_distinct_valid_runs(
    study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if study.name in OF_DOWNLOADED:
        module = "saibench.datamodules.structural.StructuralDataModule"
        monkeypatch.setattr(f"{module}.check", lambda data: None)
        path = "saibench.datamodules.force_field.ase_files.AseFrames.preview_symbols"
        monkeypatch.setattr(path, lambda source: ["C", "H"])
    command = composed(f"+sweeps={study}")
    assert command.multirun
    assert len(command.points) > 1 or study.name == "displacement_demo"
    hashes = {point_hash(resolved(config)) for config in command.points}
    assert len(hashes) == len(command.points)
    for config in {but_for_the_seed(config): config for config in command.points}.values():
        try:
            check_point(config)
        except InsufficientData:  # listed by the study as not applicable
            continue


def but_for_the_seed(config: DictConfig) -> str:
    """The settings of a run as they are written: runs that differ in the seed alone are equal."""
    settings = {key: value for key, value in config.items_ex(resolve=False) if key != "hydra"}
    return repr(OmegaConf.to_container(OmegaConf.create({**settings, "seed": None})))


@pytest.mark.parametrize(
    "study", [one for one in STUDIES if one.parent.name == "nowcasting"], ids=str
)
def test_rain_studies_run_without_training(study: Path) -> None:
    """The budget of a study does not override `trainer=none`."""
    command = composed(f"+sweeps={study}", "trainer=none")
    assert all(config.trainer.max_steps == 0 for config in command.points)


def test_time_extrapolation_is_the_papers_grid_of_15_windows() -> None:
    command = composed("+sweeps=force_field/time_extrapolation")
    found = {(config.window.start, config.window.size) for config in command.points}
    starts, sizes = (0, 0.15, 0.3, 0.45, 0.6), (0.3, 0.45, 0.6, 0.75, 0.9)
    assert found == {(a, b) for a in starts for b in sizes if a + b <= 0.9 + 1e-9}
    assert len(command.points) == 15


def test_points_of_a_sweep_are_the_product_of_its_lists() -> None:
    command = composed("-m", "seed=0,1", "window.start=0,0.15,0.3")
    found = [(config.seed, config.window.start) for config in command.points]
    assert found == [(seed, start) for seed in (0, 1) for start in (0, 0.15, 0.3)]


@pytest.mark.parametrize(
    "arguments",
    [
        ["-m", "seed=0,1", "data.molecule=butane"],
        ["seed=0,1", "-m", "data.molecule=butane"],
        ["seed=0,1", "data.molecule=butane", "--multirun"],
    ],
    ids=" ".join,
)
def test_flags_may_stand_anywhere(arguments: list[str]) -> None:
    command = composed(*arguments)
    assert [config.seed for config in command.points] == [0, 1]
    assert all(config.data.molecule == "butane" for config in command.points)


def test_configs_of_the_user_are_found(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    own = "defaults: [nequip_small, _self_]\nnet: {num_features: 8}\n"
    (tmp_path / "model" / "tiny.yaml").write_text(own)
    (config,) = composed("--config-dir", str(tmp_path), "model=tiny").points
    assert config.model.net.num_features == 8
    assert config.model.net.num_layers == 3


def test_resolved_settings_are_builtins_and_survive_yaml(tmp_path: Path) -> None:
    (config,) = composed("window.start=0.15", "trainer.max_time=00:00:10:00").points
    settings = resolved(config)
    OmegaConf.save(OmegaConf.create(settings), tmp_path / "config.yaml")
    again = OmegaConf.to_container(OmegaConf.load(tmp_path / "config.yaml"))
    assert again == settings
    assert point_hash(again) == point_hash(settings)
