"""A point's folder as runs leave it: evidence, record and frozen config."""

from __future__ import annotations

import json
from pathlib import Path

from omegaconf import OmegaConf
from synthetic_study import Made, write_point

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


def make_point(folder: Path, start: float = 0.15) -> Path:
    write_point(folder, Made(start=start), frames=400)
    record = json.loads((folder / "run.json").read_text())
    del record["wandb"]
    (folder / "run.json").write_text(json.dumps(record))
    settings = SETTINGS | {"window": {"start": start, "size": None}}
    OmegaConf.save(OmegaConf.create(settings), folder / "config.yaml")
    return folder
