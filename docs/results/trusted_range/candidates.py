"""Each feature with each error model under shift: what else could have met a missed goal.

A range is fitted with each feature alone, and with all, and each error model. The choice of a range
sees none of these numbers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from saibench.analysis.trusted_range.config import trust_config
from saibench.analysis.trusted_range.error_model import KINDS
from saibench.analysis.trusted_range.reading import ErrorSamples, read_samples
from saibench.analysis.trusted_range.shift import check_on
from saibench.analysis.trusted_range.trusted_range import TrustedRange
from saibench.evidence.reader import StudyEvidence

Json = dict[str, Any]

SHARES = ("inside", "coverage_inside", "coverage_all")


def under_shift(folder: Path, fitted: Json, shifts: Sequence[str]) -> Iterator[Json]:
    """The candidates of a run on each shifted partition.

    Args:
        folder: of the study.
        fitted: a range of one run in the document of `saibench trust --json`.
        shifts: partitions that it is checked on.
    """
    evidence = StudyEvidence.load(folder)
    names = [one["name"] for one in fitted["features"]]
    calibrated = tuple(fitted["partitions"])
    config = trust_config(
        evidence,
        features=names,
        statistic=fitted["statistic"]["name"],
        tolerance=fitted["tolerance"],
        partitions=calibrated,
    )
    samples = read_samples(evidence, fitted["runs"], config)
    others = {
        shift: read_samples(
            evidence,
            fitted["runs"],
            replace(config, partitions=(shift,)),
            without=calibrated,
            exactly=True,
        )
        for shift in shifts
    }
    for columns in (*([column] for column in range(len(names))), list(range(len(names)))):
        for kind in KINDS:
            if kind == "trees" and len(columns) == 1:
                continue
            own = _only(samples, columns)
            trusted = TrustedRange.fit(
                own.features,
                own.errors,
                own.blocks,
                coverage=config.coverage,
                kind=kind,
                names=own.quantities,
                tolerance=config.tolerance,
            )
            for shift, of_shift in others.items():
                checked = asdict(check_on(trusted, _only(of_shift, columns)))
                yield {
                    "partition": shift,
                    "features": [names[column] for column in columns],
                    "used": list(trusted.chosen),
                    "kind": kind,
                    **{name: checked[name] for name in SHARES},
                    "recognised": (checked["decision"] or {}).get("recognised"),
                }


def _only(samples: ErrorSamples, columns: Sequence[int]) -> ErrorSamples:
    """With these features; blocks are those of all, as where candidates compete."""
    quantities = tuple(samples.quantities[column] for column in columns)
    return replace(samples, features=samples.features[:, columns], quantities=quantities)
