"""The files that `benchmarks.damage` damages, and their readers."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).parents[1]
TRAIN = (
    *("data.frames=300", "data.stride=1", "data.equilibration=0.05", "subset.count=20"),
    *("model=cartesian", "model.net.num_features=8", "model.net.num_layers=1", "seed=0,1", "-m"),
    *("trainer.max_steps=4", "trainer.val_every=2", "trainer.accelerator=cpu"),
    *("logger=none", "trainer.progress=false"),
)


def made_files(folder: Path, kinds: Sequence[str]) -> dict[str, Path]:
    """A file of each kind, from a run trained here and from synthetic data."""
    files = {}
    if any(name in RUN for name in kinds):
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
        files = {name: places.get(name, run / name) for name in RUN}
    for name, make in MADE.items():
        if name in kinds:
            (folder / name).mkdir()
            files[name] = make(folder / name)
    return {name: files[name] for name in kinds}


def trained(folder: Path) -> Path:
    """The folder of the first of two runs of a few steps."""
    folder.mkdir()
    subprocess.run(
        [sys.executable, str(ROOT / "train.py"), *TRAIN],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
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


def md17(folder: Path) -> Path:
    draw = np.random.default_rng(0)
    path = folder / "md17_ethanol.npz"
    shape = (50, 9, 3)
    np.savez(
        path,
        z=np.array([6, 6, 8, 1, 1, 1, 1, 1, 1]),
        R=draw.normal(size=shape),
        E=draw.normal(size=50),
        F=draw.normal(size=shape),
    )
    return path


def jets(folder: Path) -> Path:
    source = Path(os.environ["SAIBENCH_DATA_DIR"]) / "top_landscape" / "test.h5"
    return Path(shutil.copy(source, folder / "test.h5"))


def listed_jets(folder: Path) -> Path:
    """The jets with a file SHA256SUMS."""
    path = jets(folder)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    path.with_name("SHA256SUMS").write_text(f"{digest}  {path.name}\n")
    return path


def checked_jets(folder: Path) -> Path:
    """The same rows with HDF5's own checksum of each chunk."""
    import h5py
    import hdf5plugin  # noqa: F401

    path = folder / "test.h5"
    with h5py.File(jets(folder)) as file:
        table = file["table/table"]
        rows, attributes = table[:], {name: table.attrs[name] for name in table.attrs}
    with h5py.File(path, "w") as file:
        table = file.create_dataset(
            "table/table", data=rows, chunks=(40,), fletcher32=True, compression="gzip"
        )
        for name, value in attributes.items():
            table.attrs[name] = value
    return path


def radar(folder: Path) -> Path:
    from PIL import Image

    draw = np.random.default_rng(0)
    path = folder / "00000-00.png"
    Image.fromarray(draw.integers(0, 900, (64, 64)).astype(np.uint16)).save(path)
    return path


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


def trajectory(path: Path) -> Any:
    from saibench.datamodules.force_field.npz import NpzTrajectory

    file = NpzTrajectory(path)
    return {key: file.array(key) for key in "zREF"}


def listed_table(path: Path) -> Any:
    from saibench.datamodules.jet_tagging.downloads import check_published

    check_published(path)
    return jet_table(path)


def jet_table(path: Path) -> Any:
    from saibench.datamodules.jet_tagging.pytables_file import PyTablesFile

    return list(PyTablesFile(path).chunks())


def frame(path: Path) -> Any:
    from saibench.datamodules.nowcasting.radar_png import PngHeader, read_frame

    return read_frame(path, PngHeader(64, 64))


OLD = ("config.yaml", "metrics.json", "samples.parquet")
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
MADE: dict[str, Callable[[Path], Path]] = {
    "range.json": saved_range,
    "npz": md17,
    "png": radar,
    "h5": jets,
    "h5 with checksums": checked_jets,
    "h5 with SHA256SUMS": listed_jets,
}
DATA: dict[str, Callable[[Path], Any]] = {
    "range.json": trusted_range,
    "npz": trajectory,
    "png": frame,
    "h5": jet_table,
    "h5 with checksums": jet_table,
    "h5 with SHA256SUMS": listed_table,
}
KINDS = [*RUN, *MADE]


def read(kind: str, path: Path) -> Any:
    """The content that saibench reads from the file."""
    return (RUN | DATA)[kind](path)
