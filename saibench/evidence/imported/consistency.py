"""Refuse columns that do not make a table of predictions."""

from __future__ import annotations

from collections.abc import Sequence

from saibench.errors import UserError
from saibench.evidence.imported.column import OWN_NAMES, Column
from saibench.evidence.imported.guess import NO_NUMBERS, OF_TYPE, named_in_a_pair
from saibench.evidence.imported.schema import ONCE
from saibench.evidence.independence import MARKS
from saibench.evidence.writer import KEYS, SEEN
from saibench.printable import printable

RESERVED = {*(field.name for field in KEYS), SEEN.name, "label", *MARKS}
"""Columns of evidence that no feature may be named like."""


def refuse_unfit(columns: Sequence[Column]) -> None:
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
    _refuse_lists(columns)
    if len(columns) == 1 and columns[0].role != "error":
        raise UserError(
            f"the table has one column, '{printable(columns[0].source)}'. Use columns of truth and "
            "prediction, separated by one of , ; | and tab, or set separator in a schema."
        )
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


def _refuse_lists(columns: Sequence[Column]) -> None:
    """Refuse lists that would be truths or predictions by their name."""
    for column in columns:
        if column.why.startswith(OF_TYPE) and named_in_a_pair(column.source):
            raise UserError(
                f"column '{printable(column.source)}' has {column.why}. Use a column with one "
                "number per row, and a target each if there are several."
            )


def _refuse_unpaired(columns: Sequence[Column]) -> None:
    truths = {column.target: column for column in columns if column.role == "truth"}
    predictions = [column for column in columns if column.role == "prediction"]
    for column in predictions:
        truth = truths.get(column.target)
        if truth is None:
            _refuse_classes_for_numbers(column, "label", columns)
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
            _refuse_classes_for_numbers(truth, "predicted_label", columns)
            raise UserError(
                f"column '{truth.source}' is a truth, and no column is its prediction. Name it in "
                "a schema, with the same target as the truth."
            )


def _refuse_classes_for_numbers(column: Column, role: str, columns: Sequence[Column]) -> None:
    """Refuse text or booleans as the other half of a pair of numbers."""
    if {"label", "predicted_label"} <= {one.role for one in columns}:
        return  # those are a pair of their own
    for other in columns:
        if other.role == role and other.why == NO_NUMBERS:
            kind = {"label": "truth", "predicted_label": "prediction"}[role]
            raise UserError(
                f"column '{printable(column.source)}' has numbers, and its {kind} "
                f"'{printable(other.source)}' has {other.why}. Use numbers in both; or, if "
                "these are classes, set the roles label and predicted_label in a schema."
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
