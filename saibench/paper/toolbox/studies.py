"""The shipped studies: what each shows, how many points it has, and the time they took."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, cast

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import OmegaConf

from saibench.config.locations import STUDIES
from saibench.errors import UserError
from saibench.evidence.run_record import COMPLETE, read_record
from saibench.settings import Characterization, validated
from saibench.shipped import conf, root

_INTERPOLATION = re.compile(r"\$\{[^}]*\}")


@dataclass(frozen=True)
class ShippedStudy:
    """A study under `sweeps/`.

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
class Taken:
    """What one folder of a study took here.

    Args:
        folder: the study's.
        complete: points that are.
        seconds: of those together.
    """

    folder: Path
    complete: int
    seconds: float


def shipped_studies() -> list[ShippedStudy]:
    """All of them, by name."""
    studies = root() / STUDIES
    files = sorted(studies.rglob("*.yaml"))
    return [shipped_study(str(file.relative_to(studies).with_suffix(""))) for file in files]


@cache
def shipped_study(name: str) -> ShippedStudy:
    """The study of this name, which there is."""
    lines = _file(name).read_text(encoding="utf-8").splitlines()
    text, commands = _comment(lines[1:])
    settings = _settings(name)
    return ShippedStudy(
        name=name,
        text=text,
        commands=commands,
        folder=str(settings["study"]),
        sweep={key: str(values) for key, values in settings["hydra"]["sweeper"]["params"].items()},
    )


def taken_here(study: ShippedStudy, outputs: Path) -> list[Taken]:
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
            found.append(Taken(folder, len(seconds), sum(seconds)))
    return found


def _record(folder: Path) -> dict[str, Any]:
    """A point's record; nothing of one that is damaged, which is no complete point."""
    try:
        return read_record(folder)
    except UserError:
        return {}


def characterization(workload: str) -> Characterization:
    """The workload's row of the paper's table 1."""
    node = OmegaConf.load(conf() / "workload" / f"{workload}.yaml")
    row = cast(dict[str, Any], OmegaConf.to_container(node.workload.characterization))
    return validated(Characterization, row)


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
    own = cast(dict[str, Any], OmegaConf.to_container(OmegaConf.load(_file(name))))
    merged: dict[str, Any] = {}
    for entry in own.pop("defaults", []):
        if isinstance(entry, str) and entry != "_self_":
            merged = _merged(merged, _settings(entry.removeprefix(f"/{STUDIES}/")))
    return _merged(merged, own)


def _merged(first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]:
    return cast(dict[str, Any], OmegaConf.to_container(OmegaConf.merge(first, second)))


def _file(name: str) -> Path:
    return (root() / STUDIES / name).with_suffix(".yaml")
