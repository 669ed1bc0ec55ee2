"""`evaluate.py trust=<range>`: find the tested samples inside a trusted range."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import polars

from saibench.analysis.exchangeability import NotMonitored, watch
from saibench.analysis.exchangeability.stream import watched_sentence
from saibench.analysis.trusted_range import TrustedRange
from saibench.analysis.trusted_range.checked import (
    check_evidence,
    checked_sentence,
    refuse_unsuitable,
)
from saibench.analysis.trusted_range.reading import system_of
from saibench.analysis.trusted_range.rows import ERROR, rows_of
from saibench.analysis.trusted_range.suitable import Model, mismatch_warnings, refuse_other_system
from saibench.evidence.reader import StudyEvidence
from saibench.evidence.run_record import update_record
from saibench.evidence.schema import Field, write_table

TRUSTED = "trusted.parquet"
"""File in a run's folder: samples of the last evaluation with `trust`, and whether trusted."""


def check_trust(folder: Path, path: str) -> None:
    """Refuse a trusted range that does not fit this run.

    Raises:
        UserError: the file is no range, or has another system or other units, or its statistic or
            a feature is not in the run's evidence.
    """
    evidence, trusted = StudyEvidence.load(folder), TrustedRange.load(path)
    for model in _models(evidence):
        refuse_other_system(trusted, model)
    refuse_unsuitable(evidence, trusted)


def keep_trust(folder: Path, partitions: Sequence[str], path: str) -> None:
    """Report the fraction of samples inside the range, and save the result of each sample."""
    trusted = TrustedRange.load(path)
    evidence = StudyEvidence.load(folder)
    for doubt in dict.fromkeys(
        one for model in _models(evidence) for one in mismatch_warnings(trusted, model)
    ):
        print(doubt)
    found = check_evidence(evidence, trusted, partitions)
    for one in found:
        print(checked_sentence(one, trusted, None))
        print(f"  {_watched_sentence(evidence, trusted, one.partition)}")
    rows = polars.concat([one.samples for one in found])
    write_table(folder / TRUSTED, rows, _fields(rows, trusted, evidence))
    update_record(folder, TRUSTED)
    print(f"  each sample: {folder / TRUSTED}")


def _watched_sentence(evidence: StudyEvidence, trusted: TrustedRange, partition: str) -> str:
    """Whether the partition resembles the calibration, in the order of the data."""
    statistic = trusted.statistic
    names = [one.name for one in trusted.features]
    points = list(evidence.metrics)
    _, _, rows, _ = rows_of(evidence, statistic.name, names, points, [partition], statistic.ideal)
    unseen = rows.filter(~polars.col("seen_in_training").fill_null(False))
    data = evidence.records[points[0]].get("data") or {}
    try:
        found = watch(trusted.reference, unseen, ERROR, data=str(data.get("hash") or ""))
    except NotMonitored as reason:
        return f"No comparison with the calibration in the order of the samples: {reason}"
    return watched_sentence(found, statistic.error_name)


def _models(evidence: StudyEvidence) -> list[Model]:
    return [
        Model.of(evidence.records[point], system_of(evidence, point)) for point in evidence.metrics
    ]


def _fields(rows: polars.DataFrame, trusted: TrustedRange, evidence: StudyEvidence) -> list[Field]:
    """Keys, features and values of the range, with units."""
    error = trusted.statistic
    values = [
        Field("expected", "float64", error.unit, error.per, describe="expected error"),
        Field("bound", "float64", error.unit, error.per, describe=f"for {trusted.coverage:g}"),
        Field("inside", "bool", describe="whether all features lie in the fitted range"),
        Field("trusted", "bool", describe="whether inside, with a bound within the tolerance"),
        Field("error", "float64", error.unit, error.per, describe=error.describe),
    ]
    features = [
        Field(one.name, "float64", one.unit, one.per, "feature", one.describe)
        for one in trusted.features
    ]
    tables = [field for name in evidence.sources for field in evidence.fields(name)]
    known = {field.name: field for field in [*tables, *features, *values]}
    return [known[name] for name in rows.columns]
