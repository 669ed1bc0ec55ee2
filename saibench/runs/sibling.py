"""Why a run is a new one, where another of its study has the same settings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from saibench.errors import UserError
from saibench.evidence.run_record import FILE, read_record
from saibench.identity import IDENTITY, settings_hash
from saibench.runs.point import Point


def why_anew(point: Point) -> list[str]:
    """Sentences on what has changed since the latest run of the same settings; none for no run."""
    own = point.settings.get(IDENTITY)
    if own is None:
        return []
    wanted = settings_hash(point.settings)
    others = [
        (str(record.get("started", "")), folder.name, record[IDENTITY])
        for folder, record in _others(point)
        if record.get("settings_hash") == wanted
    ]
    if not others:
        return []
    _, name, before = max(others, key=lambda other: other[0])
    return [f"{what}: this is a new run." for what in _changed(name, before, own)]


def _others(point: Point) -> Iterator[tuple[Path, dict[str, Any]]]:
    for path in point.study.glob(f"*/{FILE}"):
        try:
            record = read_record(path.parent)
        except UserError:  # a damaged record is told by who reports the study
            continue
        if path.parent != point.folder and isinstance(record.get(IDENTITY), dict):
            yield path.parent, record


def _changed(name: str, before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    if modules := changed_modules(before.get("source") or {}, now.get("source") or {}):
        yield f"{' and '.join(modules)} changed since {name} was trained"
    if before.get("data") != now.get("data"):
        yield f"the data are not those of {name}"
    files, others = before.get("files") or {}, now.get("files") or {}
    for where in others:
        if files.get(where) != others[where]:
            yield f"the file of {where} is not that of {name}"


def changed_modules(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """Files of the user's modules, by their dotted names, whose code is another or is gone."""
    names = [name for name in {**before, **now} if before.get(name) != now.get(name)]
    return [f"{name.replace('.', '/')}.py" for name in names]
