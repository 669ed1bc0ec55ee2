"""Settings that are frozen as YAML are read as they were."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from omegaconf import OmegaConf

from saibench.files.bounded_yaml import as_yaml, load_bounded

SHARED = {"samplers": [{"_target_": "a.Tail", "size": 0.1}]}
SETTINGS = {
    "numbers as texts": ["1", "1e3", "1.0", "0:10:0"],
    "texts": ["yes", "off", "null", "~", "", " a ", "a: b", "- a", "# a", "'", '"'],
    "numbers": [0, -1, 10**18, 0.1, 1e-7, 1e22, float("inf"), float("-inf")],
    "others": [None, True, False, [], {}],
    "words": {"Å": "é ρ → ∞", "lines": "one\ntwo\n", "long": "word " * 60, "tab": "a\tb"},
    "twice": [SHARED, SHARED],
    "0.5": {"3": "a key that looks like a number"},
}  # fmt: skip


def test_settings_are_read_as_they_were_written(tmp_path: Path) -> None:
    """By this package, and by OmegaConf."""
    path = tmp_path / "config.yaml"
    path.write_text(as_yaml(SETTINGS), encoding="utf-8")
    assert load_bounded(path.read_text(encoding="utf-8")) == SETTINGS
    assert OmegaConf.to_container(OmegaConf.load(path)) == SETTINGS
    assert list(load_bounded(as_yaml(SETTINGS))) == list(SETTINGS), "in their order"


def test_objects_are_not_written() -> None:
    with pytest.raises(yaml.YAMLError):
        as_yaml({"path": Path("/")})
