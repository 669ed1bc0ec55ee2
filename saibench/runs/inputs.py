"""Copies of a run's input files, such as initial weights, in its folder."""

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
    """Copy the files into the run's folder, or hard-link to the copy of another run of the study.

    The user's own file is never linked, since it may be overwritten.

    Raises:
        UserError: a file has changed since the run was hashed.
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
                raise UserError(f"{where}={_at(settings, where)} has changed meanwhile. Run again.")


def with_inputs(folder: Path, settings: dict[str, Any]) -> dict[str, Any]:
    """Return the settings with paths to the copies."""
    places = {where: _place(folder, where, settings) for where in _files(settings)}
    return with_files(settings, {where: path for where, path in places.items() if path.exists()})


def with_own_paths(message: str, folder: Path, settings: Mapping[str, Any]) -> str:
    """Replace the paths of copies in a message by those that the user named."""
    for where in _files(settings):
        message = message.replace(str(_place(folder, where, settings)), str(_at(settings, where)))
    return message


def check_inputs(settings: Mapping[str, Any]) -> None:
    """Refuse files with another hash than in the settings; their readers report missing ones.

    Raises:
        UserError: a file is damaged.
    """
    for where, sha256 in _files(settings).items():
        path = Path(_at(settings, where))
        if path.is_file() and f"sha256:{file_sha256(path)}" != sha256:
            raise UserError(
                f"{path} is not the file that the run started from (hash {sha256[:19]}). "
                "Remove it and run again."
            )


def check_identity(settings: Mapping[str, Any]) -> None:
    """Validate the entry `identity` of settings that were read from a file.

    Raises:
        ValueError: it does not have the form that `saibench.config.content` writes.
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
    """Path of the copy, named by content: two settings with one file share it."""
    digits = _files(settings)[where].removeprefix("sha256:")[:_DIGITS]
    return folder / FOLDER / f"{digits}{Path(_at(settings, where)).suffix}"


def _take(source: Path, target: Path, copies: Iterable[Path], sha256: str) -> None:
    for other in copies:
        try:
            if f"sha256:{file_sha256(other)}" != sha256:  # that copy is damaged
                continue
            os.link(other, target)
        except OSError:  # the file system has no links, or the copy is unreadable
            break
        return
    shutil.copyfile(source, target)


def _at(settings: Mapping[str, Any], where: str) -> Any:
    value: Any = settings
    for part in where.replace("[", ".").replace("]", "").split("."):
        value = value[int(part)] if isinstance(value, list) else value[part]
    return value
