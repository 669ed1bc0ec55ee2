"""Compare a study that ran with its techniques in the toolbox."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from command_line import saibench

from saibench.evidence.reader import StudyEvidence
from saibench.paper.toolbox.technique import Supported
from saibench.paper.toolbox.techniques import techniques

MORE_THAN_TINY = ("learning_curve", "window_similarity", "trusted_range")
"""Figures that need more than two runs of a few frames."""


def assert_techniques_ran(study: str, folder: Path) -> None:
    """Assert that the study has the partitions and statistics of its techniques.

    Figures and commands are checked for techniques that the paper did not run.

    Args:
        study: name below `sweeps/`.
        folder: folder of its runs, with a report.
    """
    for one in _by_study().get(study, ()):
        _assert_named(one, folder)
        if not one.in_paper:
            _assert_shown(one, folder)


@cache
def _by_study() -> dict[str, list[Supported]]:
    """How techniques run on a workload, by the small study that shows it."""
    found: dict[str, list[Supported]] = {}
    for technique in techniques():
        for one in technique.supported.values():
            found.setdefault(one.mini, []).append(one)
    return found


def _assert_named(one: Supported, folder: Path) -> None:
    frozen = next(folder.glob("*/config.yaml")).read_text()
    assert not [name for name in one.partitions_by if f"_target_: {name}" not in frozen]
    evidence = StudyEvidence.load(folder)
    partitions = [tested for point in evidence.metrics.values() for tested in point.values()]
    for statistic in one.statistics:
        axis, _, name = statistic.rpartition("/")
        columns = evidence.table(f"by_{axis}" if axis else "samples").columns
        assert name in columns or any(name in metrics for metrics in partitions)


def _assert_shown(one: Supported, folder: Path) -> None:
    page = (folder / "report.html").read_text()
    for name in (figure.rpartition(".")[2] for figure in one.figures):
        assert name in MORE_THAN_TINY or f'id="figure-{name}"' in page
    if one.command:
        ended = saibench(folder, one.command, str(folder))
        assert ended.status == 0, ended.err
