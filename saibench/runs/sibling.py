"""Explain why a run is new although another of its study has the same settings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from saibench.errors import UserError
from saibench.evidence.run_record import FILE, read_record
from saibench.identity import IDENTITY, settings_hash
from saibench.runs.point import Point


def why_anew(point: Point) -> list[str]:
    """Sentences on the changes since the latest run with the same settings, if there is one."""
    own = point.settings.get(IDENTITY)
    if own is None:
        return []
    requested = settings_hash(point.settings)
    others = [
        (str(record.get("started", "")), folder.name, record[IDENTITY])
        for folder, record in _others(point)
        if record.get("settings_hash") == requested
    ]
    if not others:
        return []
    _, name, before = max(others, key=lambda other: other[0])
    return [f"{what}: this is a new run." for what in _changed(name, before, own)]


def _others(point: Point) -> Iterator[tuple[Path, dict[str, Any]]]:
    for path in point.study.glob(f"*/{FILE}"):
        try:
            record = read_record(path.parent)
        except UserError:  # the report of the study names damaged records
            continue
        if path.parent != point.folder and isinstance(record.get(IDENTITY), dict):
            yield path.parent, record


def _changed(name: str, before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    if modules := changed_modules(before.get("source") or {}, now.get("source") or {}):
        yield f"{' and '.join(modules)} changed since {name} was trained"
    if before.get("data") != now.get("data"):
        yield f"the data differ from those of {name}"
    files, others = before.get("files") or {}, now.get("files") or {}
    for where in others:
        if files.get(where) != others[where]:
            yield f"the file of {where} differs from that of {name}"


def changed_modules(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """Files of the user's modules whose code changed or was removed."""
    names = [name for name in {**before, **now} if before.get(name) != now.get(name)]
    return [f"{name.replace('.', '/')}.py" for name in names]
