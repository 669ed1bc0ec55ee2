"""Files of a run, and their readers."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.fault_parts.study import TWO_RUNS
from benchmarks.fault_parts.warm import REPOSITORY


def files_of_a_run(folder: Path) -> dict[str, Path]:
    """A file of each kind, of a run trained here."""
    run = trained(folder / "run")
    alone = folder / "alone"
    alone.mkdir()
    shutil.copy(run / "last.ckpt", alone)
    joined = folder / "joined"
    shutil.copytree(run.parent / "evidence", joined / "evidence")
    old = without_checksums(run, folder / "old")
    places = {
        "checkpoint alone": alone / "last.ckpt",
        "joined samples": joined / JOINED,
        **{f"{name} of 0.1": old / name for name in OLD},
    }
    return {name: places.get(name, run / name) for name in RUN}


def trained(folder: Path) -> Path:
    """The folder of the first of two runs of a few steps."""
    folder.mkdir()
    subprocess.run(
        [sys.executable, str(REPOSITORY / "train.py"), *TWO_RUNS],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        check=True,
        stdout=subprocess.DEVNULL,
    )
    return min(folder.glob("outputs/*/*/run.json")).parent


def without_checksums(run: Path, study: Path) -> Path:
    """A copy of the run as of saibench 0.1, without SHA-256."""
    copy = Path(shutil.copytree(run, study / run.name))
    record = json.loads((copy / "run.json").read_text())
    for name in ("files", "digest"):
        record.pop(name, None)
    (copy / "run.json").write_text(json.dumps(record))
    return copy


def saved_range(folder: Path) -> Path:
    from saibench.analysis.trusted_range import TrustedRange

    draw = np.random.default_rng(0)
    feature, blocks = draw.random(200), np.arange(200) // 4
    fitted = TrustedRange.fit(feature, feature + draw.random(200), blocks)
    return Path(fitted.save(folder / "range.json"))


class Weights:
    """A model with the names and shapes of the checkpoint."""

    def __init__(self, state: dict[str, Any]) -> None:
        self.state = state

    def state_dict(self) -> dict[str, Any]:
        return self.state

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.state = {name: value.numpy().copy() for name, value in state.items()}


def checkpoint(path: Path) -> Any:
    import torch

    from saibench.runs.checkpoints import load_weights

    whole = path.with_name(f"{path.name}.whole")
    if not whole.exists():  # the undamaged file is read first
        shutil.copy(path, whole)
    weights = Weights(torch.load(whole, weights_only=True)["state_dict"])
    load_weights(path, weights)  # type: ignore[arg-type]
    return weights.state


def evidence(folder: Path) -> Any:
    from saibench.evidence.reader import StudyEvidence

    found = StudyEvidence.load(folder)
    tables = {name: found.table(name).to_dict(as_series=False) for name in sorted(found.sources)}
    return repr((tables, found.units, dict(found.records), dict(found.metrics)))


def run_evidence(path: Path) -> Any:
    return evidence(path.parent)


def settings(path: Path) -> Any:
    from saibench.runs.point import load_point

    return load_point(path.parent).settings


def frames(path: Path) -> Any:
    from saibench.evidence.force_field.saved_frames import SavedFrames

    return asdict(SavedFrames.read(path))


def trusted_range(path: Path) -> Any:
    from saibench.analysis.trusted_range import TrustedRange

    return repr(asdict(TrustedRange.load(path)))


OLD = ("config.yaml", "metrics.json", "samples.parquet")
UNCHECKED = tuple(f"{name} of 0.1" for name in OLD)
"""Files of records without SHA-256."""
JOINED = "evidence/samples.parquet"
RUN: dict[str, Callable[[Path], Any]] = {
    "config.yaml": settings,
    **dict.fromkeys(("run.json", "metrics.json", "samples.parquet"), run_evidence),
    "by_species.parquet": run_evidence,
    "joined samples": lambda path: evidence(path.parents[1]),
    "frames.npz": frames,
    "best.ckpt": checkpoint,
    "checkpoint alone": checkpoint,
    "config.yaml of 0.1": settings,
    **dict.fromkeys(("metrics.json of 0.1", "samples.parquet of 0.1"), run_evidence),
}
