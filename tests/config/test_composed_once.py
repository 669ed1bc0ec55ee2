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
        assert isinstance(loader, Loader) and loader.composed and loader._merged
        pickled = loader.__getstate__()
        assert not pickled["composed"] and not pickled["_merged"]
