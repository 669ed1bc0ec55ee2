"""Configuration of error tracing: from the command line, else from the workload."""

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
"""Fields that list names, and what a name stands for."""


@dataclass(frozen=True)
class TraceConfig:
    """What is traced; `trace_config` fills it from the workload's `trace`.

    Args:
        responses: errors such as `force_mae`, or `lead/mae` with an axis.
        features: to correlate with the errors; None for all data features.
        ideal: error-free value of a statistic, by name, if it is not 0.
        bias: signed error: `energy_error`, or a difference such as `score - label`.
        along: feature along which the bias may change; by default the declared time, else empty.
        bins: edges of bins of an axis or feature, whose contributions are reported.
        parts: by response, the columns of the error that each of two causes would make alone, and
            optionally of the error without both.
        across: the two settings whose effects are compared (see `two_axes`).
        partitions: by default the held-out one.
        level: false discovery rate.
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
    """The `trace` entry of the records, overridden by `given`.

    Older records without the entry, or its `otherwise`, use that of the shipped workload.

    Raises:
        UserError: no response is named, or a name is repeated.
    """
    recorded: dict[str, Any] = next(
        (record["trace"] for record in evidence.records.values() if record.get("trace")), {}
    )
    known = dict(recorded or _shipped(evidence))
    known["responses"] = known.pop("response", None)
    known["otherwise"] = known.get("otherwise") or _shipped(evidence).get("otherwise")
    known = _available(evidence, known)
    known.update({name: value for name, value in given.items() if value is not None})
    if known.get("along") is None:
        known["along"] = "".join(evidence.order_columns[:1])
    if not known["responses"]:
        raise UserError(
            f"{evidence.study} names no response under workload.trace. Use --response NAME."
        )
    for name, kind in KINDS.items():
        value = known.get(name)
        if value is not None:
            known[name] = (value,) if isinstance(value, str) else tuple(value)
            refuse_repeated(kind, known[name])
    return TraceConfig(**{name: value for name, value in known.items() if value is not None})


def _available(evidence: StudyEvidence, recorded: dict[str, Any]) -> dict[str, Any]:
    """Drop columns of the workload that the evidence lacks, as that of a custom module may.

    Where it lacks all responses, `otherwise` replaces them.
    """
    tables = ("samples", *(f"by_{axis}" for axis in evidence.axes))
    names = {field.name for table in tables for field in evidence.fields(table)}

    def available(quantity: str) -> bool:
        return all(part.rpartition("/")[2] in names for part in quantity.split(" - "))

    responses, bias = recorded.get("responses"), recorded.get("bias")
    along, otherwise = recorded.get("along"), recorded.pop("otherwise")
    named = [responses] if isinstance(responses, str) else list(responses or ())
    ordered = not along or available(along)
    found = [name for name in named if available(name)]
    if not found and otherwise and available(otherwise):
        found = [otherwise]
    return {
        **recorded,
        "responses": found,
        "bias": bias if bias and available(bias) and ordered else None,
        "along": along if ordered else None,
    }


def _shipped(evidence: StudyEvidence) -> dict[str, Any]:
    from saibench.shipped import conf

    names = {str(record.get("workload") or "") for record in evidence.records.values()}
    shipped = {path.stem: path for path in (conf() / "workload").glob("*.yaml")}
    for name in sorted(names & set(shipped)):
        config = yaml.safe_load(shipped[name].read_text(encoding="utf-8"))
        return dict((config.get("workload") or {}).get("trace") or {})
    return {}
