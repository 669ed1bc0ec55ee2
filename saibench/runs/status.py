"""How far the runs of a study are: `saibench status`. Nothing is written."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from rich.table import Table
from rich.text import Text

from saibench.errors import UserError, first_line
from saibench.evidence.run_record import (
    COMPLETE,
    FAILED,
    FILE,
    NOT_APPLICABLE,
    RUNNING,
    read_record,
)
from saibench.files.frozen_config import CONFIG, read_frozen
from saibench.formatting import counted, duration, joined, number
from saibench.runs.expected import read_expected
from saibench.runs.plan import seconds_of_budget, steps_of_budget, trained_so_far
from saibench.runs.point import is_locked
from saibench.runs.progress import Progress, read_progress

NOT_STARTED = "not started"
PREPARES = "prepares"
KILLED = "killed"
AT_WORK = (PREPARES, "trains", "is tested")


@dataclass(frozen=True)
class RunStatus:
    """How far a run is.

    Args:
        name: of its folder.
        state: of its record; one of `AT_WORK` while a process works on it; `KILLED` if its process
            ended without a word; or `NOT_STARTED`.
        steps: of training that are done.
        budget: steps of training in all; None if unknown.
        seconds: that it took, if it is complete.
        left: estimated seconds to its end, if a process works on it or it was not started; None if
            unknown.
        cause: why it failed.
    """

    name: str
    state: str
    steps: int = 0
    budget: int | None = None
    seconds: float | None = None
    left: float | None = None
    cause: str | None = None


def study_status(study: Path) -> list[RunStatus]:
    """The state of each run of a study, and of those of its latest sweep that have not begun.

    Raises:
        UserError: the folder has no runs.
    """
    folders = sorted(path.parent for path in study.glob(f"*/{FILE}"))
    names = dict.fromkeys([*(folder.name for folder in folders), *read_expected(study)])
    if not names:
        raise UserError(f"{study} {_not_a_study(study)}")
    records = {folder.name: _record(folder) for folder in folders}
    took = [
        one["seconds"]
        for one in records.values()
        if one.get("state") == COMPLETE and {"test", "total"} <= (one.get("seconds") or {}).keys()
    ]
    test = median(one["test"] for one in took) if took else None
    total = median(one["total"] for one in took) if took else None
    return [
        _status(study / name, records[name], test)
        if name in records
        else RunStatus(name, NOT_STARTED, left=total)
        for name in names
    ]


def _not_a_study(folder: Path) -> str:
    """What a folder without runs is instead, and which one to use."""
    if (folder / FILE).exists():
        return f"is a run. Use its study: {folder.absolute().parent}."
    if studies := sorted({path.parent.parent for path in folder.glob(f"*/*/{FILE}")}):
        return f"holds studies. Use one of them: {', '.join(map(str, studies))}."
    what = "has no runs" if folder.is_dir() else "is no folder"
    return f"{what}. Use the folder of a study that train.py wrote, such as outputs/force_field."


def status_table(study: Path, runs: Sequence[RunStatus]) -> Table:
    """One line a run."""
    table = Table(title=str(study), title_justify="left", box=None, pad_edge=False)
    table.add_column("run", no_wrap=True)
    table.add_column("state", no_wrap=True)
    for heading in ("steps", "took", "left"):
        table.add_column(heading, justify="right", no_wrap=True)
    for run in runs:
        left = duration(run.left) if run.state in (*AT_WORK, NOT_STARTED) else ""
        took = duration(run.seconds) if run.seconds is not None else ""
        table.add_row(Text(run.name), run.state, _steps(run), took, left)
    return table


def status_sentences(runs: Sequence[RunStatus]) -> list[str]:
    """Why runs failed, how many are in which state, and when the sweep will end."""
    lines = [f"{run.name} {run.state}: {run.cause}" for run in runs if run.cause is not None]
    states = Counter(run.state for run in runs)
    kinds = joined([f"{count} {state}" for state, count in states.items()])
    lines.append(f"{counted(len(runs), 'run')}: {kinds}.")
    at_work = [run for run in runs if run.state in AT_WORK]
    ahead = [*at_work, *(run for run in runs if run.state == NOT_STARTED)]
    if not at_work:
        if any(run.state not in (COMPLETE, NOT_APPLICABLE) for run in runs):
            lines.append("No process works on this study. The same command goes on with it.")
    elif known := [run.left for run in ahead if run.left is not None]:
        left = max(sum(known) / len(at_work), max(known))
        unknown = len(ahead) - len(known)
        but = f", without {counted(unknown, 'run')} of unknown time" if unknown else ""
        lines.append(f"About {duration(left)} left with {len(at_work)} at once{but}.")
    return lines


def _status(folder: Path, record: dict[str, Any], test: float | None) -> RunStatus:
    """The state of a run that has begun.

    Args:
        folder: of the run.
        record: of the run.
        test: seconds that a test of this study takes; None if unknown.
    """
    name, state = folder.name, record["state"]
    budget, limit = _budget(folder)
    if state == COMPLETE:
        seconds = (record.get("seconds") or {}).get("total")
        return RunStatus(name, state, record.get("steps") or 0, budget, seconds)
    if state == RUNNING and is_locked(folder):
        progress = read_progress(folder)
        if progress is None:
            return RunStatus(name, PREPARES, 0, budget)
        left = _left(progress, budget, limit, test)
        return RunStatus(name, progress.phase, progress.steps, budget, None, left)
    cause = (record.get("failure") or {}).get("cause")
    return RunStatus(
        name,
        KILLED if state == RUNNING else state,
        trained_so_far(folder)[0],
        budget,
        cause=None if cause is None else first_line(cause),
    )


def _left(
    progress: Progress, budget: int | None, limit: float | None, test: float | None
) -> float | None:
    """Seconds to the end of the run: of its training, and of a test.

    Training ends with its steps, at the speed of this session, or at the limit of time.
    """
    now = time.time() - progress.written
    if progress.phase == "is tested":
        return None if test is None else max(0.0, test - now)
    ends = []
    if budget is not None and progress.session_steps:
        step = progress.session_seconds / progress.session_steps
        ends.append(step * (budget - progress.steps))
    if limit is not None:
        ends.append(max(0.0, limit - progress.seconds - now))
    return min(ends) + (test or 0) if ends else None


def _budget(folder: Path) -> tuple[int | None, float | None]:
    """Steps and seconds that limit the training; None without such a limit."""
    try:
        settings = read_frozen(folder / CONFIG)
        return steps_of_budget(settings), seconds_of_budget(settings)
    except (UserError, LookupError, TypeError, ValueError):  # damaged; its own command says so
        return None, None


def _record(folder: Path) -> dict[str, Any]:
    """The record of a run, or one that says that it is damaged."""
    try:
        record = read_record(folder)
    except UserError as error:
        return {"state": FAILED, "failure": {"cause": str(error)}}
    return {"state": FAILED, **record}


def _steps(run: RunStatus) -> str:
    if run.budget is None:
        return number(run.steps) if run.steps else ""
    if run.state == COMPLETE or not run.budget:
        return number(run.budget)
    return f"{number(run.steps)} of {number(run.budget)}"
