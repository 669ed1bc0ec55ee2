"""Names of saibench 0.1 in saved configs and records."""

from __future__ import annotations

import json
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest

from saibench.files.frozen_config import read_frozen
from saibench.identity import canonical
from saibench.imports.modules import recorded_modules
from saibench.renamed import NOW, OF_WORKLOAD, current_name, first_name


@pytest.mark.parametrize(
    "name", [*NOW.values(), *(now for names in OF_WORKLOAD.values() for now in names.values())]
)
def test_every_name_leads_to_something(name: str) -> None:
    module, _, attribute = f"saibench.{name}".rpartition(".")
    if attribute[0].isupper():
        assert hasattr(import_module(module), attribute)
    else:
        assert find_spec(f"saibench.{name}") is not None


@pytest.mark.parametrize("before", NOW)
def test_a_name_is_translated_once_and_back(before: str) -> None:
    now = current_name(f"saibench.{before}")
    assert now == current_name(now) != f"saibench.{before}"
    assert first_name(now) == first_name(f"saibench.{before}") == f"saibench.{before}"


def test_a_name_of_one_workload_stays_in_others(tmp_path: Path) -> None:
    before, now = (f"saibench.figures.{room}model_comparison" for room in ("", "nowcasting."))
    for workload, expected in (("nowcasting", now), ("force_field", before), ("mine", before)):
        record = {"workload": workload, "figures": [before]}
        assert recorded_modules([record], "figures") == [expected]
        config = {"workload": {"name": workload, "figures": [before]}}
        (tmp_path / "config.yaml").write_text(json.dumps(config))
        assert read_frozen(tmp_path / "config.yaml")["workload"]["figures"] == [expected]


@pytest.mark.parametrize("name", ["mine.models.ranger.Ranger", "saibench", "text", ""])
def test_other_names_stay(name: str) -> None:
    assert current_name(name) == first_name(name) == name


def test_a_class_that_moved_is_the_same_run() -> None:
    def settings(target: str) -> dict[str, object]:
        return {
            "workload": {"name": "any"},
            "partitions": {"p": {}},
            "held_out": "p",
            "model": {"_target_": target},
        }

    before = "saibench.models.nets.nequip.NequIP"
    assert canonical(settings(before)) == canonical(settings(current_name(before)))
