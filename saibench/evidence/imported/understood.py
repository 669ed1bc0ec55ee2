"""What was understood of a table: the role, name and unit of each column."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import polars

from saibench.errors import UserError, closest
from saibench.evidence.imported.guess import Guess, guessed_roles, name_and_unit
from saibench.evidence.imported.schema import ONCE, ColumnSchema, TableSchema
from saibench.evidence.independence import MARKS
from saibench.evidence.schema import AFTER, BEFORE
from saibench.evidence.writer import KEYS, SEEN
from saibench.printable import printable

RESERVED = {*(field.name for field in KEYS), SEEN.name, "label", *MARKS}
"""Columns of evidence that no feature may be named like."""
PARTS_OF_A_PAIR = ("truth", "prediction")


@dataclass(frozen=True)
class Column:
    """One column of the file, as in `ColumnSchema`.

    Args:
        source: its name in the file.
        why: the reason for its role: `schema`, or how it was guessed.
    """

    source: str
    role: str
    name: str
    unit: str = ""
    title: str = ""
    describe: str = ""
    known: str = BEFORE
    target: str = ""
    of_class: str | int | bool | None = None
    model: str | None = None
    missing: str = "refuse"
    why: str = ""

    def to_json(self) -> dict[str, Any]:
        """The entry in the record, without defaults."""
        kept = {key: value for key, value in asdict(self).items() if value not in ("", None)}
        return {key: value for key, value in kept.items() if (key, value) != ("missing", "refuse")}


@dataclass(frozen=True)
class Understood:
    """The columns of a table, and the schema that they are from."""

    columns: tuple[Column, ...]
    schema: TableSchema

    def __iter__(self) -> Iterator[Column]:
        return iter(self.columns)

    def of(self, *roles: str) -> list[Column]:
        """The columns with these roles."""
        return [column for column in self.columns if column.role in roles]

    def one(self, role: str) -> Column | None:
        """The only column of a role; None without one."""
        return next(iter(self.of(role)), None)

    @property
    def features(self) -> list[Column]:
        """Columns that describe the sample; times and groups are features, too."""
        return self.of("feature", "time", "group")

    @property
    def targets(self) -> list[str]:
        """The quantities with a truth."""
        return list(dict.fromkeys(column.target for column in self.of("truth")))

    @property
    def models(self) -> list[str | None]:
        """The models that have a column each; `[None]` if none has."""
        named = [column.model for column in self.columns if column.model is not None]
        return list(dict.fromkeys(named)) or [None]

    def lines(self) -> list[str]:
        """A table of the columns for people."""
        rows = [("column", "role", "name", "unit", "why")]
        rows += [
            (
                printable(column.source),
                " of ".join(filter(None, [column.role, _about(column)])),
                column.name if column.role not in ("ignore", *OWN_NAMES) else "",
                column.unit,
                column.why,
            )
            for column in self.columns
        ]
        widths = [max(map(len, cells)) for cells in zip(*rows, strict=True)]
        padded = [[cell.ljust(n) for cell, n in zip(row, widths, strict=True)] for row in rows]
        return ["  ".join(row).rstrip() for row in padded]


OWN_NAMES = ("sample_id", "partition", "model", "seed", "seen", "label", "train_count")
"""Roles whose name in the evidence is fixed."""


def understand(table: polars.DataFrame, schema: TableSchema) -> Understood:
    """The role of each column: that of the schema, else a guess.

    Raises:
        UserError: a column of the schema is missing, or the columns do not fit together.
    """
    for name in schema.columns:
        if name not in table.columns:
            raise UserError(
                f"the table has no column '{name}', which the schema names: "
                f"{closest(name, table.columns)}"
            )
    known = {name: column.role for name, column in schema.columns.items()}
    guessed = guessed_roles(table, known) if schema.others == "guess" else {}
    columns = [
        _declared(name, schema.columns[name])
        if name in known
        else _guessed(name, guessed.get(name, Guess("ignore", "not in the schema")))
        for name in table.columns
    ]
    columns = _paired(_only_once(columns))
    columns = [_in_words(column) for column in columns]
    _refuse_unfit(columns)
    return Understood(tuple(columns), schema)


def plain(name: str) -> str:
    """A name of letters, digits and `_`, as columns of evidence have.

    >>> plain("η <b>jet</b>"), plain("2nd value")
    ('η_b_jet_b', '_2nd_value')
    """
    found = re.sub(r"\W+", "_", name).strip("_") or "column"
    return f"_{found}" if found[0].isdigit() else found


def _declared(source: str, given: ColumnSchema) -> Column:
    name, unit = name_and_unit(source)
    return Column(
        source,
        given.role,
        plain(given.name or name),
        unit if given.unit is None else given.unit,
        given.title,
        given.describe,
        given.known or BEFORE,
        given.target or "",
        given.of_class,
        given.model,
        given.missing,
        "schema",
    )


def _guessed(source: str, guess: Guess) -> Column:
    name, unit = name_and_unit(source)
    return Column(
        source,
        guess.role,
        plain(name),
        unit,
        target=guess.target,
        of_class=guess.of_class,
        model=guess.model,
        why=guess.why,
    )


def _only_once(columns: Sequence[Column]) -> list[Column]:
    """Guessed columns beyond the first of a role are features."""
    found: list[Column] = []
    taken = {column.role for column in columns if column.why == "schema"}
    for column in columns:
        if column.why != "schema" and column.role in ONCE:
            if column.role in taken:
                column = replace(column, role="feature", why=f"a second {column.role}")
            taken.add(column.role)
        found.append(column)
    return found


def _paired(columns: Sequence[Column]) -> list[Column]:
    """A single truth and its predictions are of one target, even if their names differ."""
    truths = [column for column in columns if column.role == "truth"]
    if len(truths) != 1:
        return list(columns)
    others = {column.target for column in columns if column.role == "prediction"}
    target = truths[0].target or (others.pop() if len(others) == 1 else "")
    return [
        replace(column, target=target) if column.role in PARTS_OF_A_PAIR else column
        for column in columns
    ]


def _in_words(column: Column) -> Column:
    """Fill in the title of a renamed column, and the names of a pair."""
    name, _ = name_and_unit(column.source)
    if column.role in PARTS_OF_A_PAIR:
        word = {"truth": "true", "prediction": "predicted"}[column.role]
        own = f"{word}_{plain(column.target)}" if column.target else column.role
        known = AFTER if column.role == "truth" else BEFORE
        return replace(column, name=own, known=known, target=plain_target(column.target))
    renamed = column.name.lower() != name.lower().replace(" ", "_")
    if column.role in ("feature", "time", "group", "error") and not column.title and renamed:
        return replace(column, title=printable(name))
    return column


def plain_target(target: str) -> str:
    """The target in names of columns; empty without a name."""
    return plain(target) if target else ""


def _refuse_unfit(columns: Sequence[Column]) -> None:
    """Refuse columns that do not make a table of predictions.

    Raises:
        UserError: no error can be computed, or two columns contradict each other.
    """
    for role in ONCE:
        named = [column.source for column in columns if column.role == role]
        if len(named) > 1:
            raise UserError(
                f"the columns {', '.join(named)} all have the role {role}. Use one of them, and "
                "ignore for the others."
            )
    _refuse_equal_names([column for column in columns if column.role not in ("ignore", *OWN_NAMES)])
    _refuse_unpaired(columns)
    _refuse_unclassified(columns)
    roles = {column.role for column in columns}
    if not roles & {"prediction", "error", "score", "predicted_label"}:
        raise UserError(
            "no column is a prediction, a score or an error. Name one in a schema: "
            "columns: {y: truth, y_hat: prediction}."
        )


def _refuse_equal_names(columns: Sequence[Column]) -> None:
    taken: dict[tuple[str, str | None], Column] = {}
    for column in columns:
        if column.name in RESERVED or column.name.startswith("__"):
            raise UserError(
                f"column '{printable(column.source)}' would be named {column.name}, which evidence "
                f"uses itself. Set columns.{column.source}.name in a schema."
            )
        key = (column.name, column.model)
        if key in taken and column.role != "score":
            first = taken[key]
            raise UserError(
                f"the columns '{first.source}' and '{column.source}' would both be named "
                f"{column.name}. Set the name, target or model of one in a schema."
            )
        taken[key] = column


def _refuse_unpaired(columns: Sequence[Column]) -> None:
    truths = {column.target: column for column in columns if column.role == "truth"}
    predictions = [column for column in columns if column.role == "prediction"]
    for column in predictions:
        truth = truths.get(column.target)
        if truth is None:
            of = f" of '{column.target}'" if column.target else ""
            raise UserError(
                f"column '{column.source}' is a prediction, and no column is the truth{of}. Name "
                "it in a schema, with the same target as the prediction."
            )
        if truth.unit != column.unit and truth.unit and column.unit:
            raise UserError(
                f"'{truth.source}' is in {truth.unit} and '{column.source}' in {column.unit}. "
                "Convert one, or correct the unit in a schema."
            )
    for target, truth in truths.items():
        if target not in {column.target for column in predictions}:
            raise UserError(
                f"column '{truth.source}' is a truth, and no column is its prediction. Name it in "
                "a schema, with the same target as the truth."
            )


def _refuse_unclassified(columns: Sequence[Column]) -> None:
    roles = {column.role for column in columns}
    for role in ("score", "predicted_label"):
        if role in roles and "label" not in roles:
            named = next(column.source for column in columns if column.role == role)
            raise UserError(
                f"column '{named}' is a {role}, and no column is the label. Name it in a schema."
            )
    if "label" in roles and not roles & {"score", "predicted_label"}:
        label = next(column.source for column in columns if column.role == "label")
        raise UserError(
            f"column '{label}' is a label, and no column is a score or predicted_label. Name one "
            "in a schema, or give the label the role feature."
        )


def _about(column: Column) -> str:
    parts = [column.target if column.role in PARTS_OF_A_PAIR else "", column.model or ""]
    if column.of_class is not None:
        parts.append(f"class {column.of_class}")
    return ", ".join(filter(None, parts))
