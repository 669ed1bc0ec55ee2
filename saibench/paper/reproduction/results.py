"""All figures and tables of the paper that take runs: `paper.yaml` beside their studies."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from saibench.config.locations import PAPER, studies_folders
from saibench.errors import UserError
from saibench.paper.described import Described, described, mapping_in
from saibench.paper.reproduction.result import Result
from saibench.settings import Characterization

TABLES = ("table1", "table3")
"""Tables of words, which take no run."""


class PaperRow(Characterization):
    """A workload's row of table 1, as the paper has it."""

    name: str


class PaperFile(Described):
    """What the paper has of one workload.

    Args:
        table1: its row.
        data, findings: of each result that gives none.
        results: by name, what `Result` takes.
    """

    table1: PaperRow | None = None
    data: tuple[str, ...] = ()
    findings: tuple[str, ...] = ()
    results: dict[str, dict[str, Any]]


def table_1() -> dict[str, PaperRow]:
    """By workload, its row of table 1 in the paper."""
    return {file.parent.name: one.table1 for file, one in _files() if one.table1 is not None}


def results() -> dict[str, Result]:
    """All of them, by name.

    Raises:
        UserError: a file says what it may not, or has a result that another file has.
    """
    found: dict[str, Result] = {}
    for file, one in _files():
        shared = {"data": one.data, "findings": one.findings}
        for name, content in one.results.items():
            if name in found or name in TABLES:
                raise UserError(f"{file}: results.{name} is taken. Use another name.")
            given = {**shared, **content, "name": name}
            found[name] = described(Result, given, f"{file}: results.{name}")
    return found


def named_result(name: str) -> Result:
    """The result of this name, all that it names being there.

    Raises:
        UserError: figure 1, or an unknown name, with the closest that is known.
    """
    known = results()
    if name in known:
        known[name].check_names()
        return known[name]
    if name == "fig1":
        raise UserError(
            "fig1 is a drawing of the method, with no data to reproduce; fig2 is the first that "
            "has some."
        )
    near = difflib.get_close_matches(name, [*known, *TABLES], n=1, cutoff=0.4)
    works = f"did you mean '{near[0]}'?" if near else "fig2 to fig21 and table1 to table3 are."
    raise UserError(f"'{name}' is no figure or table of the paper: {works}")


def _files() -> Iterator[tuple[Path, PaperFile]]:
    for folder in studies_folders():
        for file in sorted(folder.glob(f"*/{PAPER}")):
            yield file, described(PaperFile, mapping_in(file), str(file))
