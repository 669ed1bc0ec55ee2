"""The commands and hashes that reproduce a study."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from saibench.evidence.reader import StudyEvidence

SWEEP_DIR = "hydra.sweep.dir="
OF_TRAINING = ("train", "validation")
"""Partitions that differ between points."""


@dataclass(frozen=True)
class Recipe:
    """The provenance of a study.

    Args:
        study: its name.
        commits: of saibench, of all points.
        versions: of the packages, from the first point that recorded them.
        commands: as typed, each once, then those that report and export.
        data: description and hash of each data set.
        tested: name, count, hash and description of each test partition.
    """

    study: str
    commits: list[str]
    versions: Mapping[str, str]
    commands: list[str]
    data: list[tuple[str, str]]
    tested: list[tuple[str, int | None, str, str]]


def recipe(evidence: StudyEvidence) -> Recipe:
    """The provenance in the records of the study's points."""
    records = [evidence.records[point] for point in evidence.points["point"]]
    data = [record.get("data") or {} for record in records]
    tested = [
        (str(name), one.get("count"), str(one.get("hash") or ""), str(one.get("describe") or ""))
        for record in records
        for name, one in (record.get("partitions") or {}).items()
        if name not in OF_TRAINING
    ]
    sessions = [session for record in records for session in sessions_of(record)]
    commands = distinct(session.get("command") for session in sessions)
    study = _study_folder(evidence.study, commands)
    return Recipe(
        study=evidence.study,
        commits=distinct(session.get("commit") for session in sessions),
        versions=next((r["versions"] for r in records if r.get("versions")), {}),
        commands=[
            *map(_typed, commands),
            f"python -m saibench report {shlex.quote(study)}",
            f"python -m saibench export {shlex.quote(study)} results",
        ],
        data=distinct((str(d.get("describe") or ""), str(d.get("hash") or "")) for d in data if d),
        tested=list(dict.fromkeys(tested)),
    )


def sessions_of(record: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The sessions that trained a point, then those that tested each partition."""
    trained = record.get("sessions") or [record]
    return [*trained, *(record.get("partitions") or {}).values()]


def _study_folder(study: str, commands: Iterable[str]) -> str:
    """The folder of the study: the last that a command names, or the default."""
    words = (word for command in commands for word in _words(command))
    named = [word.removeprefix(SWEEP_DIR) for word in words if word.startswith(SWEEP_DIR)]
    return named[-1] if named else f"outputs/{study}"


def _words(command: str) -> list[str]:
    try:
        return shlex.split(command)
    except ValueError:  # a record that saibench did not write may have any text
        return command.split()


def _typed(command: str) -> str:
    return f"python {command}" if command.startswith(("train.py", "evaluate.py")) else command


def distinct(values: Iterable[Any]) -> list[Any]:
    """The values that are not empty, each once."""
    return [value for value in dict.fromkeys(values) if value]
