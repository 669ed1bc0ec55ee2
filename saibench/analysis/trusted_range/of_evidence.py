"""Trusted ranges of the runs of a study."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import polars

from saibench.analysis.trusted_range.config import TrustConfig, trust_config
from saibench.analysis.trusted_range.conformal import TooFewBlocks
from saibench.analysis.trusted_range.reading import ErrorSamples, read_samples
from saibench.analysis.trusted_range.trusted_range import TrustedRange
from saibench.errors import UserError, closest
from saibench.evidence.reader import StudyEvidence
from saibench.evidence.selection import compared_points, differing, setting_text, short_names
from saibench.formatting import counted


def fit_range(samples: ErrorSamples, config: TrustConfig, seed: int = 0) -> TrustedRange:
    """The trusted range of these samples.

    Raises:
        TooFewBlocks: the data do not allow this coverage.
    """
    try:
        trusted = TrustedRange.fit(
            samples.features,
            samples.errors,
            samples.blocks,
            coverage=config.coverage,
            names=samples.quantities,
            statistic=samples.statistic,
            source=samples.source,
            tolerance=config.tolerance,
            seed=seed,
        )
    except TooFewBlocks as error:
        partitions = ", ".join(samples.source.partitions)
        similar = samples.statistic.mean_of
        few = counted(len(samples.errors), "sample")
        if similar > 1:
            few = f"{counted(len(samples.errors), 'mean')} over {similar} similar samples"
        raise TooFewBlocks(
            f"{few} of {partitions} in {counted(samples.num_blocks, 'independent block')}: {error}"
        ) from error
    reference = samples.reference and samples.reference.only([one.name for one in trusted.features])
    return replace(trusted, reference=reference)


def trusted_range_of(
    evidence: StudyEvidence,
    statistic: str | None = None,
    features: Sequence[str] | None = None,
    *,
    points: Sequence[str] | None = None,
    seed: int = 0,
    **settings: Any,
) -> TrustedRange:
    """The trusted range of a run, or of several runs together.

    Fit runs together (15 training windows, say) for a feature that measures the distance of a
    sample from the training partition.

    Args:
        evidence: the study.
        statistic, features: by default the workload's.
        points: names as in `chosen_points`; by default the only tested run.
        seed: of the random splits of the blocks.
        settings: others of `TrustConfig`, by default the workload's.

    Raises:
        TooFewBlocks: the data do not allow this coverage.
        UserError: a name is unknown, or several runs were tested and none is named.
    """
    config = trust_config(evidence, statistic=statistic, features=features, **settings)
    chosen = chosen_points(evidence, points)
    if points is None and len(chosen) > 1:
        raise UserError(f"{evidence.study} has {len(chosen)} tested runs. Name one or several.")
    return fit_range(read_samples(evidence, chosen, config), config, seed)


def chosen_points(evidence: StudyEvidence, names: Sequence[str] | None = None) -> list[str]:
    """Hashes of the runs named by slug, hash or folder; by default of all runs with results.

    A slug names all runs that have it; `short_names` name one each.

    Raises:
        UserError: no run has results, or none has this name.
    """
    slugs = {point: record.get("slug") or point for point, record in evidence.records.items()}
    short = short_names(evidence)
    with_results = [point for point in evidence.points["point"] if point in evidence.metrics]
    if not with_results:
        raise UserError(f"{evidence.folder} has no run with results.")
    found = []
    for given in names or ():
        name = given.rstrip("/").rpartition("/")[2]
        matching = [p for p in with_results if name in (p, slugs[p], f"{slugs[p]}-{p}")]
        matching = matching or [p for p in with_results if given == short[p]]
        if not matching:
            nearest = closest(name, [short[point] for point in with_results])
            raise UserError(f"no run with results is named '{name}': {nearest}")
        found += matching
    return list(dict.fromkeys(found)) or with_results


def point_label(evidence: StudyEvidence, point: str) -> str:
    """The settings that distinguish the run, `window 0–30 %`; without any its short name."""
    points = compared_points(evidence).filter(polars.col("point").is_in(list(evidence.metrics)))
    row = points.row(by_predicate=polars.col("point") == point, named=True)
    settings = [setting_text(name, row[name]) for name in differing(points)]
    return ", ".join(settings) or short_names(evidence)[point]
