"""A launcher gets the configs that were composed and checked before any run."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from command_line import TINY
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from saibench.config.compose import compose_command, started_hydra
from saibench.config.launch import launch
from saibench.config.replaced import Loader


def task(config: DictConfig) -> tuple[Any, Any]:
    """The settings of a run, and what Hydra says of its command line."""
    from hydra.core.hydra_config import HydraConfig

    own = {key: config._get_node(key) for key in config if key != "hydra"}
    node = HydraConfig.get()
    of_hydra = node.mode, OmegaConf.to_container(node.overrides), node.job.override_dirname
    return OmegaConf.to_container(OmegaConf.create(own)), (of_hydra, node.runtime.output_dir)


@pytest.mark.parametrize(
    "arguments",
    [
        (*TINY, "hydra.run.dir=here"),
        ("-m", *TINY, "seed=0,1", "hydra.sweep.dir=here"),
        ("+sweeps=force_field/two_temperatures_mini", "hydra.sweep.dir=here"),
    ],
    ids=["run", "sweep", "study"],
)
def test_launched_configs_are_those_that_hydra_composes(
    arguments: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    composed = 0
    original = Loader._load_configuration_impl

    def counted(self: Loader, *args: Any, **named: Any) -> DictConfig:
        nonlocal composed
        composed += 1
        return original(self, *args, **named)

    monkeypatch.setattr(Loader, "_load_configuration_impl", counted)
    command = compose_command("train", arguments)
    before = composed
    with contextlib.chdir(tmp_path):
        launched = launch(command, task)
        assert composed - before == command.multirun, "only what all runs of a sweep share"
        assert launched == launch(replace(command, composed={}), task)
    assert len(launched) == len(command.points)
    assert not {repr(point) for point in command.points} & {*map(repr, command.composed.values())}


def test_a_worker_process_gets_no_configs_of_other_runs() -> None:
    with started_hydra(None, {}) as hydra:
        loader = hydra.config_loader
        hydra.compose_config("train", [], RunMode.MULTIRUN)
        assert isinstance(loader, Loader) and loader.composed
        assert loader._known.merged and loader._known.lists
        pickled = loader.__getstate__()
        assert not pickled["composed"]
        assert not (pickled["_known"].merged or pickled["_known"].lists)


COMMANDS = [
    ("seed=1", "model=cartesian"),
    ("seed=2", "model=cartesian", "trainer.max_steps=3"),
    ("-m", "seed=1,2", "~model.loss.forces"),
    ("seed=1", "+metrics=rmse"),
]


def contents(*arguments: str) -> list[Any]:
    points = compose_command("train", arguments).points
    return [OmegaConf.to_container(point, resolve=False) for point in points]


def test_commands_before_change_no_config(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files that were merged, choices of groups and texts that were parsed are kept."""
    alone = []
    for command in COMMANDS:
        monkeypatch.setattr(Loader, "_of_shipped", {})
        alone.append(contents(*command))
        for point in compose_command("train", command).points:  # its owner may change it
            point.seed = 99
            point.model.net = None
    assert [contents(*command) for command in COMMANDS] == alone
    assert [contents(*command) for command in COMMANDS[::-1]] == alone[::-1]


def test_files_of_the_user_are_read_by_each_command(tmp_path: Path) -> None:
    own = tmp_path / "model" / "mine.yaml"
    own.parent.mkdir()
    for name in ("one", "two"):
        own.write_text(f"defaults: [cartesian, _self_]\nname: {name}\n")
        ((config,), (_, another)) = (
            contents(f"--config-dir={tmp_path}", "model=mine"),
            contents("-m", f"--config-dir={tmp_path}", "model=mine", "seed=0,1"),
        )
        assert config["model"]["name"] == another["model"]["name"] == name
