"""The end of a command: evidence joined, a report, a table, and the exit code."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from saibench.runs.point import Point
from saibench.runs.record import COMPLETE, NOT_APPLICABLE, read_record

NOT_RUN = "not run"
_COLOURS = {COMPLETE: "green", NOT_APPLICABLE: "yellow"}


def conclude(points: Sequence[Point]) -> int:
    """Join and report what the points of a command left, and say how each ended.

    Returns:
        1 if a point failed or did not run, else 0. A point that its data cannot hold is listed
        and is no failure.
    """
    folder = points[0].study
    records = {point.folder: read_record(point.folder) for point in points}
    console = Console(highlight=False)
    console.print(_table(folder, points))
    if any(record.get("state") == COMPLETE for record in records.values()):
        console.print(f"report: {_report(folder)}", soft_wrap=True)
    states = [record.get("state", NOT_RUN) for record in records.values()]
    return int(any(state not in (COMPLETE, NOT_APPLICABLE) for state in states))


def _report(folder: Path) -> Path:
    from saibench.evidence.reader import join
    from saibench.report.page import write_report

    join(folder)
    return write_report(folder)


def _table(folder: Path, points: Sequence[Point]) -> Table:
    table = Table(title=str(folder), title_justify="left", box=None, pad_edge=False)
    for column in ("point", "state", "cause"):
        table.add_column(column, overflow="fold")
    for point in points:
        record = read_record(point.folder)
        state = record.get("state", NOT_RUN)
        cause = (record.get("failure") or {}).get("cause", "")
        table.add_row(point.name, f"[{_COLOURS.get(state, 'red')}]{state}[/]", cause)
    return table
