"""Tables 1 and 3 of the paper, compared with the shipped workloads and techniques."""

from __future__ import annotations

from pathlib import Path

import polars

from saibench.errors import UserError
from saibench.paper.reproduction.results import table_1
from saibench.paper.toolbox.technique import Supported, Technique
from saibench.paper.toolbox.techniques import techniques, workloads
from saibench.settings import Characterization

COLUMNS = tuple(Characterization.model_fields)


def write_table(name: str, folder: Path) -> tuple[Path, list[str]]:
    """Write `<folder>/<name>.csv`; returns its path and the table as lines of text.

    Raises:
        UserError: the folder cannot be written.
    """
    rows = _table_1() if name == "table1" else _table_3()
    path = folder / f"{name}.csv"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        rows.write_csv(path)
    except OSError as error:
        raise UserError(f"The table cannot be written to {folder}: {error}.") from error
    title = {
        "table1": "Table 1: characterization of the workloads in the paper and in the configs",
        "table3": "Table 3: the toolbox, with the study of each workload",
    }
    return path, [title[name], "", *_aligned(rows)]


def _table_1() -> polars.DataFrame:
    """One row per workload: the paper's columns, and whether the config agrees."""
    rows, cards = [], workloads()
    for workload, paper in table_1().items():
        row = {column: getattr(paper, column) for column in COLUMNS}
        ours = cards[workload].characterization if workload in cards else None
        agrees = str(ours is not None and ours.model_dump() == row).lower()
        cells = {column: _mark(value) for column, value in row.items()}
        rows.append({"workload": paper.name, **cells, "config": workload, "agrees": agrees})
    return polars.DataFrame(rows)


def _mark(value: str | bool) -> str:
    if isinstance(value, str):
        return value.capitalize()
    return "✓" if value else ""


def _table_3() -> polars.DataFrame:
    """One row per technique: its scenario, and a study per workload if it is supported."""
    rows, names = [], list(workloads())
    for technique in techniques():
        cells = {workload: _cell(technique, workload) for workload in names}
        rows.append({"scenario": technique.scenario, "technique": technique.name, **cells})
    return polars.DataFrame(rows)


def _cell(technique: Technique, workload: str) -> str:
    one = technique.on.get(workload)
    return one.study.rpartition("/")[2] if isinstance(one, Supported) else "–"


def _aligned(rows: polars.DataFrame) -> list[str]:
    """The table as lines with aligned columns."""
    table = [rows.columns, *([str(cell) for cell in row] for row in rows.iter_rows())]
    widths = [max(len(row[number]) for row in table) for number in range(rows.width)]
    return [
        "  ".join(f"{c:<{w}}" for c, w in zip(row, widths, strict=True)).rstrip() for row in table
    ]
