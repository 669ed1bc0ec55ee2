"""Evidence from Python: `from_dataframe` and `from_arrays` write a study's folder."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars
import pyarrow
from numpy.typing import ArrayLike

from saibench.errors import UserError, first_line
from saibench.evidence.imported.reading import Source, refuse_layout
from saibench.evidence.imported.repeated import refuse_repeated_columns
from saibench.evidence.imported.schema import TableSchema, checked_schema, read_schema
from saibench.evidence.imported.seen import seen_ids
from saibench.evidence.imported.study import prepare, write_study

Schema = TableSchema | Mapping[str, Any] | Path | str


def from_dataframe(
    table: Any,
    folder: Path | str,
    schema: Schema | None = None,
    *,
    seen: Sequence[int] | Sequence[str] | np.ndarray | None = None,
) -> Path:
    """Write predictions in a data frame as a study, for `saibench report`, `trust` and `trace`.

    Roles of columns that the schema does not name are guessed from their names, as
    `saibench import --dry-run` prints them.

    Args:
        table: a pandas or polars data frame or a pyarrow table, one row per sample and run.
        folder: of the study; if it has the same import, nothing is written.
        schema: a mapping such as `{"columns": {"y": "truth", "y_hat": "prediction"}}`, or a file
            of it (see `saibench.evidence.imported.schema`).
        seen: ids or names of samples that the models were trained on.

    Returns:
        the folder.

    Raises:
        UserError: a column or value is wrong, no seen sample is in the table, or the folder has
            other files.
    """
    frame, checked = _polars(table), _schema(schema)
    refuse_layout(checked.separator, checked.decimal, "a data frame")
    found = prepare(frame, checked)
    ids = None if seen is None else seen_ids(np.asarray(seen), found.values)
    return write_study(found, _source(frame), Path(folder), ids).folder


def from_arrays(
    folder: Path | str,
    *,
    truth: ArrayLike | None = None,
    prediction: ArrayLike | Mapping[str, ArrayLike] | None = None,
    label: ArrayLike | None = None,
    score: ArrayLike | Mapping[str, ArrayLike] | None = None,
    predicted_label: ArrayLike | None = None,
    error: Mapping[str, ArrayLike] | None = None,
    features: Mapping[str, ArrayLike] | None = None,
    unit: str = "",
    units: Mapping[str, str] | None = None,
    sample_id: ArrayLike | None = None,
    partition: ArrayLike | None = None,
    time: ArrayLike | None = None,
    group: ArrayLike | None = None,
    seen: ArrayLike | None = None,
    model: str = "model",
    title: str | None = None,
    sample: str = "sample",
) -> Path:
    """Write arrays of predictions as a study; all have one value per sample, `(N,)`.

    Args:
        folder: of the study.
        truth, prediction: numbers; predictions of several models by name.
        label, score: classes, and the probability of the second of two classes, or `(N, K)` of K
            classes in ascending order of their labels; scores of several models by name.
        predicted_label: classes, if there are no scores.
        error: errors that were computed elsewhere, by name.
        features: properties of the samples, by name.
        unit: of truth and prediction.
        units: of features and errors, by name.
        sample_id: integers or names; by default 0, 1, 2, …
        partition: name of each sample's test set.
        time, group: by which samples depend on each other.
        seen: whether the model was trained on the sample.
        model: name of the model, unless names are given above.
        title: of the report.
        sample: what one sample is, such as `jet`.

    Returns:
        the folder.

    Raises:
        UserError: a value is wrong, or lengths differ.
    """
    columns: dict[str, np.ndarray] = {}
    schema: dict[str, dict[str, Any]] = {}

    def add(name: str, values: Any, **column: Any) -> None:
        if name in columns:
            raise UserError(f"two arrays are named {name}. Rename one.")
        if np.ma.is_masked(values):
            raise UserError(f"{name} has {np.ma.count_masked(values)} masked values. Remove them.")
        columns[name], schema[name] = np.asarray(values), column

    if truth is not None:
        add("truth", truth, role="truth", unit=unit)
    by_role = {"label": label, "predicted_label": predicted_label, "sample_id": sample_id,
               "partition": partition, "time": time, "group": group, "seen": seen}  # fmt: skip
    for role, values in by_role.items():
        if values is not None:
            add(role, values, role=role)
    for name, values in _by_model(prediction, model).items():
        add(f"prediction of {name}", values, role="prediction", model=name, unit=unit)
    for name, values in _by_model(score, model).items():
        scores = np.asarray(values)
        classes = np.unique(np.asarray(label)).tolist() if label is not None else []
        if scores.ndim == 1:
            scores, classes = scores[:, None], classes[-1:]
        if scores.ndim != 2 or scores.shape[1] != len(classes):
            raise UserError(
                f"score of {name} has the shape {scores.shape}, and label has {len(classes)} "
                "classes. Use (N,) of two classes, or (N, K) of K."
            )
        for of_class, column in zip(classes, scores.T, strict=True):
            add(f"score of {name}, class {of_class}", column, role="score", model=name,
                of_class=of_class)  # fmt: skip
    for role, named in (("error", error), ("feature", features)):
        for name, values in (named or {}).items():
            add(name, values, role=role, unit=(units or {}).get(name))
    _refuse_other_shapes(columns)
    return from_dataframe(
        polars.DataFrame(columns),
        folder,
        {"title": title, "sample": sample, "columns": schema, "others": "ignore"},
    )


def _by_model(given: Any, model: str) -> Mapping[str, Any]:
    if given is None:
        return {}
    return given if isinstance(given, Mapping) else {model: given}


def _refuse_other_shapes(columns: Mapping[str, np.ndarray]) -> None:
    shapes = {name: column.shape for name, column in columns.items()}
    for name, shape in shapes.items():
        first = next(iter(shapes))
        if len(shape) != 1 or shape != shapes[first]:
            raise UserError(
                f"{name} has the shape {shape}, and {first} {shapes[first]}. Use one value per "
                "sample."
            )


def _schema(given: Schema | None) -> TableSchema:
    if given is None:
        return TableSchema()
    if isinstance(given, TableSchema):
        return given
    return checked_schema(given) if isinstance(given, Mapping) else read_schema(given)


def _polars(table: Any) -> polars.DataFrame:
    """The frame with its columns as polars has them."""
    if isinstance(table, polars.DataFrame):
        return table
    try:
        if isinstance(table, pyarrow.Table):
            refuse_repeated_columns(table.column_names, "the table")
            return polars.DataFrame(polars.from_arrow(table))
        refuse_repeated_columns([str(name) for name in table.columns], "the data frame")
        return polars.from_pandas(table)
    except (AttributeError, TypeError, ValueError, pyarrow.ArrowException) as error:
        raise UserError(
            f"a table of type {type(table).__name__} cannot be imported ({first_line(error)}). Use "
            "a data frame of pandas or polars."
        ) from error


def _source(frame: polars.DataFrame) -> Source:
    """The hash of a data frame: of names, types and values, in the format of Arrow."""
    sink = pyarrow.BufferOutputStream()
    arrow = frame.rechunk().to_arrow().combine_chunks()
    with pyarrow.ipc.new_stream(sink, arrow.schema) as writer:
        writer.write_table(arrow)
    content = sink.getvalue()
    return Source("DataFrame", hashlib.sha256(content).hexdigest(), content.size)
