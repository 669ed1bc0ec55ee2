"""Settings that distinguish points, beyond those in their records."""

from __future__ import annotations

from typing import Any

from saibench.evidence.settings import differing_settings


def point(name: str, motion: str | None, lr: float, count: int = 5) -> dict[str, Any]:
    return {
        "workload": {"name": "rain"},
        "held_out": "late",
        "partitions": {"late": {}},
        "subset": {"count": count},
        "model": {"name": name, "motion": motion, "lr": lr},
    }


def differing(*configs: dict[str, Any]) -> list[dict[str, Any]]:
    by_number = {str(number): config for number, config in enumerate(configs)}
    recorded = {
        number: {"model.name": config["model"]["name"], "subset.count": config["subset"]["count"]}
        for number, config in by_number.items()
    }
    return list(differing_settings(recorded, by_number).values())


def test_setting_that_follows_from_a_name_is_not_added() -> None:
    found = differing(point("a", None, 1.0), point("b", "flow", 2.0), point("c", "flow", 2.0))
    assert all("model.motion" not in settings and "model.lr" not in settings for settings in found)


def test_setting_that_differs_under_one_name_is_added() -> None:
    found = differing(point("a", None, 1.0), point("a", None, 2.0), point("b", "flow", 2.0))
    assert [settings["model.lr"] for settings in found] == [1.0, 2.0, 2.0]
    assert all("model.motion" not in settings for settings in found)


def test_setting_that_follows_from_a_number_is_added() -> None:
    found = differing(point("a", None, 1.0, count=5), point("a", None, 2.0, count=9))
    assert [settings["model.lr"] for settings in found] == [1.0, 2.0]
