"""The studies: what each shows, how many points it has, and the time they took."""

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
        name: below `sweeps/`, as `+sweeps=` takes it.
        text: its first comment, without the commands.
        commands: those of the comment.
        folder: the name of its folder under `outputs/`, with interpolations.
        sweep: by setting, the values that are swept, as Hydra takes them.
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
        """As many as Hydra's sweeper makes of the lists."""
        overrides = OverridesParser.create().parse_overrides(
            [f"{setting}={values}" for setting, values in self.sweep.items()]
        )
        return sum(len(batch) for batch in BasicSweeper.split_arguments(overrides, None))

    def is_folder(self, name: str) -> bool:
        """Whether points of this study lie in `outputs/<name>`, whatever its data."""
        parts = (re.escape(part) for part in _INTERPOLATION.split(self.folder))
        return re.fullmatch(r"[^/]+".join(parts), name) is not None


@dataclass(frozen=True)
class MeasuredTime:
    """What one folder of a study took here.

    Args:
        folder: the study's.
        complete: points that are.
        seconds: of those together.
    """

    folder: Path
    complete: int
    seconds: float


def all_studies() -> list[Study]:
    """All of them, by name."""
    return [study_named(name) for name in sorted(study_files())]


def study_named(name: str) -> Study:
    """The study of this name, which there is."""
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
    """`<study>_mini`, in minutes on two cores; the study itself where it is that small."""
    mini = f"{study}_mini"
    return mini if mini in study_files() else study


def measured_times(study: Study, outputs: Path) -> list[MeasuredTime]:
    """What the study's points under `outputs` took, by folder; those that are not complete not."""
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
    """A point's record; nothing of one that is damaged, which is no complete point."""
    try:
        return read_record(folder)
    except UserError:
        return {}


def _comment(lines: Sequence[str]) -> tuple[str, tuple[str, ...]]:
    """The text of the first comment, and the commands that are indented in it."""
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
    """What the study sets, with the study that it is a form of."""
    files = study_files()
    own = mapping_in(files[name])
    merged: dict[str, Any] = {}
    for entry in own.pop("defaults", []):
        form_of = str(entry).removeprefix(f"/{STUDIES}/")
        if form_of in files:
            merged = _merged(merged, _settings(form_of))
    return _merged(merged, own)


def _merged(first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]:
    return cast(dict[str, Any], OmegaConf.to_container(OmegaConf.merge(first, second)))
