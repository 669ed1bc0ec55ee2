"""The studies: their descriptions, numbers of runs, and measured run times."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import OmegaConf

from saibench.config.locations import STUDIES, study_files
from saibench.errors import UserError
from saibench.evidence.run_record import COMPLETE, read_record
from saibench.paper.described import mapping_in

_INTERPOLATION = re.compile(r"\$\{[^}]*\}")


@dataclass(frozen=True)
class Study:
    """A study under `sweeps/`, shipped or in a folder of `--config-dir`.

    Args:
        name: below `sweeps/`, for `+sweeps=`.
        text: the first comment, without the commands.
        commands: the commands in the comment.
        folder: name of the folder under `outputs/`, with interpolations.
        sweep: the swept values of each setting, in Hydra's syntax.
    """

    name: str
    text: str
    commands: tuple[str, ...]
    folder: str
    sweep: Mapping[str, str]

    @property
    def workload(self) -> str:
        return self.name.partition("/")[0]

    @property
    def first_sentence(self) -> str:
        return re.split(r"(?<=[.?])\s", self.text, maxsplit=1)[0]

    @property
    def num_points(self) -> int:
        """The number of runs that Hydra's sweeper makes of the lists."""
        overrides = OverridesParser.create().parse_overrides(
            [f"{setting}={values}" for setting, values in self.sweep.items()]
        )
        return sum(len(batch) for batch in BasicSweeper.split_arguments(overrides, None))

    def is_folder(self, name: str) -> bool:
        """Whether `outputs/<name>` is a folder of this study, for any data set."""
        parts = (re.escape(part) for part in _INTERPOLATION.split(self.folder))
        return re.fullmatch(r"[^/]+".join(parts), name) is not None


@dataclass(frozen=True)
class MeasuredTime:
    """The measured run time of a study in one folder.

    Args:
        folder: of the study.
        complete: number of complete runs.
        seconds: their total time.
    """

    folder: Path
    complete: int
    seconds: float


def all_studies() -> list[Study]:
    """All studies, sorted by name."""
    return [study_named(name) for name in sorted(study_files())]


def study_named(name: str) -> Study:
    """The study of an existing name."""
    lines = study_files()[name].read_text(encoding="utf-8").splitlines()
    text, commands = _comment(lines[1:])
    settings = _settings(name)
    sweep = settings.get("hydra", {}).get("sweeper", {}).get("params", {})
    return Study(
        name=name,
        text=text,
        commands=commands,
        folder=str(settings.get("study", name)),
        sweep={key: str(values) for key, values in sweep.items()},
    )


def small_form(study: str) -> str:
    """`<study>_mini`, which runs in minutes on two cores; the study itself if there is none."""
    mini = f"{study}_mini"
    return mini if mini in study_files() else study


def measured_times(study: Study, outputs: Path) -> list[MeasuredTime]:
    """Measured times of the study's complete runs under `outputs`, by folder."""
    found = []
    for folder in sorted(path for path in outputs.glob("*") if study.is_folder(path.name)):
        records = [_record(path.parent) for path in sorted(folder.glob("*/run.json"))]
        seconds = [
            float((record.get("seconds") or {}).get("total") or 0)
            for record in records
            if record.get("workload") == study.workload and record.get("state") == COMPLETE
        ]
        if seconds:
            found.append(MeasuredTime(folder, len(seconds), sum(seconds)))
    return found


def _record(folder: Path) -> dict[str, Any]:
    """The record of a run; empty if it is damaged."""
    try:
        return read_record(folder)
    except UserError:
        return {}


def _comment(lines: Sequence[str]) -> tuple[str, tuple[str, ...]]:
    """The text of the first comment, and its indented commands."""
    text: list[str] = []
    commands: list[str] = []
    continued = False
    for line in lines:
        if not line.startswith("#"):
            break
        inside = line.removeprefix("#").removeprefix(" ")
        if inside.startswith(" "):
            part = inside.strip().removesuffix("\\").strip()
            commands = (
                [*commands[:-1], f"{commands[-1]} {part}"] if continued else [*commands, part]
            )
            continued = inside.endswith("\\")
        elif not commands:
            text.append(inside.strip())
    return " ".join(text), tuple(commands)


def _settings(name: str) -> dict[str, Any]:
    """The settings of the study, merged with those of its parent study."""
    files = study_files()
    own = mapping_in(files[name])
    merged: dict[str, Any] = {}
    for entry in own.pop("defaults", []):
        parent = str(entry).removeprefix(f"/{STUDIES}/")
        if parent in files:
            merged = _merged(merged, _settings(parent))
    return _merged(merged, own)


def _merged(first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]:
    return cast(dict[str, Any], OmegaConf.to_container(OmegaConf.merge(first, second)))
