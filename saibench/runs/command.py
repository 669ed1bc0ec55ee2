"""The life of a `train.py` command: all its points checked, run through a launcher, reported."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from saibench.errors import InsufficientData, UserError

if TYPE_CHECKING:
    from omegaconf import DictConfig

    from saibench.config.compose import Command
    from saibench.runs.execute import Outcome
    from saibench.runs.point import Point

FAILED = 1
INTERRUPTED = 130


def train_points(command: Command) -> int:
    """Bring all points of a command to completion and report their studies; the exit code.

    Raises:
        UserError: a point that cannot work; nothing is written.
    """
    from saibench.config.launch import launch
    from saibench.runs.stopping import STOP

    points = _checked_points(command)
    outcomes, interrupted = [], False
    with STOP.heard():
        try:
            outcomes = launch(command, train_point)
        except KeyboardInterrupt:  # what is done so far is on the disk
            interrupted = True
        except SystemExit:  # on_failure=stop
            pass
        except Exception:  # a worker that had not yet begun was ended by the signal
            if not STOP.is_made:
                raise
    if not command.multirun and outcomes:
        refuse_alone(outcomes[0])
    if not (interrupted or STOP.is_made):
        return _concluded(points, outcomes)
    _concluded(points, outcomes, reports=False)  # a page may take longer than one is given
    print("Interrupted: the same command goes on from each run's last checkpoint.")
    return INTERRUPTED if STOP.number is None else 128 + STOP.number


def _checked_points(command: Command) -> list[Point]:
    """The points of a command, refused before anything is written if one of them cannot work.

    A sweep may hold points that its data cannot, but not only such points.
    """
    from saibench.config.check import check_point, refuse_if_no_point_has_enough_data
    from saibench.config.content import identified
    from saibench.runs.point import Point

    points, insufficient = [], []
    for config in command.points:
        try:
            check_point(config)
        except InsufficientData as error:
            insufficient.append(error)
        directory = config.hydra.sweep.dir if command.multirun else config.hydra.run.dir
        points.append(Point(identified(config), Path(directory).absolute()))
    refuse_if_no_point_has_enough_data(len(points), insufficient)
    _refuse_twins(points)
    return points


def _refuse_twins(points: Sequence[Point]) -> None:
    """Side by side, the second of two equal points would find its folder busy."""
    seen = set()
    for point in points:
        if point.folder in seen:
            raise UserError(
                f"two points of this sweep are one, {point.name}: what they differ in, if in "
                "anything, cannot change a result, as a folder of equal data cannot. Give each "
                "point once."
            )
        seen.add(point.folder)


def train_point(config: DictConfig) -> Outcome:
    """Hydra's task function: one point of the command. It never raises for a failure.

    In a process of a pool it does not raise for an interrupt either: the pool would kill the
    others before they have saved what they trained.
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
    done = execute if STOP.is_heard else _executed_in_pool
    outcome = done(point, keep_refused=sweeps)
    if sweeps and config.on_failure == "stop" and outcome.state not in (COMPLETE, NOT_APPLICABLE):
        raise SystemExit(FAILED)  # Hydra goes on after any Exception
    return outcome


def _executed_in_pool(point: Point, keep_refused: bool) -> Outcome:
    from saibench.evidence.run_record import STOPPED
    from saibench.runs.execute import Outcome, execute
    from saibench.runs.stopping import STOP
    from saibench.runs.study import NOT_RUN

    with STOP.heard_in_worker():
        if STOP.is_made:
            return Outcome(point.folder, NOT_RUN)
        try:
            return execute(point, keep_refused=keep_refused)
        except KeyboardInterrupt:
            return Outcome(point.folder, STOPPED)


def refuse_alone(outcome: Outcome) -> None:
    """What a sweep lists and passes over is an error for a point that was asked for alone."""
    if outcome.is_users:
        raise UserError(outcome.cause)


def _concluded(points: Sequence[Point], outcomes: Sequence[Outcome], reports: bool = True) -> int:
    """List, and report, every study that the command touched; the worst status of all."""
    from saibench.runs.point import Point
    from saibench.runs.study import conclude

    if outcomes:  # where the points are in truth: a folder may be named by the clock
        folders = [outcome.folder for outcome in outcomes]
        points = [Point(p.settings, f.parent) for p, f in zip(points, folders, strict=True)]
    by_folder = {outcome.folder: outcome for outcome in outcomes}
    studies: dict[Path, list[Point]] = {}
    for point in points:
        studies.setdefault(point.study, []).append(point)
    return max(conclude(group, by_folder, reports) for group in studies.values())
