"""A synthetic run's folder: evidence, record and frozen config."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf
from synthetic_study import Made, write_point

from saibench.identity import point_hash

SETTINGS = {
    "study": "made_up_study",
    "seed": 0,
    "window": {"start": 0.15, "size": None},
    "subset": {"count": 1000},
    "model": {"net": {"l_max": 1}, "seed": 0},
    "data": {"molecule": "aspirin", "seed": 7},
    "workload": {"name": "force_field", "label": ["window.start", "subset.count", "seed"]},
    "held_out": "last_tenth",
    "partitions": {"last_tenth": {"samplers": []}},
}


class Frozen(Made):
    """A synthetic run whose hash is that of its frozen config."""

    @property
    def point(self) -> str:
        return point_hash(_settings(self.start))


def make_point(folder: Path, start: float = 0.15) -> Path:
    write_point(folder, Frozen(start=start), frames=400)
    record = json.loads((folder / "run.json").read_text())
    del record["wandb"]
    (folder / "run.json").write_text(json.dumps(record))
    OmegaConf.save(OmegaConf.create(_settings(start)), folder / "config.yaml")
    return folder


def _settings(start: float) -> dict[str, Any]:
    return SETTINGS | {"window": {"start": start, "size": None}}
