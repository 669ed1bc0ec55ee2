"""What the config of a logged run says of its point."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from saibench.files.frozen_config import CONFIG, read_frozen
from saibench.identity import point_hash, slug

PROVENANCE = ("commit", "command", "versions", "hardware", "data")
"""Entries of `run.json` that say what a result was made by and of."""


def run_config(folder: Path, record: Mapping[str, Any]) -> dict[str, Any]:
    """Every setting of the point in `folder`, with its hash, its cell and what ran it.

    Settings stay nested as they are (`window: {start, size}`), and keep their dotted names in
    the logger's panels (`window.start`).
    """
    settings = read_frozen(folder / CONFIG)
    return {
        **settings,
        "point": record["point"],
        "cell": cell(settings),
        "provenance": {key: record.get(key) for key in PROVENANCE},
    }


def cell(settings: Mapping[str, Any]) -> str:
    """What points share that differ in their seed alone: a name like theirs, without the seed."""
    label = [key for key in settings["workload"].get("label") or [] if key != "seed"]
    named = slug({**settings, "workload": {"label": label}}) if label else "all"
    return f"{named}-{point_hash(_without_seeds(settings))[:6]}"


def _without_seeds(node: Any) -> Any:
    """The settings less every seed but those of the data, which make another trajectory."""
    if not isinstance(node, Mapping):
        return node
    return {
        key: value if key in ("data", "source") else _without_seeds(value)
        for key, value in node.items()
        if key != "seed"
    }
