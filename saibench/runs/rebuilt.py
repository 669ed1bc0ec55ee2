"""The settings of a point that is built again: to be tested, audited or asked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from saibench.config.check import check_targets
from saibench.config.content import source_of
from saibench.errors import UserError
from saibench.evidence.run_record import COMPLETE, read_record
from saibench.files.frozen_config import CONFIG
from saibench.identity import IDENTITY, canonical
from saibench.runs.inputs import check_inputs
from saibench.runs.point import OF_A_COMMAND, load_point
from saibench.runs.sibling import changed_modules
from saibench.settings import FrozenSettings, validated


def settings_of(folder: Path, part: str | None = None) -> dict[str, Any]:
    """The settings frozen in `folder`, whose classes can be found here.

    Args:
        folder: of the point.
        part: the one group that is to be built, as `datamodule`; by default all but what
            a command says anew.

    Raises:
        UserError: no such point, or a class of it that cannot be found.
    """
    settings = load_point(folder, part).settings
    try:
        validated(FrozenSettings, settings)
    except UserError as error:
        raise UserError(
            f"{folder / CONFIG} is damaged ({str(error).rstrip('.')}): run its point again, which "
            "writes it anew."
        ) from error
    built = {key: settings[key] for key in settings if key not in OF_A_COMMAND}
    try:
        check_targets(built if part is None else settings[part])
    except UserError as error:
        raise UserError(
            f"{folder.name} cannot be built again: {str(error).rstrip('.')}; the --config-dir that "
            "it was trained with would work."
        ) from error
    check_inputs(settings)
    _check_source(folder, settings, part)
    return settings


def _check_source(folder: Path, settings: dict[str, Any], part: str | None) -> None:
    """Refuse to go on with other code than that which the run was trained with."""
    recorded = (settings.get(IDENTITY) or {}).get("source") or {}
    if not recorded:
        return
    kept = canonical(settings)
    now = source_of(kept if part is None else kept[part])
    known = {name: recorded.get(name, code) for name, code in now.items()}
    if modules := changed_modules(known, now):
        raise UserError(
            f"{' and '.join(modules)} changed since {folder.name} was trained. Restore the code, "
            "or train anew with train.py, which makes another run."
        )


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
