"""What was understood of a table: the role, name and unit of each column."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

import polars

from saibench.errors import UserError, closest
from saibench.evidence.imported.column import OWN_NAMES, PARTS_OF_A_PAIR, Column, plain
from saibench.evidence.imported.consistency import refuse_unfit
from saibench.evidence.imported.guess import Guess, guessed_roles, name_and_unit
from saibench.evidence.imported.schema import ONCE, ColumnSchema, TableSchema
from saibench.evidence.schema import AFTER, BEFORE
from saibench.printable import printable


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
    def models(self) -> list[str | None]:
        """The models that have a column each; `[None]` if none has."""
        named = [column.model for column in self.columns if column.model is not None]
        return list(dict.fromkeys(named)) or [None]

    def lines(self) -> list[str]:
        """A table of the columns for people."""
        rows = [("column", "role", "name", "unit", "why")]
        rows += [
            (
                printable(column.source) or "''",
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


def understand(
    table: polars.DataFrame, schema: TableSchema, found: Mapping[str, Guess] = MappingProxyType({})
) -> Understood:
    """The role of each column: that of the schema, else a guess.

    Args:
        table: all columns.
        schema: of the user.
        found: by column, guesses that do not depend on its name alone.

    Raises:
        UserError: a column of the schema is missing, or the columns do not fit together.
    """
    for name in schema.columns:
        if name not in table.columns:
            raise UserError(
                f"the table has no column '{name}', which the schema names: "
                f"{closest(name, table.columns)}"
            )
    known: dict[str, str] = {name: column.role for name, column in schema.columns.items()}
    known |= {name: guess.role for name, guess in found.items()}
    guessed = guessed_roles(table, known) if schema.others == "guess" else {}
    guessed |= found
    columns = [
        _declared(name, schema.columns[name])
        if name in schema.columns
        else _guessed(name, guessed.get(name, Guess("ignore", "not in the schema")))
        for name in table.columns
    ]
    columns = _paired(_only_once(columns))
    columns = [_in_words(column) for column in columns]
    refuse_unfit(columns)
    return Understood(tuple(columns), schema)


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
        target = plain(column.target) if column.target else ""
        own = f"{word}_{target}" if target else column.role
        known = AFTER if column.role == "truth" else BEFORE
        return replace(column, name=own, known=known, target=target)
    renamed = column.name.lower() != name.lower().replace(" ", "_")
    if column.role in ("feature", "time", "group", "error") and not column.title and renamed:
        return replace(column, title=printable(name))
    return column


def _about(column: Column) -> str:
    parts = [column.target if column.role in PARTS_OF_A_PAIR else "", column.model or ""]
    if column.of_class is not None:
        parts.append(f"class {column.of_class}")
    return ", ".join(filter(None, parts))
