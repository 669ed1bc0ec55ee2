"""The reference of the config: every key of every file, with its type, unit and default."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from command_line import REPOSITORY
from docs_pages import DOCS

sys.path.insert(0, str(DOCS / "extensions"))

from config_tables import CONF, Key, keys_of, model_keys, options, preamble, unit_in

from saibench.settings import WorkloadSettings

FILES = sorted(file for file in CONF.rglob("*.yaml") if "hydra" not in file.parts)
GROUPS = {file.parent.name if file.parent != CONF else file.stem for file in FILES}


def flat(node: dict[str, Any], above: str = "") -> set[str]:
    """Paths of what a file sets, by another reading of it."""
    found = set()
    for key, value in node.items():
        path = f"{above}{key}"
        if path in ("defaults", "hydra"):
            continue
        nested = isinstance(value, dict) and value
        found |= flat(value, f"{path}.") if nested else {path}
    return found


def by_path(name: str) -> dict[str, Key]:
    return {key.path: key for key in keys_of(CONF / name)}


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(CONF)))
def test_every_key_of_a_file_is_there_with_its_type_and_meaning(file: Path) -> None:
    keys = keys_of(file)
    paths = [key.path for key in keys]
    assert len(paths) == len(set(paths))
    for path in flat(yaml.safe_load(file.read_text()) or {}):
        assert any(path == one or path.startswith(f"{one}.") for one in paths), path
    for key in keys:
        assert key.type and key.default and key.meaning, key


def test_every_group_is_on_a_page() -> None:
    pages = "".join(page.read_text() for page in (DOCS / "reference" / "config").glob("*.md"))
    for group in GROUPS:
        assert f"{{config-group}} {group}\n" in pages
        assert options(group)


def test_types_are_those_that_are_checked() -> None:
    trainer, window = by_path("trainer/default.yaml"), by_path("workload/force_field.yaml")
    assert trainer["max_steps"].type == "int ≥ 0 or null"
    assert trainer["precision"].type == "`32-true` or `bf16-mixed` or `16-mixed`"
    assert window["window.size"].type == "float > 0 or null"  # of the sampler that is given it
    assert by_path("model/nequip.yaml")["net.r_max"].type == "float > 0"
    assert by_path("model/nequip_small.yaml")["net.l_max"].type == "int ≥ 0"  # of its parent's net


def test_units_come_from_the_comments() -> None:
    simulation = by_path("data/gfn2_xtb.yaml")
    units = {name: simulation[name].unit for name in ("temperature", "timestep", "friction")}
    assert units == {"temperature": "K", "timestep": "fs", "friction": "1/ps"}
    assert simulation["seed"].unit == ""
    assert unit_in("side of a pixel in km") == "km"
    assert unit_in("keeps the known pixels") == ""


def test_partitions_are_told_by_their_samplers() -> None:
    keys = by_path("workload/force_field.yaml")
    assert keys["partitions.last_tenth"].meaning == (
        "the last 10 % of the samples in order of time"
    )


def test_card_has_every_key_of_its_model() -> None:
    keys = {key.path: key for key in model_keys(WorkloadSettings, "workload")}
    assert {f"workload.{name}" for name in ("name", "label", "figures")} <= keys.keys()
    assert keys["workload.trust.coverage"].default == "0.9"
    assert keys["workload.trust.statistic"].default == "(required)"


def test_usage_of_a_file_is_a_command_of_its_first_comment() -> None:
    for file in FILES:
        text, _ = preamble(file)
        assert text, file
    _, usage = preamble(REPOSITORY / "conf" / "train.yaml")
    assert "python train.py -m +sweeps=force_field/time_extrapolation" in usage
