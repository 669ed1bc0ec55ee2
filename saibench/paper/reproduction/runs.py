"""The points that a figure takes: run, or reused where they are complete, and their evidence."""

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
    """The points of one study.

    Args:
        study: below `sweeps/`.
        folder: of the study.
        points: their hashes.
        status: the exit code of `train.py`.
    """

    study: str
    folder: Path
    points: tuple[str, ...]
    status: int

    def evidence(self) -> StudyEvidence:
        """Of these points alone, though others may lie in the same folder.

        Raises:
            UserError: none of them has results.
        """
        found = StudyEvidence.load(self.folder)
        records = {point: record for point, record in found.records.items() if point in self.points}
        if not records:
            raise UserError(f"{self.folder} has no record of any point of {self.study}.")
        metrics = {point: one for point, one in found.metrics.items() if point in records}
        sources = {
            name: tuple(path for path in paths if path.parent.name.endswith(self.points))
            for name, paths in found.sources.items()
        }
        held = {name: paths for name, paths in sources.items() if paths}
        return replace(found, records=records, metrics=metrics, sources=held)


def run_study(study: str, overrides: Sequence[str]) -> StudyRun:
    """Run the points of a study as `train.py` does; those that are complete are not run again.

    Raises:
        UserError: the settings do not compose, or a point cannot work; nothing is written.
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
    with _typed("train.py", arguments):
        status = train_points(command)
    return StudyRun(study, points[0].study, tuple(point.hash for point in points), status)


@contextmanager
def _typed(script: str, arguments: Sequence[str]) -> Iterator[None]:
    """Let records name the command that makes these points, and no other."""
    typed = sys.argv
    sys.argv = [script, *arguments]
    try:
        yield
    finally:
        sys.argv = typed
