"""The commands and hashes with which a study can be made again."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from saibench.evidence.reader import StudyEvidence

SWEEP_DIR = "hydra.sweep.dir="
OF_TRAINING = ("train", "validation")
"""Partitions that each point has its own of."""


@dataclass(frozen=True)
class Recipe:
    """How a study came about.

    Args:
        study: its name.
        commits: of saibench, of all points.
        versions: of the packages, as the first point that says it recorded them.
        commands: as they were typed, each once, then those that join and report.
        data: description and hash of each data set.
        tested: name, count, hash and what it holds, of each test partition once.
    """

    study: str
    commits: list[str]
    versions: Mapping[str, str]
    commands: list[str]
    data: list[tuple[str, str]]
    tested: list[tuple[str, int | None, str, str]]


def recipe(evidence: StudyEvidence) -> Recipe:
    """From the records of the study's points."""
    records = [evidence.records[point] for point in evidence.points["point"]]
    data = [record.get("data") or {} for record in records]
    tested = [
        (str(name), one.get("count"), str(one.get("hash") or ""), str(one.get("describe") or ""))
        for record in records
        for name, one in (record.get("partitions") or {}).items()
        if name not in OF_TRAINING
    ]
    sessions = [session for record in records for session in sessions_of(record)]
    commands = _distinct(session.get("command") for session in sessions)
    study = _place(evidence.study, commands)
    return Recipe(
        study=evidence.study,
        commits=_distinct(session.get("commit") for session in sessions),
        versions=next((r["versions"] for r in records if r.get("versions")), {}),
        commands=[
            *map(_typed, commands),
            f"python -m saibench report {shlex.quote(study)}",
            f"python -m saibench export {shlex.quote(study)} results",
        ],
        data=_distinct((str(d.get("describe") or ""), str(d.get("hash") or "")) for d in data if d),
        tested=list(dict.fromkeys(tested)),
    )


def sessions_of(record: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """What trained a point, in one session or more, then what tested each partition."""
    trained = record.get("sessions") or [record]
    return [*trained, *(record.get("partitions") or {}).values()]


def _place(study: str, commands: Iterable[str]) -> str:
    """The folder that these commands leave the study in: the last that one of them names."""
    words = (word for command in commands for word in _words(command))
    named = [word.removeprefix(SWEEP_DIR) for word in words if word.startswith(SWEEP_DIR)]
    return named[-1] if named else f"outputs/{study}"


def _words(command: str) -> list[str]:
    try:
        return shlex.split(command)
    except ValueError:  # a record that was not written by saibench may hold any text
        return command.split()


def _typed(command: str) -> str:
    return f"python {command}" if command.startswith(("train.py", "evaluate.py")) else command


def _distinct(values: Iterable[Any]) -> list[Any]:
    return [value for value in dict.fromkeys(values) if value]
