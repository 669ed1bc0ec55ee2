"""Load the settings of a run to rebuild its data or model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from saibench.config.content import source_of
from saibench.errors import UserError
from saibench.evidence.imported.record import IMPORTED
from saibench.evidence.run_record import COMPLETE, read_record
from saibench.files.frozen_config import CONFIG
from saibench.identity import IDENTITY, canonical
from saibench.imports.targets import check_targets
from saibench.runs.inputs import check_inputs
from saibench.runs.point import OF_A_COMMAND, load_point
from saibench.runs.sibling import changed_modules
from saibench.settings import FrozenSettings, validated


def settings_of(folder: Path, part: str | None = None) -> dict[str, Any]:
    """Load the settings frozen in `folder`, and check that their classes can be imported.

    Args:
        folder: of the run.
        part: the only group to be built, such as `datamodule`; default: all but `OF_A_COMMAND`.

    Raises:
        UserError: no such run, a class cannot be imported, or files or source code have changed.
    """
    settings = load_point(folder, part).settings
    if IMPORTED in settings:
        raise UserError(
            f"{folder.name} was imported from {settings['data']['name']}, so there is no model or "
            "data set to rebuild. Import further predictions with `python -m saibench import`."
        )
    try:
        validated(FrozenSettings, settings)
    except UserError as error:
        raise UserError(
            f"{folder / CONFIG} is damaged ({str(error).rstrip('.')}). Run it again with train.py, "
            "which rewrites the file."
        ) from error
    built = {key: settings[key] for key in settings if key not in OF_A_COMMAND}
    try:
        check_targets(built if part is None else settings[part])
    except UserError as error:
        raise UserError(
            f"{folder.name} cannot be rebuilt: {str(error).rstrip('.')}. Use the --config-dir of "
            "its training."
        ) from error
    check_inputs(settings)
    _check_source(folder, settings, part)
    return settings


def _check_source(folder: Path, settings: dict[str, Any], part: str | None) -> None:
    """Refuse source code that changed since the run was trained."""
    recorded = (settings.get(IDENTITY) or {}).get("source") or {}
    if not recorded:
        return
    kept = canonical(settings)
    now = source_of(kept if part is None else kept[part])
    known = {name: recorded.get(name, code) for name, code in now.items()}
    if modules := changed_modules(known, now):
        raise UserError(
            f"{' and '.join(modules)} changed since {folder.name} was trained. Restore the code, "
            "or train a new run with train.py."
        )


def trained_settings(folder: Path) -> dict[str, Any]:
    """Load the settings of a complete run.

    Raises:
        UserError: as `settings_of`, or the run is not complete.
    """
    settings = settings_of(folder)
    state = read_record(folder).get("state", "not begun")
    if state != COMPLETE:
        raise UserError(f"{folder} is {state}, not complete: finish it with train.py first.")
    return settings
