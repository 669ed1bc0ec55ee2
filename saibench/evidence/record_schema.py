"""The schema of `run.json` and `metrics.json`: types of the entries that saibench reads.

Other entries may be missing or have any type.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, TypeAdapter, ValidationError

from saibench.errors import UserError
from saibench.evidence.audit_record import Audit
from saibench.evidence.independence import Independence
from saibench.evidence.known import TRAINING
from saibench.identity import IDENTITY, refuse_misshapen
from saibench.printable import printable
from saibench.settings import LearningCurveSettings, TraceSettings, TrainingNames, TrustSettings


class _Open(BaseModel):
    """Strict types; further keys are ignored."""

    model_config = ConfigDict(extra="ignore", strict=True)


_OrNone = BeforeValidator(lambda value: None if value == [] else value)
"""A workload without the setting is recorded with an empty list."""
_Names = list[str] | None


class _Settings(_Open):
    held_out: str | None = None


class _Session(_Open):
    command: str | None = None
    commit: str | None = None


class _Partition(_Session):
    hash: str | None = None
    count: int | None = None
    describe: str | None = None


class _Data(_Open):
    describe: str | None = None
    hash: str | None = None
    system: str | None = None


class _Trained(_Open):
    run: str
    partitions: dict[str, _Partition] = {}


class _Failure(_Open):
    cause: str | None = None


class _Blocks(_Open):
    kind: Literal["time", "group", "sample"]
    column: str | None = None
    strata: str | None = None


class _Logged(_Open):
    url: str | None = None
    project: str | None = None
    entity: str | None = None
    curves: list[str] = []


class _Record(_Session):
    point: str
    settings: _Settings
    state: str | None = None
    slug: str | None = None
    study: str | None = None
    workload: str | None = None
    title: str | None = None
    model: str | None = None
    started: str | None = None
    ended: str | None = None
    settings_hash: str | None = None
    steps: int | None = None
    seconds: dict[str, float | None] = {}
    partitions: dict[str, _Partition] = {}
    sessions: list[_Session] = []
    data: _Data | None = None
    trained: _Trained | None = None
    versions: dict[str, str | None] | None = None
    hardware: dict[str, Any] | None = None
    failure: _Failure | None = None
    blocks: _Blocks | None = None
    wandb: _Logged | None = None
    files: dict[str, str] | None = None
    pending: dict[str, str] | None = None
    evidence: list[str] = []
    audit: dict[str, Audit] | None = None
    headline: _Names = None
    findings: _Names = None
    figures: _Names = None
    explorers: _Names = None
    metric_intervals: _Names = None
    abbreviations: _Names = None
    not_exported: _Names = None
    trust: Annotated[TrustSettings | None, _OrNone] = None
    trace: Annotated[TraceSettings | None, _OrNone] = None
    learning_curve: Annotated[LearningCurveSettings | None, _OrNone] = None
    training: Annotated[TrainingNames | None, _OrNone] = None
    reference: Annotated[str | None, _OrNone] = None


class _Source(_Open):
    column: str | None = None
    columns: list[str] = []
    how: str | None = None
    axis: str | None = None
    label: str | int | None = None
    signal_efficiency: float | None = None


class _Metric(_Open):
    value: float | None = None
    above: float | None = None
    unit: str | None = None
    per: str | None = None
    count: int = 0
    failures: int | None = None
    of: _Source | None = None


Entries = TypeVar("Entries")
_RECORD = TypeAdapter(_Record)
_METRICS = TypeAdapter(dict[str, dict[str, _Metric]])


def refuse_misshapen_record(record: Mapping[str, Any]) -> None:
    """Raise an error unless this is the record of a run.

    Raises:
        ValueError: which entry is wrong, and how.
    """
    window = (_checked(_RECORD, record).training or TRAINING).window
    for name in (window.start, window.size, window.limit) if window else ():
        value = record["settings"].get(name)
        if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
            raise ValueError(printable(f"settings.{name} is not a number"))
    refuse_misshapen(record.get(IDENTITY))
    blocks = record.get("blocks")
    if blocks is not None:
        try:
            Independence(blocks["kind"], blocks.get("column"), blocks.get("strata"))
        except UserError as error:
            raise ValueError(str(error).rstrip(".")) from error


def refuse_misshapen_metrics(metrics: Mapping[str, Any]) -> None:
    """Raise an error unless these are metrics: `{partition: {metric: {value, unit, per, count}}}`.

    Raises:
        ValueError: which entry is wrong, and how.
    """
    _checked(_METRICS, metrics)


def _checked(kind: TypeAdapter[Entries], entries: Mapping[str, Any]) -> Entries:
    try:
        return kind.validate_python(entries)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the content"
        what = _WRONG.get(first["type"], first["msg"])
        raise ValueError(printable(f"{where} {what}")) from error


_WRONG = {
    **dict.fromkeys(("dataclass_type", "dict_type", "model_type"), "is not a JSON object"),
    **dict.fromkeys(("float_type", "int_type"), "is not a number"),
    "bool_type": "is not a boolean",
    "list_type": "is not a list",
    "string_type": "is not a string",
    "missing": "is missing",
}
"""Messages by pydantic's type of error."""
