"""What errors are traced to: as asked for, else as the points' workload has it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import yaml

from saibench.errors import UserError, refuse_repeated
from saibench.evidence.reader import StudyEvidence

LEVEL = 0.05
KINDS = {
    "responses": "response",
    "features": "feature",
    "across": "setting",
    "partitions": "partition",
}
"""Lists of names, and what a name in them is of."""


@dataclass(frozen=True)
class TraceConfig:
    """What is traced; `asked` fills it from the workload's own `trace`.

    Args:
        responses: errors: `force_mae`, or with an axis `lead/mae`.
        features: what they may go with; None for all data features.
        ideal: value of a statistic where there is no error, by its name, where that is not 0.
        bias: signed error: `energy_error`, or a difference as `score - label`.
        along: feature in whose order its change points are sought; by default the time that the
            data declare, empty where they declare none.
        bins: edges of bins of an axis or feature whose shares are told.
        parts: by response, two causes and the error that each alone would make; as a third what
            is left with neither.
        across: the two settings whose effects are told apart (see `two_axes`).
        partitions: by default the held-out one.
        level: false discovery rate of what is claimed.
    """

    responses: tuple[str, ...]
    features: tuple[str, ...] | None = None
    ideal: Mapping[str, float] = field(default_factory=dict)
    bias: str | None = None
    along: str = ""
    bins: Mapping[str, Sequence[float]] = field(default_factory=dict)
    parts: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    across: tuple[str, ...] = ()
    partitions: tuple[str, ...] | None = None
    level: float = LEVEL


def trace_config(evidence: StudyEvidence, **given: Any) -> TraceConfig:
    """What the points' records name under `trace`, with what is given instead.

    Records from before there was such an entry take that of the shipped workload.

    Raises:
        UserError: nothing names a response, or a name is given twice.
    """
    recorded: dict[str, Any] = next(
        (record["trace"] for record in evidence.records.values() if record.get("trace")), {}
    )
    known = dict(recorded or _shipped(evidence))
    known["responses"] = known.pop("response", None)
    known = _held(evidence, known)
    known.update({name: value for name, value in given.items() if value is not None})
    if known.get("along") is None:
        known["along"] = "".join(evidence.order_columns[:1])
    if not known["responses"]:
        raise UserError(
            f"{evidence.study} names no response under workload.trace; --response would give one."
        )
    for name, kind in KINDS.items():
        value = known.get(name)
        if value is not None:
            known[name] = (value,) if isinstance(value, str) else tuple(value)
            refuse_repeated(kind, known[name])
    return TraceConfig(**{name: value for name, value in known.items() if value is not None})


def _held(evidence: StudyEvidence, recorded: dict[str, Any]) -> dict[str, Any]:
    """What the workload asks for, as far as this model has it; a module of one's own may not."""
    tables = ("samples", *(f"by_{axis}" for axis in evidence.axes))
    names = {field.name for table in tables for field in evidence.fields(table)}

    def is_held(quantity: str) -> bool:
        return all(part.rpartition("/")[2] in names for part in quantity.split(" - "))

    responses, bias = recorded.get("responses"), recorded.get("bias")
    wanted = [responses] if isinstance(responses, str) else list(responses or ())
    return {
        **recorded,
        "responses": [name for name in wanted if is_held(name)],
        "bias": bias if bias and is_held(bias) else None,
    }


def _shipped(evidence: StudyEvidence) -> dict[str, Any]:
    from saibench.shipped import conf

    names = {str(record.get("workload") or "") for record in evidence.records.values()}
    shipped = {path.stem: path for path in (conf() / "workload").glob("*.yaml")}
    for name in sorted(names & set(shipped)):
        config = yaml.safe_load(shipped[name].read_text(encoding="utf-8"))
        return dict((config.get("workload") or {}).get("trace") or {})
    return {}
