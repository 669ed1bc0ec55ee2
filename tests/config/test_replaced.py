"""Replacing a `_target_`, and keys below `???`."""

from __future__ import annotations

from pathlib import Path

import pytest
from omegaconf import DictConfig, OmegaConf

from saibench.config.check import check_point
from saibench.config.compose import compose_command
from saibench.errors import UserError

SAMPLERS = "saibench.datamodules.samplers"
BINS = f"{{_target_: {SAMPLERS}.Bins, by: time, start: null, edges: [0, 1, 2, 9], keep: [0, 1]}}"
EXPECTED = {"_target_": f"{SAMPLERS}.Bins", "by": "time", "start": None, "edges": [0, 1, 2, 9]}


def composed(*arguments: str) -> DictConfig:
    (config,) = compose_command("train", list(arguments)).points
    return config


def plain(node: DictConfig) -> object:
    return OmegaConf.to_container(node)


def test_sampler_of_another_class_drops_old_options(tmp_path: Path) -> None:
    (tmp_path / "sweeps").mkdir()
    study = f"# @package _global_\nstudy: bins\ntraining: {BINS}\nsubset: {{count: 20}}\n"
    (tmp_path / "sweeps" / "bins.yaml").write_text(study)
    config = composed(f"--config-dir={tmp_path}", "+sweeps=bins")
    assert plain(config.training) == EXPECTED | {"keep": [0, 1]}
    check_point(config)


@pytest.mark.parametrize(
    "arguments",
    [
        [f"training={BINS}"],
        [
            f"training._target_={SAMPLERS}.Bins",
            *("training.start=null", "training.edges=[0, 1, 2, 9]", "training.keep=[0, 1]"),
        ],
    ],
    ids=["at once", "part by part"],
)
def test_command_line_replaces_as_a_file_does(arguments: list[str]) -> None:
    assert plain(composed(*arguments).training) == EXPECTED | {"keep": [0, 1]}


def test_options_that_both_take_stay() -> None:
    net = composed(
        "model.net._target_=saibench.models.force_field.nets.cartesian.CartesianMessagePassing"
    )
    assert set(net.model.net) == {"_target_", "dtype", "r_max", "num_layers", "num_features"}
    assert net.model.net.num_layers == 3


def test_unchanged_target_keeps_its_options_and_a_misspelt_one_is_refused() -> None:
    config = composed(f"training={{_target_: {SAMPLERS}.Window, size: 0.3}}")
    assert set(config.training) == {"_target_", "by", "start", "size", "limit"}
    with pytest.raises(UserError, match="sise"):
        check_point(composed(f"training={{_target_: {SAMPLERS}.Tail, size: 0.1, sise: 0.3}}"))
    with pytest.raises(UserError, match=r"training\.sise"):
        composed("training.sise=0.3")


@pytest.mark.parametrize("sign", ["", "+"])
def test_missing_node_may_be_set_key_by_key(sign: str, tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    own = "defaults: [cartesian, _self_]\nnet:\n  calculator: ???\n"
    (tmp_path / "model" / "awaiting.yaml").write_text(own)
    given = [f"{sign}model.net.calculator.{part}" for part in ("_target_=mine.Calculator", "x=1")]
    config = composed(f"--config-dir={tmp_path}", "model=awaiting", *given)
    assert plain(config.model.net.calculator) == {"_target_": "mine.Calculator", "x": 1}
