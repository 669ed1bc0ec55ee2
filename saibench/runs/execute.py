"""The life of a point in the process that asked for it: skip, resume or run, and record."""

from __future__ import annotations

import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from saibench.errors import NotHeldByData, UserError
from saibench.runs import record
from saibench.runs.point import Point
from saibench.runs.provenance import provenance
from saibench.runs.ranks import RankFailed, run_ranks


@dataclass(frozen=True)
class Outcome:
    """How a point ended: its folder, its state, and the cause in one sentence if it failed."""

    folder: Path
    state: str
    cause: str | None = None


def execute(point: Point) -> Outcome:
    """Bring a point to completion, or record why it could not be; only an interrupt raises."""
    with point.lock():
        before = record.read_record(point.folder)
        if before.get("state") == record.COMPLETE:
            return _test_what_is_missing(point)
        record.update_record(
            point.folder,
            **point.identity(),
            **provenance(),
            state=record.RUNNING,
            started=before.get("started", record.now()),
            failure=None,
        )
        point.freeze()
        return _run(point)


def _test_what_is_missing(point: Point) -> Outcome:
    """A complete point is not trained again; test partitions it lacks are added."""
    held = record.read_record(point.folder).get("partitions", {})
    if not set(point.settings["test"]) <= set(held):
        changed = ("test", "partitions", "trainer", "logger")
        retest(point.folder, {key: point.settings[key] for key in changed})
    return Outcome(point.folder, record.COMPLETE)


def retest(folder: Path, changes: dict[str, Any]) -> None:
    """Test a complete point on further partitions; it stays complete if that fails.

    Args:
        folder: the point's.
        changes: `test`, `partitions`, `trainer` and `logger` in place of the point's own.
    """
    devices = changes["trainer"]["devices"]
    if devices == 1:
        from saibench.runs.training import test_again

        test_again(folder, changes)
    else:
        run_ranks(folder, devices, "evaluate", changes)


def _run(point: Point) -> Outcome:
    folder = point.folder
    try:
        devices = point.settings["trainer"]["devices"]
        if devices == 1:
            from saibench.runs.training import train_and_test

            train_and_test(folder)
        else:
            run_ranks(folder, devices, "train")
    except NotHeldByData as error:
        return _ended(folder, record.NOT_APPLICABLE, str(error), "")
    except UserError as error:
        return _ended(folder, record.FAILED, str(error), traceback.format_exc())
    except RankFailed as error:
        return _ended(folder, record.FAILED, str(error), error.details)
    except Exception as error:
        cause = f"{type(error).__name__}: {error}"
        return _ended(folder, record.FAILED, cause, traceback.format_exc())
    except BaseException:  # an interrupt: what is trained so far is kept and can be resumed
        record.update_record(folder, state=record.STOPPED, ended=record.now())
        raise
    record.update_record(folder, state=record.COMPLETE, ended=record.now())
    return Outcome(folder, record.COMPLETE)


def _ended(folder: Path, state: str, cause: str, details: str) -> Outcome:
    failure = {"cause": cause, "traceback": details}
    record.update_record(folder, state=state, ended=record.now(), failure=failure)
    return Outcome(folder, state, cause)
