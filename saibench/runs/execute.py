"""Execute a point: skip, resume or run it, and record its state."""

from __future__ import annotations

import contextlib
import os
import shutil
import traceback
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from saibench.config.lost_jobs import OUT_OF_TIME, is_out_of_time
from saibench.errors import InsufficientData, UserError
from saibench.evidence import run_record as record
from saibench.files.atomic import remove_leftovers
from saibench.identity import moved
from saibench.runs import progress
from saibench.runs.error_files import RankFailed, cause_of
from saibench.runs.inputs import keep_inputs, with_inputs, with_own_paths
from saibench.runs.node_place import copies, num_nodes_of
from saibench.runs.outcome import Outcome
from saibench.runs.point import CONFIG, LAST, Point, PointIsBusy, load_point, locked
from saibench.runs.provenance import OF_A_SESSION, provenance
from saibench.runs.ranks import run_ranks
from saibench.runs.several_nodes import on_nodes, run_on_nodes
from saibench.runs.sibling import why_anew
from saibench.runs.worker import run_task

RESUMABLE = (LAST, record.PREDICTIONS)
"""What a run leaves that the same command goes on with: a training, predictions of a program."""
BUSY = "busy"
"""State of a point that another process works on; never written to its record."""


def execute(point: Point, keep_refused: bool = True) -> Outcome:
    """Train and test a point as far as needed, and return how it ended.

    On several nodes it does so together with the same call on the others.

    Args:
        point: to be completed.
        keep_refused: whether a user's mistake that the data or the model reveals leaves a record,
            for the list of a study; otherwise its new folder is removed.

    Raises:
        KeyboardInterrupt: it was interrupted, and can be resumed.
    """
    trainer = point.settings["trainer"]
    return on_nodes(trainer, point.folder, lambda: execute_here(point, keep_refused))


def execute_here(point: Point, keep_refused: bool = True, is_tested: bool = False) -> Outcome:
    """As `execute`, by this node alone or as the one that decides.

    Args:
        point, keep_refused: as of `execute`.
        is_tested: whether the caller found that it is complete and lacks no test.
    """
    num_nodes = num_nodes_of(point.settings["trainer"])
    outcome = _outcome(point.folder, lambda: _trained(point, is_tested), keep_refused, num_nodes)
    if outcome.cause is None:
        return outcome
    return replace(outcome, cause=with_own_paths(outcome.cause, point.folder, point.settings))


def retest(folder: Path, changes: dict[str, Any]) -> Outcome:
    """Test a complete run on more partitions; it stays complete if that fails.

    On several nodes it does so together with the same call on the others.

    Args:
        folder: of the run.
        changes: `test`, `partitions`, `metrics`, `save_samples`, `trainer` and `logger` that
            replace the run's own, and the current `data.root`.
    """
    trainer = changes["trainer"]
    work = partial(_tested, folder, changes)
    return on_nodes(
        trainer, folder, lambda: _outcome(folder, work, num_nodes=num_nodes_of(trainer))
    )


def _outcome(
    folder: Path, work: Callable[[], Outcome], keep_refused: bool = True, num_nodes: int = 1
) -> Outcome:
    """Do the work under the run's lock; return errors as an outcome."""
    is_new, is_refused = not folder.exists(), False
    try:
        with locked(folder):
            remove_leftovers(folder)
            (folder / progress.FILE).unlink(missing_ok=True)  # of a killed process
            try:
                outcome = work()
            except UserError as error:
                outcome = Outcome(folder, record.FAILED, str(error), is_users=True)
            finally:
                (folder / progress.FILE).unlink(missing_ok=True)
            resumable = any((folder / name).exists() for name in RESUMABLE)
            is_refused = outcome.is_users and is_new and not keep_refused and not resumable
            if is_refused:
                _empty(folder)
        if is_refused:  # NFS keeps a removed lock under another name until it is closed
            with contextlib.suppress(OSError):  # another process uses it, or a parent
                for emptied in (folder, *folder.parents[:2]):
                    emptied.rmdir()
        return outcome
    except PointIsBusy as error:
        return Outcome(folder, BUSY, f"{error}{copies(os.environ, num_nodes)}", is_users=True)
    except Exception as error:
        return Outcome(folder, record.FAILED, cause_of(error), isinstance(error, UserError))


def _empty(folder: Path) -> None:
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def _trained(point: Point, is_tested: bool) -> Outcome:
    before = record.read_record(point.folder)
    if before.get("state") == record.COMPLETE:
        _refresh(point)
        _follow(point)
        if is_tested:
            return Outcome(point.folder, record.COMPLETE)
        return _tested(point.folder, test_settings(point))
    if not before:
        print("".join(f"{reason}\n" for reason in why_anew(point)), end="", flush=True)
    keep_inputs(point.folder, point.settings)
    point.freeze()
    made_by = provenance(point.settings)
    session = {"started": record.now(), **{name: made_by[name] for name in OF_A_SESSION}}
    record.update_record(
        point.folder,
        CONFIG,
        **point.identity(),
        **made_by,
        sessions=[*before.get("sessions", []), session],
        state=record.RUNNING,
        started=before.get("started", record.now()),
        ended=None,
        failure=None,
    )
    try:
        _run(point.folder, point.settings["trainer"], "train", {})
    except InsufficientData as error:
        return _ended(point.folder, record.NOT_APPLICABLE, error)
    except Exception as error:
        if is_out_of_time(error):
            record.update_record(point.folder, state=record.STOPPED, ended=record.now())
            return Outcome(point.folder, record.STOPPED, OUT_OF_TIME)
        return _ended(point.folder, record.FAILED, error)
    except BaseException as error:
        record.update_record(point.folder, state=record.STOPPED, ended=record.now())
        # Lightning turns an interrupt into a SystemExit; submitit ends a job that it starts again
        if isinstance(error, SystemExit) and not isinstance(error.__context__, KeyboardInterrupt):
            raise
        raise KeyboardInterrupt from error
    record.update_record(point.folder, state=record.COMPLETE, ended=record.now())
    return Outcome(point.folder, record.COMPLETE)


def test_settings(point: Point) -> dict[str, Any]:
    """The settings with which a complete run is tested again."""
    changed = ("test", "partitions", "metrics", "save_samples", "trainer", "logger")
    return {key: point.settings.get(key) for key in changed}


def _refresh(point: Point) -> None:
    """Update the report settings in the record, and restore a damaged frozen config.

    Report settings are not part of a run's identity, so they may change.
    """
    reported = point.reported()
    if {name: record.read_record(point.folder).get(name) for name in reported} != reported:
        record.update_record(point.folder, **reported)
    try:
        load_point(point.folder)
    except UserError:
        point.freeze()


def settings_to_be(point: Point) -> dict[str, Any]:
    """The settings of a complete run after `_refresh` and `_follow`."""
    try:
        own = load_point(point.folder).settings
    except UserError:
        own = with_inputs(point.folder, point.settings)
    return moved(own, point.settings)


def _follow(point: Point) -> None:
    """Use the data folders of this command, if they hold the same data.

    Raises:
        UserError: the data differ or are missing.
    """
    from saibench.imports.targets import build
    from saibench.runs.training import check_data

    own = load_point(point.folder).settings
    current = moved(own, point.settings)
    if current != own:
        check_data(point.folder, build(OmegaConf.create(current).datamodule, "datamodule"))
        Point(current, point.folder.parent).freeze()


def _run(folder: Path, trainer: Mapping[str, Any], task: str, changes: dict[str, Any]) -> None:
    devices = trainer["devices"]
    if num_nodes_of(trainer) > 1:
        run_on_nodes(folder, devices, task, changes)
    elif devices == 1:
        run_task(task, folder, changes)
    else:
        run_ranks(folder, devices, task, changes)


def _tested(folder: Path, changes: dict[str, Any]) -> Outcome:
    """Test a complete run on the partitions that its evidence lacks."""
    from saibench.runs.retest import lacks

    if lacks(folder, changes):
        _run(folder, changes["trainer"], "evaluate", changes)
    return Outcome(folder, record.COMPLETE)


def _ended(folder: Path, state: str, error: Exception) -> Outcome:
    details = error.details if isinstance(error, RankFailed) else traceback.format_exc()
    failure = {"cause": cause_of(error), "traceback": details}
    record.update_record(folder, state=state, ended=record.now(), failure=failure)
    return Outcome(folder, state, cause_of(error), isinstance(error, UserError))
