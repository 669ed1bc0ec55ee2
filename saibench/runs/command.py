"""Run a `train.py` command: check all its runs, launch them, report them."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from saibench.errors import InsufficientData, UserError

if TYPE_CHECKING:
    from omegaconf import DictConfig

    from saibench.config.compose import Command
    from saibench.runs.outcome import Outcome
    from saibench.runs.point import Point

FAILED = 1
INTERRUPTED = 130


def train_points(command: Command) -> int:
    """Complete all runs of a command, report their studies and return the exit code.

    A dry run prints what it would do instead.

    Raises:
        UserError: a run is invalid; nothing is written.
    """
    from saibench.config.launchers import check_launcher, common_num_nodes, starts_elsewhere

    check_launcher(command)
    points, insufficient = _checked_points(command)
    if command.dry_run:
        from saibench.runs.plan import plan_runs, print_plan

        print_plan(plan_runs(points, insufficient))
        return 0
    from saibench.runs.several_nodes import joined, the_run

    num_nodes = 1 if starts_elsewhere(command) else common_num_nodes(command)
    trainers = [point.settings["trainer"] for point in points]
    with joined(num_nodes, trainers, [the_run(point.folder) for point in points]) as writes:
        return _complete(command, points, writes)


def _complete(command: Command, points: Sequence[Point], writes: bool) -> int:
    """Complete the runs of a checked command.

    Args:
        command: checked.
        points: its runs.
        writes: whether this node lists and reports them.
    """
    from saibench.config.launch import JobsGoOn, launch
    from saibench.config.launchers import starts_elsewhere
    from saibench.formatting import are, counted
    from saibench.runs.complete import complete_runs
    from saibench.runs.expected import kept_if_refused
    from saibench.runs.stopping import STOP
    from saibench.runs.study import known_outcomes

    outcomes: list[Outcome] = []
    going_on: tuple[str, ...] = ()
    interrupted = False
    lists = writes and command.multirun
    with kept_if_refused({point.study for point in points if lists}), STOP.listening():
        if lists:
            _write_expected(command, points)
        try:
            known = complete_runs(points) if starts_elsewhere(command) else {}
            outcomes = known_outcomes(
                launch(command, train_point, known), [point.folder for point in points]
            )
        except JobsGoOn as interrupt:
            interrupted, going_on = True, interrupt.jobs
        except KeyboardInterrupt:  # finished work is on disk
            interrupted = True
        except SystemExit:  # on_failure=stop
            pass
        except Exception:  # the signal ended a worker before its task
            if not STOP.requested:
                raise
    if not command.multirun and outcomes:
        refuse_alone(outcomes[0])
    if not writes:
        return _status_elsewhere(outcomes, interrupted or STOP.requested)
    if not (interrupted or STOP.requested):
        return _concluded(points, outcomes)
    _concluded(points, outcomes, reports=False)  # a page may take too long
    if going_on:
        jobs = f"{counted(len(going_on), 'job')} of this command {are(len(going_on))}"
        print(f"Interrupted. {jobs} still in SLURM. To end: `scancel {' '.join(going_on)}`.")
    print("Interrupted. The same command resumes each run from its last checkpoint.")
    return _status_of_stop()


def _status_of_stop() -> int:
    """128 and the number of the signal that this process was told to stop by."""
    from saibench.runs.stopping import STOP

    return INTERRUPTED if STOP.number is None else 128 + STOP.number


def _status_elsewhere(outcomes: Sequence[Outcome], interrupted: bool) -> int:
    """Exit code of a node that reports nothing."""
    from saibench.evidence.run_record import STOPPED
    from saibench.runs.study import has_failed

    if interrupted:
        print("Interrupted. The same command on all nodes resumes each run.")
        return _status_of_stop()
    if gone := dict.fromkeys(one.cause for one in outcomes if one.state == STOPPED and one.cause):
        print(*gone, sep="\n", file=sys.stderr)
        return FAILED
    print("Node 0 lists the runs and writes their report.")
    # without outcomes, on_failure=stop ended the sweep
    return FAILED if not outcomes or any(has_failed(outcome) for outcome in outcomes) else 0


def _checked_points(command: Command) -> tuple[list[Point], dict[Path, InsufficientData]]:
    """Return the points of a command, checked before anything is written.

    Some points of a sweep may need more data than there are, but not all; why, by their folder.
    """
    from saibench.config.check import check_point, refuse_if_no_point_has_enough_data
    from saibench.config.content import identified
    from saibench.runs.point import Point

    points, insufficient = [], {}
    for config in command.points:
        missing = None
        try:
            check_point(config)
        except InsufficientData as error:
            missing = error
        directory = config.hydra.sweep.dir if command.multirun else config.hydra.run.dir
        points.append(Point(identified(config), Path(directory).absolute()))
        if missing is not None:
            insufficient[points[-1].folder] = missing
    _refuse_duplicates(points)
    refuse_if_no_point_has_enough_data(len(points), list(insufficient.values()))
    return points, insufficient


def _write_expected(command: Command, points: Sequence[Point]) -> None:
    """Write the names of all runs of a sweep into each study, for `saibench status`.

    Not if the folder is named by the clock, which goes on until the sweep is launched.
    """
    from omegaconf import OmegaConf

    from saibench.runs.expected import write_expected

    config = command.points[0]
    unresolved: Any = OmegaConf.to_container(config, resolve=False)
    named_by = unresolved["study"], unresolved["hydra"]["sweep"]["dir"]
    if any("${now:" in str(name) for name in named_by):
        return
    for study in dict.fromkeys(point.study for point in points):
        write_expected(study, [point.name for point in points if point.study == study])


def _refuse_duplicates(points: Sequence[Point]) -> None:
    """Refuse two points with one folder, which the second would find locked."""
    seen = set()
    for point in points:
        if point.folder in seen:
            raise UserError(
                f"{point.name} is twice in this sweep: settings that cannot change a result, such "
                "as the folder of the data, make no other run. Remove one of the two."
            )
        seen.add(point.folder)


def train_point(config: DictConfig) -> Outcome:
    """Hydra's task function: execute one point, without raising if it fails.

    In a worker of a pool it does not raise for an interrupt either: the pool would kill the other
    workers before they save a checkpoint.
    """
    from hydra.core.hydra_config import HydraConfig
    from hydra.types import RunMode

    from saibench.config.check import trust_named
    from saibench.config.content import identified
    from saibench.evidence.run_record import COMPLETE, NOT_APPLICABLE
    from saibench.runs.execute import execute
    from saibench.runs.point import Point
    from saibench.runs.stopping import STOP

    point = Point(identified(config), Path(HydraConfig.get().runtime.output_dir))
    trust_named(point.settings)  # a launcher's worker is another process
    sweeps = HydraConfig.get().mode == RunMode.MULTIRUN
    run = execute if STOP.listens else _execute_in_pool
    outcome = run(point, keep_refused=sweeps)
    if sweeps and config.on_failure == "stop" and outcome.state not in (COMPLETE, NOT_APPLICABLE):
        raise SystemExit(FAILED)  # after an Exception Hydra continues the sweep
    return outcome


def _execute_in_pool(point: Point, keep_refused: bool) -> Outcome:
    from saibench.config.lost_jobs import AGAIN
    from saibench.evidence.run_record import STOPPED
    from saibench.runs.execute import execute
    from saibench.runs.outcome import Outcome
    from saibench.runs.stopping import STOP
    from saibench.runs.study import NOT_RUN

    with STOP.listening_in_worker():
        if STOP.requested:
            return Outcome(point.folder, NOT_RUN)
        try:
            return execute(point, keep_refused=keep_refused)
        except KeyboardInterrupt:
            return Outcome(point.folder, STOPPED, AGAIN)


def refuse_alone(outcome: Outcome) -> None:
    """Raise the user's mistake of a single run; a sweep lists it and continues."""
    if outcome.is_users:
        raise UserError(outcome.cause)


def _concluded(points: Sequence[Point], outcomes: Sequence[Outcome], reports: bool = True) -> int:
    """List and report each study of the command; return the highest exit code."""
    from saibench.runs.point import Point
    from saibench.runs.study import conclude

    if outcomes:  # their folders are the actual ones: a study may be named by the clock
        folders = [outcome.folder for outcome in outcomes]
        points = [Point(p.settings, f.parent) for p, f in zip(points, folders, strict=True)]
    by_folder = {outcome.folder: outcome for outcome in outcomes}
    studies: dict[Path, list[Point]] = {}
    for point in points:
        studies.setdefault(point.study, []).append(point)
    return max(conclude(group, by_folder, reports) for group in studies.values())
