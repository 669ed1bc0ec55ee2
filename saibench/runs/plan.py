"""What a command would do with each of its runs: `train.py … --dry-run`.

No run is written; data that the check of the runs needs are prepared in the cache.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from rich.table import Table

from saibench.errors import InsufficientData, UserError
from saibench.evidence.run_record import COMPLETE, FAILED, read_record
from saibench.formatting import counted, duration, file_size, joined, number
from saibench.runs.measured import MeasuredRun, like, measured_runs
from saibench.runs.point import LAST, Point, is_locked
from saibench.runs.sibling import why_anew
from saibench.runs.study import table_console

NEW = "new"
RESUMED = "resumed"
TESTED = "tested further"
IN_USE = "in use"
IMPOSSIBLE = "impossible"
RUNS = (NEW, RESUMED, TESTED)


@dataclass(frozen=True)
class PlannedRun:
    """What a command would do with one run.

    Args:
        point: the run.
        state: `NEW`, `RESUMED`, `TESTED`, `COMPLETE`, `IN_USE` or `IMPOSSIBLE`.
        why: sentences on the state.
        steps: of training that are left; None if its budget is a time.
        seconds: estimated time that is left; None if no such run was measured.
        size: estimated bytes on disk that are added, likewise.
        measured: the run from which they are estimated.
    """

    point: Point
    state: str
    why: tuple[str, ...] = ()
    steps: int | None = 0
    seconds: float | None = 0.0
    size: float | None = 0.0
    measured: MeasuredRun | None = None


def plan_runs(
    points: Sequence[Point], insufficient: Mapping[Path, InsufficientData]
) -> list[PlannedRun]:
    """What would become of each point.

    Args:
        points: of a command, checked.
        insufficient: by folder, why the data do not suffice.
    """
    by_workload: dict[tuple[Path, str], list[MeasuredRun]] = {}
    planned = []
    for point in points:
        if (error := insufficient.get(point.folder)) is not None:
            planned.append(PlannedRun(point, IMPOSSIBLE, (str(error),)))
            continue
        key = point.study.parent, str(point.settings["workload"]["name"])
        if key not in by_workload:
            by_workload[key] = measured_runs(*key)
        planned.append(_planned(point, by_workload[key]))
    return planned


def print_plan(planned: Sequence[PlannedRun]) -> None:
    """Print a table of the runs of each study, and what they take together."""
    console = table_console()
    for study in dict.fromkeys(run.point.study for run in planned):
        runs = [run for run in planned if run.point.study == study]
        console.print(_table(study, runs))
        for run in runs:
            for sentence in run.why:
                console.print(f"{run.point.name}: {sentence}", markup=False)
    for line in _summary(planned):
        console.print(line, markup=False)


def _planned(point: Point, measured: list[MeasuredRun]) -> PlannedRun:
    from saibench.runs.execute import settings_to_be, test_settings
    from saibench.runs.retest import lacks  # imports torch

    try:
        record = read_record(point.folder)
    except UserError as error:
        return PlannedRun(point, IMPOSSIBLE, (str(error),))
    if is_locked(point.folder):
        return PlannedRun(point, IN_USE, ("another process works on it.",))
    source = like(point.settings, measured)
    if record.get("state") == COMPLETE:
        try:
            lacking = lacks(point.folder, test_settings(point), settings_to_be(point))
        except UserError as error:
            return PlannedRun(point, IMPOSSIBLE, (str(error),))
        if not lacking:
            return PlannedRun(point, COMPLETE)
        seconds = None if source is None else source.test
        untested = f"its evidence lacks {joined(lacking)}."
        return PlannedRun(point, TESTED, (untested,), 0, seconds, None, source)
    budget, (done, spent) = steps_of_budget(point.settings), trained_so_far(point.folder)
    left = None if budget is None else max(0, budget - done)
    why = tuple(why_anew(point)) if not record else ()
    if done:
        why = (f"goes on from step {done:,}.",)
    elif record.get("state") == FAILED:
        why = (f"failed before: {(record.get('failure') or {}).get('cause')}",)
    state = RESUMED if record else NEW
    if source is None:
        return PlannedRun(point, state, why, left, None, None)
    seconds = _seconds(point.settings, left, spent, source)
    return PlannedRun(point, state, why, left, seconds, source.size, source)


def steps_of_budget(settings: Mapping[str, Any]) -> int | None:
    """Steps of training; None if only a time limits them."""
    if settings["datamodule"].get("steps") == 0:  # its model is not trained
        return 0
    steps = settings["trainer"]["max_steps"]
    return None if steps is None else int(steps)


def seconds_of_budget(settings: Mapping[str, Any]) -> float | None:
    """Seconds of training in all sessions (`trainer.max_time`, DD:HH:MM:SS); None if unlimited."""
    limit = settings["trainer"]["max_time"]
    if limit is None:
        return None
    days, hours, minutes, seconds = map(int, limit.split(":"))
    return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds).total_seconds()


def trained_so_far(folder: Path) -> tuple[int, float]:
    """Steps and seconds from which the run would go on; 0 if its checkpoint is damaged."""
    path = folder / LAST
    if not path.exists():
        return 0, 0.0
    from saibench.runs.checkpoints import trained_until  # imports torch

    try:
        return trained_until(path)
    except UserError:  # the command that goes on says so
        return 0, 0.0


def _seconds(
    settings: Mapping[str, Any], steps: int | None, spent: float, source: MeasuredRun
) -> float:
    """Estimated seconds of a run; a limit of time, of which some are spent, ends its training."""
    limit = seconds_of_budget(settings)
    longest = math.inf if limit is None else max(0.0, limit - spent)
    train = math.inf if steps is None else steps * source.step
    return source.prepare + min(train, longest) + source.test


def _table(study: Path, runs: Iterable[PlannedRun]) -> Table:
    table = Table(title=str(study), title_justify="left", box=None, pad_edge=False)
    table.add_column("run", no_wrap=True)
    table.add_column("plan", no_wrap=True)
    for heading in ("steps", "time", "disk"):
        table.add_column(heading, justify="right", no_wrap=True)
    for run in runs:
        cost = ("", "", "")
        if run.state in RUNS:
            cost = number(run.steps), duration(run.seconds), file_size(run.size)
        table.add_row(run.point.name, run.state, *cost)
    return table


def _summary(planned: Sequence[PlannedRun]) -> list[str]:
    """How many runs of each kind, what they take, and from where that is known."""
    kinds = Counter(run.state for run in planned)
    lines = [
        f"{counted(len(planned), 'run')}: {joined([f'{n} {kind}' for kind, n in kinds.items()])}."
    ]
    left = [run for run in planned if run.state in RUNS]
    known = [run for run in left if run.seconds is not None]
    if known:
        seconds = sum(run.seconds or 0 for run in known)
        sizes = [run.size for run in known if run.size is not None]
        size = f", and {file_size(sum(sizes))}" if sizes else ""
        unknown = len(left) - len(known)
        but = f", without {counted(unknown, 'run')} of unknown time" if unknown else ""
        lines.append(f"Together about {duration(seconds)} one after another{size}{but}.")
        lines += dict.fromkeys(_source(run, run.measured) for run in known if run.measured)
    elif left:
        lines.append(
            "No complete run of this model with these batches and devices is in "
            f"{left[0].point.study.parent}, so times and sizes are not known."
        )
    return lines


def _source(run: PlannedRun, measured: MeasuredRun) -> str:
    step = f"{number(1000 * measured.step)} ms a step, " if measured.step else ""
    other = "" if measured.has_data_of(run.point.settings) else ", which has other data or tests"
    return (
        f"Estimated from {measured.folder.parent.name}/{measured.folder.name}{other}: {step}"
        f"{duration(measured.prepare + measured.test)} before and after training."
    )
