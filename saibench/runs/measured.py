"""Seconds and disk of complete runs, from which those of a new run are estimated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from saibench.errors import UserError
from saibench.evidence.run_record import COMPLETE, FILE, read_record
from saibench.files.frozen_config import CONFIG, read_frozen
from saibench.runs.node_place import num_nodes_of

NUM_READ = 50
"""Complete runs of a workload, the latest first, whose settings are compared."""
_TESTED = ("data", "test", "partitions")


@dataclass(frozen=True)
class MeasuredRun:
    """What a complete run took.

    Args:
        folder: of the run.
        settings: of the run.
        prepare, test: seconds before training and after it.
        step: seconds of a step of training, validation included.
    """

    folder: Path
    settings: Mapping[str, Any]
    prepare: float
    step: float
    test: float

    @cached_property
    def size(self) -> int:
        """Bytes of the folder."""
        return sum(file.stat().st_size for file in self.folder.rglob("*") if file.is_file())

    def has_data_of(self, settings: Mapping[str, Any]) -> bool:
        """Whether it has the data and tests of these settings, which decide the time of a test."""
        return all(self.settings.get(key) == settings.get(key) for key in _TESTED)


def measured_runs(outputs: Path, workload: str) -> list[MeasuredRun]:
    """The latest complete runs of a workload in all studies below `outputs`, the latest first."""
    found = []
    for path in outputs.glob(f"*/*/{FILE}"):
        try:
            record = read_record(path.parent)
        except UserError:  # the report of its study names it
            continue
        if record.get("state") == COMPLETE and record.get("workload") == workload:
            found.append((str(record.get("ended")), path.parent, record))
    latest = sorted(found, key=lambda one: one[:2], reverse=True)[:NUM_READ]
    runs = [_measured(folder, record) for _, folder, record in latest]
    return [run for run in runs if run is not None]


def like(settings: Mapping[str, Any], runs: list[MeasuredRun]) -> MeasuredRun | None:
    """The run of the same model, batches and devices; preferably with the same data and tests."""
    same = [run for run in runs if _speed(run.settings) == _speed(settings)]
    same.sort(key=lambda run: not run.has_data_of(settings))
    return same[0] if same else None


def _measured(folder: Path, record: Mapping[str, Any]) -> MeasuredRun | None:
    """The cost of a complete run; None if its settings are damaged or it has no times."""
    seconds = record.get("seconds") or {}
    try:
        settings = read_frozen(folder / CONFIG)
    except UserError:
        return None
    if not {"prepare", "train", "test"} <= seconds.keys():
        return None
    steps = record.get("steps") or 0
    return MeasuredRun(
        folder=folder,
        settings=settings,
        prepare=seconds["prepare"],
        step=seconds["train"] / steps if steps else 0.0,
        test=seconds["test"],
    )


def _speed(settings: Mapping[str, Any]) -> tuple[Any, ...]:
    """The settings that decide the time of a step."""
    model, data = settings.get("model") or {}, settings.get("datamodule") or {}
    trainer = settings.get("trainer") or {}
    net = model.get("net") or {key: value for key, value in model.items() if key != "seed"}
    keys = ("accelerator", "devices", "threads", "precision")
    devices = (num_nodes_of(trainer), *(trainer.get(key) for key in keys))
    return model.get("_target_"), net, data.get("batch_size"), *devices
