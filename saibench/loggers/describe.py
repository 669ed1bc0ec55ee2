"""The config that a logger shows for a run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from saibench.files.frozen_config import CONFIG, read_frozen
from saibench.identity import point_hash, slug


def run_config(folder: Path, record: Mapping[str, Any]) -> dict[str, Any]:
    """All settings of the run in `folder`, with its hash, its cell and its provenance.

    Settings stay nested (`window: {start, size}`); panels name them with dots (`window.start`).
    """
    settings = read_frozen(folder / CONFIG)
    provenance = ("commit", "command", "versions", "hardware", "data")
    return {
        **settings,
        "point": record["point"],
        "cell": cell(settings),
        "provenance": {key: record.get(key) for key in provenance},
    }


def cell(settings: Mapping[str, Any]) -> str:
    """A name shared by runs that differ only in their seed: their slug without it, and a hash."""
    label = [key for key in settings["workload"].get("label") or [] if key != "seed"]
    named = slug({**settings, "workload": {"label": label}}) if label else "all"
    return f"{named}-{point_hash(_without_seeds(settings))[:6]}"


def _without_seeds(node: Any) -> Any:
    """The settings without seeds, except those of the data, which make another data set."""
    if not isinstance(node, Mapping):
        return node
    return {
        key: value if key in ("data", "source") else _without_seeds(value)
        for key, value in node.items()
        if key != "seed"
    }
