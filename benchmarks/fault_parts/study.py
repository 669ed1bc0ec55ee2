"""A sweep of seconds, its report and its export, and what must be equal after a fault."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.fault_parts.cases import Case, Outcome
from benchmarks.fault_parts.moments import counting
from benchmarks.fault_parts.warm import Command, Ended, Prepare, Running, forked, import_as

STUDY, EXPORTED = "study", "exported"
TWO_RUNS = (
    *("data.frames=300", "data.stride=1", "data.equilibration=0.05", "subset.count=20"),
    *("model=cartesian", "model.net.num_features=8", "model.net.num_layers=1", "seed=0,1", "-m"),
    *("trainer.max_steps=4", "trainer.val_every=2", "trainer.accelerator=cpu"),
    *("logger=none", "trainer.progress=false"),
)
"""Arguments of `train.py` that train two nets in seconds."""
SWEEP = Command(("train", *TWO_RUNS, "test=[last_tenth]", f"hydra.sweep.dir={STUDY}"))
REPORT = Command(("report", STUDY))
EXPORT = Command(("export", STUDY, EXPORTED, "--evidence"))
COMMANDS = {"sweep": SWEEP, "report": REPORT, "export": EXPORT}

MEASURED = {
    *("seconds", "started", "ended", "sessions", "digest", "commit"),
    *("Timer", "current_score"),
}
"""Entries of records and checkpoints that differ between two undisturbed runs, and the score of the
latest validation, which Lightning does not load again (it loads the best one)."""
HASHED = re.compile(r"\.ckpt$|points\.parquet$")
"""Files with measured entries, whose hashes are not compared."""
MASKED = re.compile(
    r'\d{4}-\d\d-\d\dT[\d:+.]+|data-sort="[\d.]+">[\d.,]+ (s|min|h)<|\d+(\.\d+)? (s|min)\b|'
    r"<th>(prepare|train|test|total)</th>\s*<td>[\d.]+</td>|\b[0-9a-f]{12}(-dirty)?\b"
)
"""Times of day, seconds and commits in a page."""

Content = Mapping[str, str]


class Laboratory:
    """A folder in which commands run, and what they leave when they are not disturbed.

    Args:
        scratch: an empty folder.
        seconds: after which a command hangs.
        disk: the folder of the work and the cache, if it is another.
    """

    def __init__(self, scratch: Path, seconds: float, disk: Path | None = None) -> None:
        disk = scratch if disk is None else disk
        self.folder, self.cache = disk / "work", disk / "cache"
        self._scratch, self._before, self._seconds = scratch, scratch / "before", seconds
        self.folder.mkdir()
        os.environ["SAIBENCH_CACHE_DIR"] = str(self.cache)
        import_as(list(COMMANDS.values()), self.folder, scratch / "log")
        shutil.copytree(self.cache, scratch / "full cache")
        self.took: dict[str, float] = {}
        self._whole: dict[str, Content] = {}
        for name in COMMANDS:
            self.reset(name)
            self.took[name] = self.run(name).seconds
            self._whole[name] = self._content()
            if name == "sweep":
                shutil.copytree(self.folder, self._before)

    def reset(self, name: str, has_cache: bool = True) -> None:
        """Prepare the folder for a command: `report` and `export` find trained runs alone."""
        _empty(self.folder)
        if not has_cache:
            shutil.rmtree(self.cache, ignore_errors=True)
        elif self._before.exists():
            shutil.copytree(self._scratch / "full cache", self.cache, dirs_exist_ok=True)
        if name != "sweep":
            shutil.copytree(self._before, self.folder, dirs_exist_ok=True)
            shutil.rmtree(self.folder / STUDY / "evidence")
            (self.folder / STUDY / "report.html").unlink()

    def start(self, name: str, prepare: Prepare | None = None, log: str = "log") -> Running:
        return Running(COMMANDS[name], self.folder, self._scratch / log, prepare)

    def wait(self, running: Running) -> Ended:
        return running.wait(self._seconds)

    def run(self, name: str, prepare: Prepare | None = None) -> Ended:
        return self.wait(self.start(name, prepare))

    def changes(self, name: str, folder: Path, has_cache: bool = True) -> int:
        """The number of changes of files in `folder` of an undisturbed command."""
        file = self._scratch / "changes"
        file.unlink(missing_ok=True)
        self.reset(name, has_cache)
        self.run(name, counting(folder, file))
        return file.stat().st_size

    def differences(self, name: str, besides: str = "") -> str:
        """Names of files that differ from those of an undisturbed command.

        Args:
            name: of the command.
            besides: a second command that has run.
        """
        found, whole = self._content(), {**self._whole.get(besides, {}), **self._whole[name]}
        differing = {path for path in found.keys() | whole if found.get(path) != whole.get(path)}
        return ", ".join(sorted(differing))

    def case(
        self,
        fault: str,
        name: str,
        ended: Sequence[Ended],
        where: str = "",
        besides: str = "",
    ) -> Case:
        """How a fault ended, by the commands that met it and, as the last, the one given again."""
        for one in ended:
            if one.fault is not None:
                return Case(fault, one.fault, f"{where}: {one.output[-1500:]}")
        *struck, again = ended
        if again.status != 0:
            return Case(fault, Outcome.SILENT, f"{where}: given again: {again.output[-1500:]}")
        if differing := self.differences(name, besides):
            return Case(fault, Outcome.SILENT, f"{where}: {differing}")
        refused = next((one for one in struck if one.status), None)
        if refused is not None:
            return Case(fault, Outcome.REFUSED, refused.output[-600:])
        return Case(fault, Outcome.EQUAL)

    def _content(self) -> Content:
        return forked(content, self.folder)


def _empty(folder: Path) -> None:
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


def content(folder: Path) -> Content:
    """A hash of each file, without what is measured in it."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != ".lock")
    return {str(path.relative_to(folder)): _hash(path) for path in paths}


def _hash(path: Path) -> str:
    match path.suffix:
        case ".ckpt":
            held = repr(_unmeasured(_checkpoint(path))).encode()
        case ".json":
            held = json.dumps(_unmeasured(json.loads(path.read_text()))).encode()
        case ".html" | ".md":
            held = MASKED.sub("", path.read_text(encoding="utf-8")).encode()
        case _ if path.name == "points.parquet":
            held = repr(_points(path)).encode()
        case _ if path.name == "SHA256SUMS":
            lines = path.read_text().splitlines()
            held = "\n".join(line for line in lines if not HASHED.search(line)).encode()
        case _:
            held = path.read_bytes()
    return hashlib.sha256(held).hexdigest()


def _checkpoint(path: Path) -> Any:
    import torch

    return torch.load(path, weights_only=True)


def _points(path: Path) -> Any:
    import polars

    columns = polars.read_parquet(path).to_dict(as_series=False)
    columns["record"] = [_unmeasured(json.loads(text)) for text in columns["record"]]
    return {name: values for name, values in columns.items() if name.split("_")[0] not in MEASURED}


def _unmeasured(node: Any) -> Any:
    """Builtins without measured entries, tensors as bytes."""
    if isinstance(node, dict):
        return {
            str(name): _unmeasured(value)
            for name, value in node.items()
            if name not in MEASURED and not HASHED.search(str(name))
        }
    if isinstance(node, list | tuple):
        return [_unmeasured(value) for value in node]
    if hasattr(node, "numpy"):
        array = node.numpy()
        return str(array.dtype), array.shape, array.tobytes()
    return node
