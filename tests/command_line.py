"""Run commands in this process or a new one, and settings of a run of a second."""

from __future__ import annotations

import contextlib
import io
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from saibench import cli
from saibench.evidence.once import Recent

REPOSITORY = Path(__file__).parents[1]
FRAMES = ("data.frames=300", "data.stride=1", "data.equilibration=0.05")
TRAJECTORY = ("data=gfn2_xtb", *FRAMES)
TINY = (
    *TRAJECTORY,
    *("test=[last_tenth]", "window.size=null"),
    *("model=cartesian", "model.net.num_features=8", "model.net.num_layers=1"),
    *("subset.count=20", "trainer.max_steps=4", "trainer.val_every=2", "trainer.accelerator=cpu"),
    *("logger=none", "trainer.progress=false"),
)
"""A net of a few hundred weights, four steps, 20 of 270 frames, no download, no GPU."""

QUIET = ("logger=none", "trainer.progress=false", "trainer.accelerator=cpu")
BLANK = b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 600 300"></svg>'
"""Replaces a figure, which takes longer to write as SVG than a tiny net to train."""


@dataclass(frozen=True)
class Ended:
    """Exit code and output of a command."""

    status: int
    out: str
    err: str


def train(folder: Path, *arguments: str) -> Ended:
    """`python train.py <arguments>` in `folder`, in this process."""
    return _called(cli.train, "train.py", folder, arguments)


@contextlib.contextmanager
def no_page() -> Iterator[None]:
    """Join studies without writing their page, which takes longer than a tiny net."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("saibench.report.page.write_report", lambda evidence: evidence.folder)
        patch.setattr("saibench.runs.study.answer_lines", lambda evidence: [])
        yield


@contextlib.contextmanager
def one_error_model() -> Iterator[None]:
    """Fit trusted ranges with one kind of error model, where their competition takes longest."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("saibench.analysis.trusted_range.candidates.KINDS", ("isotonic",))
        patch.setattr("saibench.analysis.trusted_range.study_ranges._FITTED", Recent(64))
        yield


@contextlib.contextmanager
def separate_imports(*packages: str) -> Iterator[None]:
    """Import packages outside the checkout within as a new process would, and forget them after."""
    path, inherited = list(sys.path), os.environ.get("PYTHONPATH", "")
    try:
        yield
    finally:
        sys.path[:] = path
        for name in [name for name in sys.modules if name.partition(".")[0] in packages]:
            del sys.modules[name]
        os.environ["PYTHONPATH"] = inherited


def evaluate(folder: Path, *arguments: str) -> Ended:
    """`python evaluate.py <arguments>` in `folder`, in this process."""
    return _called(cli.evaluate, "evaluate.py", folder, arguments)


def saibench(folder: Path, *arguments: str) -> Ended:
    """`python -m saibench <arguments>` in `folder`, in this process."""
    return _called(cli.main, "-m", folder, arguments)


def ended_with(environment: dict[str, str], script: str, folder: Path, *arguments: str) -> Ended:
    """`train` or `evaluate` with these environment variables and no others."""
    before = dict(os.environ)
    os.environ.clear()
    os.environ.update(environment)
    try:
        return {"train.py": train, "evaluate.py": evaluate}[script](folder, *arguments)
    finally:
        os.environ.clear()
        os.environ.update(before)


def _called(
    entry_point: Callable[[], None], script: str, folder: Path, arguments: tuple[str, ...]
) -> Ended:
    out, err, argv = io.StringIO(), io.StringIO(), sys.argv
    sys.argv = [str(REPOSITORY / script), *arguments]
    try:
        with (
            contextlib.chdir(folder),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
        ):
            entry_point()
    except SystemExit as ended:
        assert isinstance(ended.code, int)
        return Ended(ended.code, out.getvalue(), err.getvalue())
    finally:
        sys.argv = argv
    raise AssertionError("an entry point ends by sys.exit")


def run(script: str, folder: Path, *arguments: str, **environment: str) -> Ended:
    """`python <script> <arguments>` in `folder`, in a new process."""
    modules = {"PYTHONPATH": str(REPOSITORY / "tests"), "OMP_NUM_THREADS": "1"}
    ended = subprocess.run(
        [sys.executable, str(REPOSITORY / script), *arguments],
        cwd=folder,
        env={**os.environ, **modules, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    return Ended(ended.returncode, ended.stdout, ended.stderr)


def only_point(folder: Path) -> Path:
    """Return the folder of the only run below `folder`."""
    (record,) = folder.glob("outputs/*/*/run.json")
    return record.parent
