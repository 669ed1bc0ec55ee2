"""All figures and tables of the paper that take runs, from the files `paper.yaml`."""

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
"""Tables that take no runs."""


class PaperRow(Characterization):
    """A workload's row of table 1 in the paper."""

    name: str


class PaperFile(Described):
    """The paper's results on one workload.

    Args:
        table1: the workload's row.
        data, findings: defaults for each result.
        results: the fields of `Result`, by name.
    """

    table1: PaperRow | None = None
    data: tuple[str, ...] = ()
    findings: tuple[str, ...] = ()
    results: dict[str, dict[str, Any]]


def table_1() -> dict[str, PaperRow]:
    """The rows of table 1 in the paper, by workload."""
    return {file.parent.name: one.table1 for file, one in _files() if one.table1 is not None}


def results() -> dict[str, Result]:
    """All results, by name.

    Raises:
        UserError: an invalid file, or a result that another file already defines.
    """
    found: dict[str, Result] = {}
    for file, one in _files():
        shared = {"data": one.data, "findings": one.findings}
        for name, content in one.results.items():
            if name in found or name in TABLES:
                raise UserError(f"{file}: results.{name} is already defined. Use another name.")
            given = {**shared, **content, "name": name}
            found[name] = described(Result, given, f"{file}: results.{name}")
    return found


def named_result(name: str) -> Result:
    """The result of this name, with all its names checked.

    Raises:
        UserError: figure 1, or an unknown name.
    """
    known = results()
    if name in known:
        known[name].check_names()
        return known[name]
    if name == "fig1":
        raise UserError("fig1 is a drawing of the method without data. Use fig2 or a later figure.")
    near = difflib.get_close_matches(name, [*known, *TABLES], n=1, cutoff=0.4)
    valid = f"did you mean '{near[0]}'?" if near else "use fig2 to fig21 or table1 to table3."
    raise UserError(f"'{name}' is no figure or table of the paper: {valid}")


def _files() -> Iterator[tuple[Path, PaperFile]]:
    for folder in studies_folders():
        for file in sorted(folder.glob(f"*/{PAPER}")):
            yield file, described(PaperFile, mapping_in(file), str(file))
