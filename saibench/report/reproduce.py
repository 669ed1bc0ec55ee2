"""The commands and hashes with which a study can be made again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from saibench.evidence.reader import StudyEvidence

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
    study = f"outputs/{evidence.study}"
    return Recipe(
        study=evidence.study,
        commits=_distinct(record.get("commit") for record in records),
        versions=next((r["versions"] for r in records if r.get("versions")), {}),
        commands=[
            *(_typed(command) for command in _distinct(r.get("command") for r in records)),
            f"python -m saibench report {study}",
            f"python -m saibench export {study} results",
        ],
        data=_distinct((str(d.get("describe") or ""), str(d.get("hash") or "")) for d in data if d),
        tested=list(dict.fromkeys(tested)),
    )


def _typed(command: str) -> str:
    return f"python {command}" if command.startswith(("train.py", "evaluate.py")) else command


def _distinct(values: Iterable[Any]) -> list[Any]:
    return [value for value in dict.fromkeys(values) if value]
