"""The schema of a table of predictions: the role and unit of each column.

A user writes it as YAML::

    title: Yields of reactions
    columns:
      measured: truth                      # in short
      random_forest: {role: prediction, unit: "%"}
      distance_to_training: {role: feature, title: distance to training}

The roles of other columns are guessed from their names.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from saibench.errors import UserError, closest, first_line
from saibench.files.bounded_yaml import MAX_CHARACTERS, load_bounded
from saibench.files.plain import read_text
from saibench.printable import printable
from saibench.settings import LearningCurveSettings, TraceSettings, TrustSettings

Role = Literal[
    "sample_id", "truth", "prediction", "label", "score", "predicted_label", "error", "feature",
    "time", "group", "partition", "model", "seed", "setting", "train_count", "seen", "ignore",
]  # fmt: skip
ROLES: tuple[str, ...] = get_args(Role)
"""What a column is:

- `sample_id`: name of the sample, once per run and partition
- `truth`, `prediction`: a number and its prediction, of the same `target`
- `label`, `score`, `predicted_label`: a class, the probability of a class, the class predicted
- `error`: an error that was computed elsewhere
- `feature`: a property of the sample
- `time`, `group`: a feature by which samples depend on each other: times some correlation times
  apart, or different groups (trajectories, events, patients), are independent
- `partition`: name of the test set of the row; `train` and `validation`, in any case, mean seen
  in training
- `model`, `seed`, `setting`: of the run that made the row's prediction
- `train_count`: number of training samples of that run
- `seen`: whether that run was trained on the sample
- `ignore`: not imported
"""
NUMBERS = ("truth", "prediction", "score", "error", "train_count")
"""Roles whose columns hold numbers."""
OF_A_RUN = ("model", "seed", "setting", "train_count")
"""Roles whose columns are constant in a run; rows that differ in them belong to different runs."""
ONCE = ("sample_id", "label", "time", "group", "partition", "model", "seed", "train_count", "seen")
"""Roles that at most one column has."""
TRAINING = ("train", "training", "val", "valid", "validation")
"""Names of partitions whose samples were seen in training."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class ColumnSchema(_Strict):
    """One column of the file.

    Args:
        role: one of `ROLES`.
        name: in the evidence; by default the column's name with `_` for other characters than
            letters, digits and `_`.
        unit: of the values; by default that in brackets after the name, as in `pt [GeV]`.
        title: name in words, for axes and sentences.
        describe: one clause for tables.
        known: whether a feature is known `before` the truth, as inputs are, or only `after` it.
        target: name of the quantity that a truth and its predictions have in common; needed if
            there are several.
        of_class: of a score, the label whose probability it is.
        model: of a prediction, score or error, the model that made it, if models have a column
            each.
        missing: whether missing values are refused, or mean that the error is undefined for the
            sample; a missing prediction is always refused.
    """

    role: Role
    name: str | None = Field(default=None, min_length=1)
    unit: str | None = None
    title: str = ""
    describe: str = ""
    known: Literal["before", "after"] | None = None
    target: str | None = None
    of_class: str | int | bool | None = None
    model: str | None = None
    missing: Literal["refuse", "undefined"] = "refuse"


def _in_short(given: Any) -> Any:
    return {"role": given} if isinstance(given, str) else given


class TableSchema(_Strict):
    """A table of predictions.

    Args:
        title: of the report.
        sample: what one row is, such as `jet`; the normalisation of the errors.
        held_out: the partition that figures use; by default the first in the file.
        columns: by name in the file.
        others: whether the roles of other columns are guessed from their names, or they are
            ignored.
        separator: between the columns of a CSV file; by default that of its header.
        decimal: sign before the decimals in a CSV file, a point or a comma; by default that of its
            numbers.
        trust, trace, learning_curve: settings that replace the defaults of these analyses, as on a
            workload's card: `trust: {tolerance: 40, feature: distance}`.
    """

    title: str | None = None
    sample: str = Field(default="sample", min_length=1)
    held_out: str | None = None
    columns: dict[str, Annotated[ColumnSchema, BeforeValidator(_in_short)]] = {}
    others: Literal["guess", "ignore"] = "guess"
    separator: str | None = Field(default=None, min_length=1, max_length=1)
    decimal: Literal[".", ","] | None = None
    trust: dict[str, Any] = {}
    trace: dict[str, Any] = {}
    learning_curve: dict[str, Any] = {}


PARTS: dict[str, type[BaseModel]] = {
    "trust": TrustSettings,
    "trace": TraceSettings,
    "learning_curve": LearningCurveSettings,
}
"""Settings of analyses that a schema may replace, and their types on a workload's card."""


def read_schema(path: Path | str) -> TableSchema:
    """Read a schema from a YAML file.

    Raises:
        UserError: no such file, no YAML, or an entry is unknown or wrong.
    """
    path = Path(path)
    try:
        content = load_bounded(read_text(path, 4 * MAX_CHARACTERS))
    except (OSError, ValueError, yaml.YAMLError) as error:
        reason = getattr(error, "strerror", None) or first_line(error)
        raise UserError(f"schema {path} cannot be read ({reason}). Use a YAML file.") from error
    return checked_schema({} if content is None else content, str(path))


def checked_schema(content: Any, where: str = "schema") -> TableSchema:
    """The schema of a mapping, as a YAML file has it.

    Args:
        where: the file or argument, for the message.

    Raises:
        UserError: an entry is unknown or wrong.
    """
    if not isinstance(content, Mapping):
        raise UserError(f"{where} is no mapping. Use entries such as columns: {{y: truth}}.")
    try:
        return TableSchema.model_validate(dict(content))
    except ValidationError as error:
        raise UserError(printable(f"{where}: {_reason(error)}")) from error


def _reason(error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    place = [str(part) for part in first["loc"] if not str(part).startswith("function-")]
    key = ".".join(place)
    if first["type"] == "extra_forbidden":
        model = ColumnSchema if len(place) > 2 else TableSchema
        return f"'{key}' is an unknown key: {closest(place[-1], model.model_fields)}"
    if first["type"] == "missing":
        return f"'{key}' is missing. Set it."
    if place[-1:] == ["role"]:
        return f"{key}={first['input']} is no role: {closest(str(first['input']), ROLES)}"
    return f"{key}={first['input']}: {first['msg'].removeprefix('Value error, ')}."
