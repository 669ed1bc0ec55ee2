"""The settings of a point that is built again: to be tested, audited or asked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from saibench.config.check import check_targets
from saibench.errors import UserError
from saibench.runs.point import load_point
from saibench.runs.record import COMPLETE, read_record


def settings_of(folder: Path, part: str | None = None) -> dict[str, Any]:
    """The settings frozen in `folder`, whose classes can be found here.

    Args:
        folder: of the point.
        part: the one group that is to be built, as `datamodule`; by default all.

    Raises:
        UserError: no such point, or a class of it that cannot be found.
    """
    settings = load_point(folder, part).settings
    try:
        check_targets(settings if part is None else settings[part])
    except UserError as error:
        raise UserError(
            f"{folder.name} cannot be built again: {str(error).rstrip('.')}; the --config-dir that "
            "it was trained with would work."
        ) from error
    return settings


def trained_settings(folder: Path) -> dict[str, Any]:
    """The settings of a point that is complete.

    Raises:
        UserError: no such point, a class of it that cannot be found, or one that is not complete.
    """
    settings = settings_of(folder)
    state = read_record(folder).get("state", "not begun")
    if state != COMPLETE:
        raise UserError(f"{folder} is {state}, not complete: finish it with train.py first.")
    return settings
