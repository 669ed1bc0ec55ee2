"""The files that a run starts from, kept in its folder: it needs no other place again."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from saibench.config.content import with_files
from saibench.datamodules.files import file_sha256
from saibench.errors import UserError
from saibench.files.atomic import atomic_write
from saibench.identity import IDENTITY, refuse_misshapen

FOLDER = "inputs"
_DIGITS = 12


def keep_inputs(folder: Path, settings: Mapping[str, Any]) -> None:
    """Copy the files into the run's folder, or link to the copy that another run of the study has.

    The user's own file is never linked to, since it may be written over.

    Raises:
        UserError: a file is no longer what it was when the run was named.
    """
    for where, sha256 in _files(settings).items():
        kept = _place(folder, where, settings)
        if kept.exists():
            continue
        kept.parent.mkdir(exist_ok=True)
        with atomic_write(kept) as aside:
            _take(
                Path(_at(settings, where)),
                aside,
                folder.parent.glob(f"*/{FOLDER}/{kept.name}"),
                sha256,
            )
            if f"sha256:{file_sha256(aside)}" != sha256:
                raise UserError(f"{where}={_at(settings, where)} has changed just now. Run again.")


def with_inputs(folder: Path, settings: dict[str, Any]) -> dict[str, Any]:
    """The settings with the kept files in place of those that the user named."""
    places = {where: _place(folder, where, settings) for where in _files(settings)}
    return with_files(settings, {where: path for where, path in places.items() if path.exists()})


def check_inputs(settings: Mapping[str, Any]) -> None:
    """Refuse files that are not what the run was named by; a missing one is told by who reads it.

    Raises:
        UserError: one is damaged.
    """
    for where, sha256 in _files(settings).items():
        path = Path(_at(settings, where))
        if path.is_file() and f"sha256:{file_sha256(path)}" != sha256:
            raise UserError(
                f"{path} is not the file that the run started from (its hash was "
                f"{sha256[:19]}): remove it and run the point again."
            )


def check_identity(settings: Mapping[str, Any]) -> None:
    """Refuse what settings read from a file say of their files, where saibench does not write so.

    Raises:
        ValueError: an entry of `identity` is not as `saibench.config.content` makes it.
    """
    refuse_misshapen(settings.get(IDENTITY))
    for where in _files(settings):
        try:
            named = _at(settings, where)
        except (LookupError, TypeError, ValueError):
            named = None
        if not isinstance(named, str):
            raise ValueError(f"{IDENTITY}.files has {where!r}, which names no file")


def _files(settings: Mapping[str, Any]) -> dict[str, str]:
    return (settings.get(IDENTITY) or {}).get("files") or {}


def _place(folder: Path, where: str, settings: Mapping[str, Any]) -> Path:
    """Named by content, so that two settings of one file have one copy."""
    digits = _files(settings)[where].removeprefix("sha256:")[:_DIGITS]
    return folder / FOLDER / f"{digits}{Path(_at(settings, where)).suffix}"


def _take(source: Path, target: Path, copies: Iterable[Path], sha256: str) -> None:
    for other in copies:
        try:
            if f"sha256:{file_sha256(other)}" != sha256:  # another run's copy is damaged
                continue
            os.link(other, target)
        except OSError:  # a file system without links, or a copy that cannot be read
            break
        return
    shutil.copyfile(source, target)


def _at(settings: Mapping[str, Any], where: str) -> Any:
    value: Any = settings
    for part in where.replace("[", ".").replace("]", "").split("."):
        value = value[int(part)] if isinstance(value, list) else value[part]
    return value
