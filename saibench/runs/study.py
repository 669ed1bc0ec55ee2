"""End a command: join the evidence, write the report, print a table, return the exit code."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from saibench.config.lost_jobs import Lost
from saibench.errors import UserError
from saibench.evidence.metrics import located
from saibench.evidence.run_record import (
    COMPLETE,
    FAILED,
    NOT_APPLICABLE,
    RUNNING,
    STOPPED,
    read_metrics,
    read_record,
    update_record,
)
from saibench.printable import printable
from saibench.runs.error_files import cause_of
from saibench.runs.outcome import Outcome
from saibench.runs.point import Point, is_locked

if TYPE_CHECKING:
    from saibench.evidence.reader import StudyEvidence

NOT_RUN = "not run"
_COLOURS = {COMPLETE: "green", NOT_APPLICABLE: "yellow"}
_WIDTH = 200
"""Width of a table outside a terminal, so that log files wrap no name."""


def conclude(
    points: Sequence[Point], outcomes: Mapping[Path, Outcome], reports: bool = True
) -> int:
    """Print how each run of a command ended, join the evidence and write the report.

    Args:
        points: of one study.
        outcomes: by folder; a point without one did not end (its sweep was stopped).
        reports: whether to join the evidence and write the report, unless `report=false`.

    Returns:
        1 if a run failed or did not start, or if the report failed, else 0. A run without enough
        data is `not_applicable`, which is no failure.
    """
    folder = points[0].study
    ends = [outcomes.get(point.folder) or _recorded(point.folder) for point in points]
    console = table_console()
    console.print(_table(folder, points, ends))
    for point, end in zip(points, ends, strict=True):
        if end.cause is not None:
            console.print(f"{point.name} {end.state}: {end.cause}", markup=False)
    failed = any(has_failed(end) for end in ends)
    if reports and any(end.state == COMPLETE for end in ends):
        if all(point.settings.get("report", True) for point in points):
            failed |= not report(folder, console, in_short=True)
        else:
            print_unreported(folder)
    return int(failed)


def print_unreported(study: Path) -> None:
    """Print which command writes the page that `report=false` leaves as it is."""
    command = f"python -m saibench report {shlex.quote(str(study))}"
    print(printable(f"report=false: {command} joins the new tests and writes the page."))


def has_failed(end: Outcome) -> bool:
    """Whether a run of a sweep is neither complete nor without enough data."""
    return end.state not in (COMPLETE, NOT_APPLICABLE)


def table_console() -> Console:
    """A console whose tables wrap no name in a log file."""
    console = Console(highlight=False, soft_wrap=True)
    if not console.is_terminal:
        console.width = _WIDTH
    return console


def known_outcomes(results: Sequence[Outcome | Lost], folders: Sequence[Path]) -> list[Outcome]:
    """The outcomes of runs; of one whose process was lost, from its record."""
    return [
        one if isinstance(one, Outcome) else _recorded(folder, one.cause)
        for one, folder in zip(results, folders, strict=True)
    ]


def report(folder: Path, console: Console | None = None, in_short: bool = False) -> bool:
    """Join the evidence of a study and write its report; return whether that succeeded.

    Args:
        folder: of the study.
        console: to print to.
        in_short: whether to print where the best run can be trusted, what drives its error, and
            whether it is significantly best.
    """
    from saibench.evidence.reader import StudyEvidence
    from saibench.report.page import write_report

    console = console or Console(highlight=False, soft_wrap=True)
    try:
        evidence = StudyEvidence.load(folder)
        evidence.join()
        written = write_report(evidence)
    except (UserError, OSError) as error:  # a damaged run, a full disk
        console.print(f"no report: {cause_of(error)}", markup=False)
        return False
    console.print(f"report: {written}", markup=False)
    if in_short:
        for line in answer_lines(evidence):
            console.print(line, markup=False)
    return True


def answer_lines(evidence: StudyEvidence) -> list[str]:
    """One line per answer; those of the report, from the same computation."""
    from saibench.analysis.answers import study_answers

    answers = study_answers(evidence)
    return [
        f"{heading}: {answer.sentence}"
        for heading, answer in (
            ("trust", answers.trust),
            ("error", answers.drivers),
            ("best run", answers.best),
        )
    ]


def _recorded(folder: Path, lost: str | None = None) -> Outcome:
    """How a run ended by its record.

    Args:
        folder: of the run.
        lost: what became of its process, if that is known.
    """
    try:
        record = read_record(folder)
    except UserError as error:
        return Outcome(folder, FAILED, str(error))
    state = record.get("state", NOT_RUN)
    if state == RUNNING and not is_locked(folder):  # its process was killed
        state = STOPPED
        update_record(folder, state=state)
    cause = (record.get("failure") or {}).get("cause") if lost is None else lost
    return Outcome(folder, state, None if state == COMPLETE else cause)


def _table(folder: Path, points: Sequence[Point], ends: Sequence[Outcome]) -> Table:
    results = [_result(point, end) for point, end in zip(points, ends, strict=True)]
    heading = next((own for _, own, _ in results if own), "")
    table = Table(title=escape(str(folder)), title_justify="left", box=None, pad_edge=False)
    table.add_column("run", no_wrap=True)
    table.add_column("state", no_wrap=True)
    table.add_column("seconds", justify="right", no_wrap=True)
    table.add_column(escape(heading), justify="right", no_wrap=True)
    for point, end, (seconds, own, value) in zip(points, ends, results, strict=True):
        state = f"[{_COLOURS.get(end.state, 'red')}]{end.state}[/]"
        other = escape(f" ({own})") if value and own != heading else ""
        table.add_row(point.name, state, seconds, f"{value}{other}")
    return table


def _result(point: Point, end: Outcome) -> tuple[str, str, str]:
    """Seconds, and the first headline metric on the first partition that has it, with heading."""
    if end.state != COMPLETE:
        return "", "", ""
    record, metrics = read_record(point.folder), read_metrics(point.folder)
    seconds = f"{record.get('seconds', {}).get('total', 0):.1f}"
    first = point.settings["test"][0]
    for metric in [*(record.get("headline") or []), *metrics.get(first, {})]:
        if place := located([metrics], metric, first):
            partition, name = place
            entry = metrics[partition][name]
            unit = f" [{entry['unit']}]" if entry.get("unit") else ""
            return seconds, f"{name}{unit} on {partition}", f"{entry['value']:.4g}"
    return seconds, "", ""
