"""The runs of a figure, which are started or reused, and their evidence."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from saibench.errors import UserError
from saibench.evidence.reader import StudyEvidence


@dataclass(frozen=True)
class StudyRun:
    """The runs of one study.

    Args:
        study: name below `sweeps/`.
        folder: of the study.
        points: hashes of the runs.
        status: the exit code of `train.py`.
    """

    study: str
    folder: Path
    points: tuple[str, ...]
    status: int

    def evidence(self) -> StudyEvidence:
        """The evidence of these runs alone; the folder can have others.

        Raises:
            UserError: none of them has results.
        """
        found = StudyEvidence.load(self.folder)
        records = {point: record for point, record in found.records.items() if point in self.points}
        if not records:
            raise UserError(f"{self.folder} has no record of any run of {self.study}.")
        metrics = {point: one for point, one in found.metrics.items() if point in records}
        sources = {
            name: tuple(path for path in paths if path.parent.name.endswith(self.points))
            for name, paths in found.sources.items()
        }
        sources = {name: paths for name, paths in sources.items() if paths}
        return replace(found, records=records, metrics=metrics, sources=sources)


def run_study(study: str, overrides: Sequence[str]) -> StudyRun:
    """Start the runs of a study as `train.py` does; complete ones are reused.

    Raises:
        UserError: the settings do not compose, or a run is impossible; nothing is written.
    """
    from saibench.config.compose import compose_command
    from saibench.config.content import identified
    from saibench.runs.command import train_points
    from saibench.runs.point import Point

    arguments = ["-m", f"+sweeps={study}", *overrides]
    command = compose_command("train", arguments)
    points = [
        Point(identified(config), Path(config.hydra.sweep.dir).absolute())
        for config in command.points
    ]
    with _command_line("train.py", arguments):
        status = train_points(command)
    return StudyRun(study, points[0].study, tuple(point.hash for point in points), status)


@contextmanager
def _command_line(script: str, arguments: Sequence[str]) -> Iterator[None]:
    """Set `sys.argv`, so that records have the command of these runs."""
    original = sys.argv
    sys.argv = [script, *arguments]
    try:
        yield
    finally:
        sys.argv = original
