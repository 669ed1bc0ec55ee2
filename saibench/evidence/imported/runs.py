"""The runs in a table: the rows and columns of one model, seed and setting each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import polars

from saibench.errors import UserError
from saibench.evidence.imported.column import Column, plain
from saibench.evidence.imported.keys import ID, NAME, PARTITION, ROW
from saibench.evidence.imported.same_samples import refuse_other_truths
from saibench.evidence.imported.schema import OF_A_RUN
from saibench.evidence.imported.understood import Understood
from saibench.evidence.imported.values import Values
from saibench.printable import printable

MOST_RUNS = 1000
"""Most runs in a table; more are a sign that a feature is taken for a setting."""
MODEL = "model"
"""Name of the model of a table that names none."""


@dataclass(frozen=True, eq=False)
class Run:
    """The predictions of one run.

    Args:
        rows: its rows of `Values.frame`.
        columns: those with its predictions; others, such as features, are shared by all runs.
        model: name of the model.
        seed: of its training; None if unknown.
        train_count: number of its training samples; None if unknown.
        settings: others, by name.
    """

    rows: polars.DataFrame
    columns: tuple[Column, ...]
    model: str
    seed: int | None = None
    train_count: int | None = None
    settings: dict[str, Any] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """Model, seed and settings in words."""
        seed = {} if self.seed is None else {"seed": self.seed}
        parts = [f"{name} {value}" for name, value in {**self.settings, **seed}.items()]
        return printable(", ".join([self.model, *parts]))

    def of(self, *roles: str) -> list[Column]:
        """The columns with these roles."""
        return [column for column in self.columns if column.role in roles]


def runs_of(values: Values, understood: Understood) -> list[Run]:
    """The runs, in the order of the file.

    Raises:
        UserError: a sample occurs twice in a run and partition, its truth differs between runs, or
            there are too many runs.
    """
    keys = understood.of(*OF_A_RUN)
    names = [column.source for column in keys]
    if names and (count := values.frame.select(names).n_unique()) > MOST_RUNS:
        raise UserError(
            f"the columns {', '.join(names)} make {count:,} runs, and at most {MOST_RUNS:,} are "
            "possible. Give one the role feature in a schema."
        )
    groups = values.frame.partition_by(names, maintain_order=True) if names else [values.frame]
    found = []
    for rows in groups:
        for model in understood.models:
            columns = tuple(one for one in understood if one.model in (None, model))
            found.append(_run(rows, columns, keys, model))
        _refuse_repeated(rows, understood)
    if len(groups) > 1:
        refuse_other_truths(values.frame, understood.of("truth", "label"), keys, values.classes)
    return found


def _run(
    rows: polars.DataFrame, columns: tuple[Column, ...], keys: Sequence[Column], model: str | None
) -> Run:
    known = {column.role: rows[column.source][0] for column in keys if column.role != "setting"}
    named = [str(part) for part in (known.get("model"), model) if part is not None]
    seed, count = (_whole(rows, keys, role, known) for role in ("seed", "train_count"))
    settings = {
        plain(column.name): rows[column.source][0] for column in keys if column.role == "setting"
    }
    return Run(rows, columns, printable(" ".join(named)) or MODEL, seed, count, settings)


def _whole(
    rows: polars.DataFrame, keys: Sequence[Column], role: str, known: dict[str, Any]
) -> int | None:
    value = known.get(role)
    if value is None:
        return None
    try:
        whole = int(value)
    except (TypeError, ValueError):
        whole = -1
    if whole < 0 or whole != float(value):
        source = next(column.source for column in keys if column.role == role)
        raise UserError(
            f"column '{source}', row {rows[ROW][0]:,}: the {role} is '{printable(str(value))}', "
            "no whole number. Use 0, 1, 2, …"
        )
    return whole


def _refuse_repeated(rows: polars.DataFrame, understood: Understood) -> None:
    repeated = rows.select(PARTITION, ID).is_duplicated()
    if not repeated.any():
        return
    first = rows.filter(repeated).row(0, named=True)
    same = rows.filter((polars.col(PARTITION) == first[PARTITION]) & (polars.col(ID) == first[ID]))[
        ROW
    ].to_list()
    column = understood.one("sample_id")
    named = printable(str(first.get(NAME, first[ID])))
    raise UserError(
        f"sample {named} is in rows {', '.join(f'{row:,}' for row in same[:5])} of partition "
        f"{first[PARTITION]} (column '{column.source if column else ''}'). Keep one row per sample "
        "and run; give the columns that distinguish runs the role model, seed or setting."
    )
