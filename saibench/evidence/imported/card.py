"""The card of an imported study: what a workload's `conf/workload/<name>.yaml` says of its runs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from saibench.errors import UserError
from saibench.evidence.imported.schema import PARTS, TableSchema
from saibench.evidence.imported.understood import Understood
from saibench.evidence.schema import BEFORE, Field
from saibench.evidence.statistic import PartitionMetric, Statistic
from saibench.settings import validated

NAME = "table"
"""Name of the workload of imported tables."""
MOST_FEATURES = 8
"""Most features among which a trusted range chooses by default."""
SIMILAR = 25
"""Samples of similar features whose share of correct classes is bounded, as of jets."""
_OF_UNCERTAINTY = re.compile(
    r"distance|uncertaint|std|sigma|variance|entropy|disagree|ensemble|committee|density|novelty"
)
FINDINGS = [
    "saibench.findings.tracing",
    "saibench.findings.learning_curve",
    "saibench.findings.leak_audit",
]
FIGURES = [
    "saibench.figures.errors_by_partition",
    "saibench.figures.model_comparison",
    "saibench.figures.learning_curve",
    "saibench.figures.trusted_range",
    "saibench.figures.region_trend",
    "saibench.figures.leak_audit",
    "saibench.figures.error_shares",
    "saibench.figures.biased_stretches",
    "saibench.figures.local_and_global",
]


def number_features(fields: Iterable[Field]) -> list[str]:
    """The features that are numbers known before the truth."""
    return [
        field.name
        for field in fields
        if field.dtype in ("float64", "int64") and field.known == BEFORE and field.role == "feature"
    ]


def card(
    understood: Understood,
    numbers: Sequence[str],
    statistics: Sequence[Statistic],
    partition_metrics: Sequence[PartitionMetric],
) -> dict[str, Any]:
    """The entries of a workload's card, those of the schema first.

    Args:
        numbers: the features of `number_features`.
        statistics, partition_metrics: of the runs.

    Raises:
        UserError: the schema's entries of an analysis are wrong.
    """
    schema = understood.schema
    errors = [one for one in statistics if one.summaries and one.name not in ("log_loss", "brier")]
    first = errors[0]
    ideal = 1.0 if first.binary else 0.0
    metrics = [*(name for one in statistics for name in one.metrics)]
    metrics = [*metrics[:1], *(one.name for one in partition_metrics), *metrics[1:]]
    found: dict[str, Any] = {
        "name": NAME,
        "label": [],
        "libraries": [],
        "headline": metrics[:2],
        "findings": FINDINGS,
        "figures": FIGURES,
        "explorers": [],
        "metric_intervals": ["saibench.analysis.classification.metric_intervals"]
        if partition_metrics
        else [],
        "abbreviations": [],
        "not_exported": [],
        "trace": _trace(errors, numbers, [one.name for one in understood.of("time")]),
        "learning_curve": {"statistic": first.name, "ideal": ideal},
        "training": {"sizes": ["subset.count"]},
    }
    if features := _features(numbers, statistics):
        found["trust"] = {"feature": features, "statistic": first.name, "ideal": ideal}
        if first.binary:
            found["trust"]["mean_of"] = SIMILAR
    return {**found, **_replaced(found, schema)}


def _features(numbers: Sequence[str], statistics: Sequence[Statistic]) -> list[str]:
    """The first features, those that measure uncertainty or distance before others."""
    names = [*(one.name for one in statistics if one.name == "least_confidence"), *numbers]
    names.sort(key=lambda name: not (_OF_UNCERTAINTY.search(name) or name == "least_confidence"))
    return names[:MOST_FEATURES]


def _trace(
    errors: Sequence[Statistic], along: Sequence[str], time: Sequence[str]
) -> dict[str, Any]:
    """Responses, and a signed error to search for stretches along the time or first feature."""
    found: dict[str, Any] = {"response": [one.name for one in errors]}
    ideal = {one.name: 1.0 for one in errors if one.binary}
    if ideal:
        found["ideal"] = ideal
    signed = [one.name for one in errors if "mean_abs" in one.summaries.values()]
    ordered = [*time, *along][:1]
    if signed and ordered:
        found |= {"bias": signed[0], "along": ordered[0]}
    return found


def _replaced(found: dict[str, Any], schema: TableSchema) -> dict[str, Any]:
    """The analyses with the schema's entries, each checked like those of a card."""
    replaced = {}
    for part, model in PARTS.items():
        given = getattr(schema, part)
        if not given:
            continue
        entries = {**found.get(part, {}), **given}
        try:
            validated(model, entries)
        except UserError as error:
            raise UserError(f"schema, {part}: {error}") from error
        replaced[part] = entries
    return replaced
