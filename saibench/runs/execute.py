"""The life of a point in the process that asked for it: skip, resume or run, and record."""

from __future__ import annotations

import contextlib
import shutil
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from saibench.errors import InsufficientData, UserError
from saibench.evidence import run_record as record
from saibench.files.atomic import remove_leftovers
from saibench.identity import moved
from saibench.runs.error_files import RankFailed, cause_of
from saibench.runs.inputs import keep_inputs
from saibench.runs.point import BEST, CONFIG, LAST, Point, PointIsBusy, load_point, locked
from saibench.runs.provenance import OF_A_SESSION, provenance
from saibench.runs.ranks import run_ranks
from saibench.runs.sibling import why_anew

BUSY = "busy"
"""State of a point that another process holds: never in its record, which is that process's."""


@dataclass(frozen=True)
class Outcome:
    """How a point ended.

    Args:
        folder: the point's.
        state: as in its record, or `BUSY`.
        cause: why it failed, in one sentence.
        is_users: whether the cause is the user's to mend.
    """

    folder: Path
    state: str
    cause: str | None = None
    is_users: bool = False


def execute(point: Point, keep_refused: bool = True) -> Outcome:
    """Bring a point to completion, or say why it could not be.

    Args:
        point: to be trained and tested, as far as it is not yet.
        keep_refused: whether a user's mistake that only the data or the model could tell of
            leaves a record, as a study lists it; else the folder made for it is removed.

    Raises:
        KeyboardInterrupt: it was interrupted; what is trained so far is kept and can be resumed.
    """
    return _outcome(point.folder, lambda: _trained(point), keep_refused)


def retest(folder: Path, changes: dict[str, Any]) -> Outcome:
    """Test a complete point on further partitions; it stays complete if that fails.

    Args:
        folder: the point's.
        changes: `test`, `partitions`, `metrics`, `save_samples`, `trainer` and `logger` in place of
            the point's own, and the `data.root` where its data are now.
    """
    return _outcome(folder, lambda: _tested(folder, changes))


def _outcome(folder: Path, work: Callable[[], Outcome], keep_refused: bool = True) -> Outcome:
    """Do the work alone; what it could not record itself is told all the same."""
    made = not folder.exists()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with locked(folder):
            remove_leftovers(folder)
            try:
                outcome = work()
            except UserError as error:
                outcome = Outcome(folder, record.FAILED, str(error), is_users=True)
            if outcome.is_users and made and not keep_refused and not _has_run(folder):
                _remove(folder)
            return outcome
    except PointIsBusy as error:
        return Outcome(folder, BUSY, str(error), is_users=True)
    except Exception as error:
        return Outcome(folder, record.FAILED, cause_of(error), isinstance(error, UserError))


def _has_run(folder: Path) -> bool:
    """Whether there are weights that a training left."""
    return any((folder / name).exists() for name in (BEST, LAST))


def _remove(folder: Path) -> None:
    """Remove a run's folder, and those above it that hold nothing else."""
    shutil.rmtree(folder)
    with contextlib.suppress(OSError):  # what else is there stays
        folder.parent.rmdir()
        folder.parents[1].rmdir()


def _trained(point: Point) -> Outcome:
    before = record.read_record(point.folder)
    if before.get("state") == record.COMPLETE:
        _refresh(point)
        _follow(point)
        changed = ("test", "partitions", "metrics", "save_samples", "trainer", "logger")
        return _tested(point.folder, {key: point.settings.get(key) for key in changed})
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
        _run(point.folder, point.settings["trainer"]["devices"])
    except InsufficientData as error:
        return _ended(point.folder, record.NOT_APPLICABLE, error)
    except Exception as error:
        return _ended(point.folder, record.FAILED, error)
    except BaseException as error:  # Lightning makes a SystemExit of an interrupt
        record.update_record(point.folder, state=record.STOPPED, ended=record.now())
        raise KeyboardInterrupt from error
    record.update_record(point.folder, state=record.COMPLETE, ended=record.now())
    return Outcome(point.folder, record.COMPLETE)


def _refresh(point: Point) -> None:
    """Bring the record's words on the report up to date, and a damaged frozen config back.

    What is reported, and how, is no part of what was trained, and may be asked for otherwise.
    """
    reported = point.reported()
    if {name: record.read_record(point.folder).get(name) for name in reported} != reported:
        record.update_record(point.folder, **reported)
    try:
        load_point(point.folder)
    except UserError:
        point.freeze()


def _follow(point: Point) -> None:
    """Take the data from the folders that are asked for now, if they are those trained on.

    Raises:
        UserError: they are not, or not to be had.
    """
    from saibench.imports.targets import build
    from saibench.runs.training import check_data

    own = load_point(point.folder).settings
    there = moved(own, point.settings)
    if there != own:
        check_data(point.folder, build(OmegaConf.create(there).datamodule, "datamodule"))
        Point(there, point.folder.parent).freeze()


def _run(folder: Path, devices: int) -> None:
    if devices == 1:
        from saibench.runs.training import train_and_test

        train_and_test(folder)
    else:
        run_ranks(folder, devices, "train")


def _tested(folder: Path, changes: dict[str, Any]) -> Outcome:
    """A complete point is not trained again; what its evidence lacks is added."""
    from saibench.runs.retest import lacks, test_again

    devices = changes["trainer"]["devices"]
    if lacks(folder, changes):
        if devices == 1:
            test_again(folder, changes)
        else:
            run_ranks(folder, devices, "evaluate", changes)
    return Outcome(folder, record.COMPLETE)


def _ended(folder: Path, state: str, error: Exception) -> Outcome:
    details = error.details if isinstance(error, RankFailed) else traceback.format_exc()
    failure = {"cause": cause_of(error), "traceback": details}
    record.update_record(folder, state=state, ended=record.now(), failure=failure)
    return Outcome(folder, state, cause_of(error), isinstance(error, UserError))
