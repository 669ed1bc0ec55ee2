"""The catalogue of data sets that can be downloaded.

Each workload lists its data sets in the tuple `DATASETS` of its `downloads.py`. The command line
imports these files at every start, so heavy imports belong inside `download`.
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
    """An option of a download: a selection of `choices`, or a flag if there are none."""

    name: str
    help: str
    choices: tuple[str, ...] = ()

    def check(self, chosen: Iterable[str]) -> tuple[str, ...]:
        """`chosen` without repetition, in the order of `choices`; UserError for unknown ones."""
        chosen = set(chosen)
        for unknown in sorted(chosen - set(self.choices)):
            raise UserError(f"No {self.name} '{unknown}': {closest(unknown, self.choices)}")
        return tuple(choice for choice in self.choices if choice in chosen)


class Downloadable(ABC):
    """A data set with known addresses and checksums.

    name: name on the command line
    folder: default folder inside the cache
    by_hand: instructions for a manual download; empty if `download` is supported
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
        """Download the data set to `root` and return its files; `chosen` is by option name.

        Existing files with the right checksum are kept; other files are never overwritten.
        """


def catalogue() -> Mapping[str, Downloadable]:
    """Every data set of every workload, by name, in alphabetical order."""
    # globbed rather than imported: most workloads have no data set to declare
    found = [
        dataset
        for file in Path(saibench.datamodules.__path__[0]).glob("*/downloads.py")
        for dataset in import_module(f"saibench.datamodules.{file.parent.name}.downloads").DATASETS
    ]
    return {dataset.name: dataset for dataset in sorted(found, key=lambda dataset: dataset.name)}
