"""Each feature with each error model, on the evidence of a study."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from saibench.analysis.trusted_range.config import trust_config
from saibench.analysis.trusted_range.reading import read_samples
from saibench.analysis.trusted_range.tried import try_all
from saibench.evidence.reader import StudyEvidence

Json = dict[str, Any]


def all_tried(folder: Path, fitted: Sequence[Json], shifts: Sequence[str]) -> Iterator[Json]:
    """All candidates of each run, see `try_all`.

    Args:
        folder: of the study.
        fitted: the ranges of single runs in the document of `saibench trust --json`.
        shifts: partitions that they are checked on.
    """
    evidence = StudyEvidence.load(folder)
    for one in fitted:
        calibrated = tuple(one["partitions"])
        config = trust_config(
            evidence,
            features=[feature["name"] for feature in one["features"]],
            statistic=one["statistic"]["name"],
            tolerance=one["tolerance"],
            partitions=calibrated,
        )
        others = {
            shift: read_samples(
                evidence,
                one["runs"],
                replace(config, partitions=(shift,)),
                without=calibrated,
                exactly=True,
            )
            for shift in shifts
        }
        samples = read_samples(evidence, one["runs"], config)
        for tried in try_all(samples, others, config):
            yield {"run": one["runs"][0], **asdict(tried)}
