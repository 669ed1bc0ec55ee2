"""Names of saibench 0.1 in saved configs and records."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec

import pytest

from saibench.identity import canonical
from saibench.renamed import NOW, current_name, first_name


@pytest.mark.parametrize("name", NOW.values())
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
