"""Trusted ranges of the points of a study."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars

from saibench.analysis.bootstrap import Interval, block_bootstrap
from saibench.analysis.trusted_range.conformal import TooFewBlocks
from saibench.analysis.trusted_range.reading import Measured, measured
from saibench.analysis.trusted_range.trusted_range import TrustedRange
from saibench.analysis.trusted_range.validation import Validation, validate
from saibench.errors import UserError, closest, refuse_repeated
from saibench.evidence.reader import StudyEvidence
from saibench.evidence.selection import compared_points, differing, setting_text, short_names

COVERAGE = 0.9


@dataclass(frozen=True)
class TrustConfig:
    """What is asked of a study; `wanted` fills it from the workload's own `trust`."""

    statistic: str
    features: tuple[str, ...]
    tolerance: float | None = None
    coverage: float = COVERAGE
    ideal: float = 0.0
    mean_of: int = 1
    num_blocks: int | None = None
    partitions: tuple[str, ...] | None = None


def wanted(evidence: StudyEvidence, **given: Any) -> TrustConfig:
    """What the points' records name under `trust`, with what is given instead.

    A tolerance is of one statistic: where another is given, the recorded one is dropped.

    Raises:
        UserError: neither names the statistic or a feature, or a feature is named twice.
    """
    recorded: dict[str, Any] = next(
        (record["trust"] for record in evidence.records.values() if record.get("trust")), {}
    )
    given = {name: value for name, value in given.items() if value is not None}
    known: dict[str, Any] = {
        "statistic": recorded.get("statistic"),
        "features": recorded.get("feature"),
        **{name: recorded[name] for name in ("coverage", "ideal", "mean_of") if name in recorded},
    }
    if given.get("statistic", known["statistic"]) == known["statistic"]:
        known["tolerance"] = recorded.get("tolerance")
    else:
        known = {name: value for name, value in known.items() if name not in ("ideal", "mean_of")}
    asked = {name: value for name, value in {**known, **given}.items() if value is not None}
    for name, option in (("statistic", "--statistic"), ("features", "--feature")):
        if not asked.get(name):
            raise UserError(
                f"{evidence.study} names no {name.removesuffix('s')} under workload.trust; "
                f"{option} would give one."
            )
    features = asked.pop("features")
    names = (features,) if isinstance(features, str) else tuple(features)
    refuse_repeated("feature", names)
    return TrustConfig(features=names, **asked)


def read(evidence: StudyEvidence, points: Sequence[str], asked: TrustConfig) -> Measured:
    """The samples of these points, taken together."""
    return measured(
        evidence,
        asked.statistic,
        asked.features,
        points=points,
        partitions=asked.partitions,
        ideal=asked.ideal,
        mean_of=asked.mean_of,
        num_blocks=asked.num_blocks,
    )


def fitted(samples: Measured, asked: TrustConfig, seed: int = 0) -> TrustedRange:
    """The trusted range of what was read.

    Raises:
        TooFewBlocks: the data hold no such coverage.
    """
    try:
        return _fit(samples, asked, seed)
    except TooFewBlocks as error:
        raise TooFewBlocks(f"{evidence_text(samples)}: {error}") from error


def evidence_text(samples: Measured) -> str:
    """`964 samples of last_tenth in 87 independent blocks`."""
    blocks = len(np.unique(samples.blocks))
    partitions = ", ".join(samples.source.partitions)
    return f"{len(samples.errors):,} samples of {partitions} in {blocks} independent blocks"


def _fit(samples: Measured, asked: TrustConfig, seed: int) -> TrustedRange:
    return TrustedRange.fit(
        samples.features,
        samples.errors,
        samples.blocks,
        coverage=asked.coverage,
        names=samples.quantities,
        statistic=samples.statistic,
        source=samples.source,
        tolerance=asked.tolerance,
        seed=seed,
    )


def trusted_range_of(
    evidence: StudyEvidence,
    statistic: str | None = None,
    features: Sequence[str] | None = None,
    *,
    points: Sequence[str] | None = None,
    partitions: Sequence[str] | None = None,
    coverage: float | None = None,
    tolerance: float | None = None,
    ideal: float | None = None,
    mean_of: int | None = None,
    num_blocks: int | None = None,
    seed: int = 0,
) -> TrustedRange:
    """The trusted range of a point, or of several taken together.

    Taking points together (15 training windows, say) makes sense for a feature that tells how far
    the test is from what each was trained on.

    Args:
        evidence: the study.
        statistic: `force_mae`, or with an axis `lead/mae`; by default the workload's.
        features: by default the workload's.
        points: names as `chosen_points` takes; by default the only one that was tested.
        partitions: by default the held-out one.
        coverage, tolerance: by default the workload's.
        ideal, mean_of, num_blocks: see `measured`; the first two by default the workload's.
        seed: of the draw that parts the blocks.

    Raises:
        TooFewBlocks: the data hold no such coverage.
        UserError: a name is unknown, or several points were tested and none is named.
    """
    asked = wanted(
        evidence,
        statistic=statistic,
        features=features,
        coverage=coverage,
        tolerance=tolerance,
        ideal=ideal,
        mean_of=mean_of,
        num_blocks=num_blocks,
        partitions=None if partitions is None else tuple(partitions),
    )
    chosen = chosen_points(evidence, points)
    if points is None and len(chosen) > 1:
        raise UserError(
            f"{evidence.study} has {len(chosen)} tested points; name one, or several to be taken "
            "together."
        )
    return fitted(read(evidence, chosen, asked), asked, seed)


def share_within_tolerance(trusted: TrustedRange, samples: Measured) -> Interval:
    """Of the samples, those in the fitted range whose bound is at most the range's tolerance.

    Raises:
        ValueError: the range has no tolerance.
    """
    if trusted.tolerance is None:
        raise ValueError("a range without a tolerance holds no share of the samples")
    check = trusted.check(samples.features)
    held = check.inside & (check.upper <= trusted.tolerance)
    return block_bootstrap(
        held.astype(np.float64), samples.blocks, share=True, independent=samples.independent
    )


def validation_of(samples: Measured, asked: TrustConfig, seed: int = 0) -> Validation:
    """How often the bounds of such a range hold where it has seen nothing (see `validate`)."""
    return validate(samples, asked.coverage, seed=seed)


def chosen_points(evidence: StudyEvidence, names: Sequence[str] | None = None) -> list[str]:
    """Hashes of the points named by slug, hash or folder; of all with results by default.

    A slug that several points have names them all; `short_names` name one each.

    Raises:
        UserError: no point has results, or none has this name.
    """
    slugs = {point: record.get("slug") or point for point, record in evidence.records.items()}
    short = short_names(evidence)
    with_results = [point for point in evidence.points["point"] if point in evidence.metrics]
    if not with_results:
        raise UserError(f"{evidence.folder} holds no point with results.")
    found = []
    for given in names or ():
        name = given.rstrip("/").rpartition("/")[2]
        matching = [p for p in with_results if name in (p, slugs[p], f"{slugs[p]}-{p}")]
        matching = matching or [p for p in with_results if given == short[p]]
        if not matching:
            nearest = closest(name, [short[point] for point in with_results])
            raise UserError(f"no point with results is named '{name}': {nearest}")
        found += matching
    return list(dict.fromkeys(found)) or with_results


def point_label(evidence: StudyEvidence, point: str) -> str:
    """What tells the point from the study's others: `window 0–30 %`; its short name otherwise."""
    points = compared_points(evidence).filter(polars.col("point").is_in(list(evidence.metrics)))
    row = points.row(by_predicate=polars.col("point") == point, named=True)
    settings = [setting_text(name, row[name]) for name in differing(points)]
    return ", ".join(settings) or short_names(evidence)[point]
