"""What can be downloaded: one frozen dataclass a data set.

The data sets of a workload stand in its `downloads.py`, in a tuple `DATASETS`; a new workload
brings its own file and nothing here changes. Those files are read at every start of the command
line, so they import what is heavy only when a download begins.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar

import saibench.datamodules
from saibench.errors import UserError, closest


@dataclass(frozen=True)
class Option:
    """What a user may choose of a data set: some of `choices`, or yes or no where it has none."""

    name: str
    help: str
    choices: tuple[str, ...] = ()

    def check(self, chosen: Iterable[str]) -> tuple[str, ...]:
        """`chosen` once each, in the order of `choices`; UserError for an unknown one."""
        chosen = set(chosen)
        for unknown in sorted(chosen - set(self.choices)):
            raise UserError(f"No {self.name} '{unknown}': {closest(unknown, self.choices)}")
        return tuple(choice for choice in self.choices if choice in chosen)


class Downloadable(ABC):
    """A data set that saibench knows where to find and how to verify.

    name: what the user types
    folder: where it goes inside the cache, unless the user gives a folder
    by_hand: how a user gets it where `download` cannot; empty where it can
    """

    name: ClassVar[str]
    folder: ClassVar[str]
    summary: ClassVar[str]
    size: ClassVar[str]
    licence: ClassVar[str]
    source: ClassVar[str]
    by_hand: ClassVar[str] = ""
    options: ClassVar[tuple[Option, ...]] = ()

    @abstractmethod
    def download(self, root: Path, *args: Any, **chosen: Any) -> list[Path]:
        """Bring the data set under `root` and return its files; `chosen` is by option name.

        Files that are there and verify are not fetched again; other files are never overwritten.
        """


def catalogue() -> Mapping[str, Downloadable]:
    """Every data set of every workload, by name, in alphabetical order."""
    # The folders are looked through without importing them: most have no data set to declare.
    found = [
        dataset
        for file in Path(saibench.datamodules.__path__[0]).glob("*/downloads.py")
        for dataset in import_module(f"saibench.datamodules.{file.parent.name}.downloads").DATASETS
    ]
    return {dataset.name: dataset for dataset in sorted(found, key=lambda dataset: dataset.name)}
