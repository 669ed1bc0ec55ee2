"""The end of a command: evidence joined, a report, a table, and the exit code."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from saibench.errors import UserError
from saibench.runs.execute import Outcome
from saibench.runs.point import Point
from saibench.runs.record import COMPLETE, NOT_APPLICABLE, read_json, read_record

NOT_RUN = "not run"
_COLOURS = {COMPLETE: "green", NOT_APPLICABLE: "yellow"}
_WIDTH = 200
"""Columns of a table that no terminal shows: no name is wrapped in a log file."""


def conclude(points: Sequence[Point], outcomes: Mapping[Path, Outcome]) -> int:
    """Join and report what the points of a command left, and say how each ended.

    Args:
        points: of one study.
        outcomes: by folder; a point without one did not end (a sweep that was stopped).

    Returns:
        1 if a point failed or did not run, or nothing could be reported, else 0. A point that
        its data cannot hold is listed and is no failure.
    """
    folder = points[0].study
    ends = [outcomes.get(point.folder) or _recorded(point.folder) for point in points]
    console = Console(highlight=False, soft_wrap=True)
    if not console.is_terminal:
        console.width = _WIDTH
    console.print(_table(folder, points, ends))
    for point, end in zip(points, ends, strict=True):
        if end.cause is not None:
            console.print(f"{point.name} {end.state}: {end.cause}", markup=False)
    failed = any(end.state not in (COMPLETE, NOT_APPLICABLE) for end in ends)
    if any(end.state == COMPLETE for end in ends):
        failed |= not report(folder, console)
    return int(failed)


def report(folder: Path, console: Console | None = None) -> bool:
    """Join the evidence of a study and write its page; whether that was possible."""
    from saibench.evidence.reader import join
    from saibench.report.page import write_report

    console = console or Console(highlight=False, soft_wrap=True)
    try:
        join(folder)
        console.print(f"report: {write_report(folder)}", markup=False)
    except (UserError, OSError) as error:  # another point's damage, a full disk: points are done
        console.print(f"no report: {error}", markup=False)
        return False
    return True


def _recorded(folder: Path) -> Outcome:
    record = read_record(folder)
    cause = (record.get("failure") or {}).get("cause")
    return Outcome(folder, record.get("state", NOT_RUN), cause)


def _table(folder: Path, points: Sequence[Point], ends: Sequence[Outcome]) -> Table:
    rows = [_row(point, end) for point, end in zip(points, ends, strict=True)]
    metric = next((row["metric"] for row in rows if row["metric"]), "")
    table = Table(title=escape(str(folder)), title_justify="left", box=None, pad_edge=False)
    table.add_column("point", no_wrap=True)
    table.add_column("state", no_wrap=True)
    table.add_column("seconds", justify="right", no_wrap=True)
    table.add_column(escape(metric), justify="right", no_wrap=True)
    for row in rows:
        state = f"[{_COLOURS.get(row['state'], 'red')}]{row['state']}[/]"
        table.add_row(row["name"], state, row["seconds"], row["value"])
    return table


def _row(point: Point, end: Outcome) -> dict[str, str]:
    """The cells of a point: its first headline metric on the first partition it was tested on."""
    row = {"name": point.name, "state": end.state, "seconds": "", "metric": "", "value": ""}
    if end.state != COMPLETE:
        return row
    record, metrics = read_record(point.folder), read_json(point.folder / "metrics.json")
    row["seconds"] = f"{record.get('seconds', {}).get('total', 0):.1f}"
    partition = next((name for name in point.settings["test"] if name in metrics), None)
    if partition is not None:
        row |= _headline(partition, metrics[partition], record.get("headline") or [])
    return row


def _headline(partition: str, metrics: Mapping[str, Any], wanted: Sequence[str]) -> dict[str, str]:
    name = next((name for name in [*wanted, *metrics] if name in metrics), None)
    if name is None or metrics[name]["value"] is None:
        return {}
    unit = f" [{metrics[name]['unit']}]" if metrics[name]["unit"] else ""
    return {
        "metric": f"{name}{unit} on {partition}",
        "value": f"{metrics[name]['value']:.4g}",
    }
