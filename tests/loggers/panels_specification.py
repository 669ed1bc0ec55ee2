"""The panels of a small study of each workload, without the random ids that W&B gives them.

`python tests/loggers/panels_specification.py` writes what the panels are compared with.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path[:0] = [str(Path(__file__).parents[1])]

from synthetic_jet_study import MadeTagger, write_jet_study  # noqa: E402
from synthetic_rain_study import write_rain_study  # noqa: E402
from synthetic_study import Made, write_study  # noqa: E402

from saibench.evidence.reader import StudyEvidence  # noqa: E402
from saibench.loggers.panels import build_workspace  # noqa: E402

STORED = Path(__file__).with_name("panels.json")
WORKLOADS = ("force_field", "jet_tagging", "nowcasting", "field_dynamics")
LEFT_OUT = ("__id__", "layout")  # random, and the same for all


def specification(workload: str, folder: Path) -> dict[str, Any]:
    """Write a study to `folder` and return its panels by section, as sent to the server."""
    _write(workload, folder)
    workspace = build_workspace(StudyEvidence.load(folder), "mine", "team")
    sent = workspace._to_model().model_dump(mode="json", by_alias=True, exclude_none=True)
    return {
        section["name"]: [
            {key: value for key, value in panel.items() if key not in LEFT_OUT}
            for panel in section["panels"]
        ]
        for section in sent["spec"]["section"]["panelBankConfig"]["sections"]
    }


def _write(workload: str, folder: Path) -> None:
    if workload == "jet_tagging":
        write_jet_study(folder, [MadeTagger(seed=seed) for seed in (0, 1)], jets=60)
    elif workload == "nowcasting":
        write_rain_study(folder, events=8)
    else:
        made = [Made(start, 0.3, seed=seed) for start in (0.0, 0.3) for seed in (0, 1)]
        write_study(folder, made, frames=20)
    for path in folder.glob("*/run.json"):
        record = json.loads(path.read_text())
        record["wandb"] = {"train": "1a2b3c4d", "curves": ["train/loss", "val/loss"]}
        if workload == "field_dynamics":
            _of_fields(record, path.with_name("metrics.json"))
        path.write_text(json.dumps(record))


def _of_fields(record: dict[str, Any], metrics: Path) -> None:
    """Make a run of another workload one of field dynamics: names and units of its metrics."""
    record |= {"workload": "field_dynamics", "headline": ["valid_time", "vrmse_median"]}
    names = {"force_mae": ("valid_time", "Lyapunov times"), "energy_mae": ("vrmse_median", "")}
    found = json.loads(metrics.read_text())
    renamed = {
        partition: {new: entries[old] | {"unit": unit} for old, (new, unit) in names.items()}
        for partition, entries in found.items()
    }
    metrics.write_text(json.dumps(renamed))


if __name__ == "__main__":
    folder = Path(tempfile.mkdtemp())
    found = {name: specification(name, folder / name) for name in WORKLOADS}
    STORED.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n")
    shutil.rmtree(folder)
