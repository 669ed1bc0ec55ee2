"""Tables 1 and 3: what the paper says of workloads and techniques, and what is shipped."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars

from saibench.errors import UserError
from saibench.paper.toolbox.technique import Supported, Technique
from saibench.paper.toolbox.techniques import techniques, workloads
from saibench.settings import Characterization

TABLE_1 = (
    ("MLFF", "force_field", "point cloud", True, False, False),
    ("Jet Tagging", "jet_tagging", "point cloud", False, True, False),
    ("Precipitation Nowcasting", "nowcasting", "dense matrix", True, False, True),
)
"""The rows of the benchmarked workloads: the paper's name, ours, and the paper's columns."""
COLUMNS = tuple(Characterization.model_fields)


def write_table(name: str, folder: Path) -> tuple[Path, list[str]]:
    """Write `<folder>/<name>.csv`; its path, and the table as lines of text.

    Raises:
        UserError: the folder cannot be written.
    """
    rows = _table_1() if name == "table1" else _table_3()
    path = folder / f"{name}.csv"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        rows.write_csv(path)
    except OSError as error:
        raise UserError(f"{folder} cannot take the table: {error}.") from error
    title = {
        "table1": "Table 1: characterization of the workloads, the paper's beside the configs'",
        "table3": "Table 3: the toolbox, by workload the study that runs it",
    }
    return path, [title[name], "", *_shown(rows)]


def _table_1() -> polars.DataFrame:
    """One row a workload: the paper's columns, and whether its config agrees."""
    rows, cards = [], workloads()
    for paper, workload, *traits in TABLE_1:
        row: dict[str, Any] = dict(zip(COLUMNS, traits, strict=True))
        ours = cards[workload].characterization if workload in cards else None
        agrees = str(ours is not None and ours.model_dump() == row).lower()
        cells = {column: _mark(value) for column, value in row.items()}
        rows.append({"workload": paper, **cells, "config": workload, "agrees": agrees})
    return polars.DataFrame(rows)


def _mark(value: str | bool) -> str:
    if isinstance(value, str):
        return value.capitalize()
    return "✓" if value else ""


def _table_3() -> polars.DataFrame:
    """One row a technique: its scenario, and by workload a study or nothing."""
    rows, names = [], list(workloads())
    for technique in techniques():
        cells = {workload: _cell(technique, workload) for workload in names}
        rows.append({"scenario": technique.scenario, "technique": technique.name, **cells})
    return polars.DataFrame(rows)


def _cell(technique: Technique, workload: str) -> str:
    one = technique.on.get(workload)
    return one.study.rpartition("/")[2] if isinstance(one, Supported) else "–"


def _shown(rows: polars.DataFrame) -> list[str]:
    """The table in columns of equal width."""
    table = [rows.columns, *([str(cell) for cell in row] for row in rows.iter_rows())]
    widths = [max(len(row[number]) for row in table) for number in range(rows.width)]
    return [
        "  ".join(f"{c:<{w}}" for c, w in zip(row, widths, strict=True)).rstrip() for row in table
    ]
