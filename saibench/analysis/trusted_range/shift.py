"""A trusted range on partitions that it was not calibrated on: another temperature, energy, rain.

No guarantee holds there. So a useful range calls few such samples inside, keeps its coverage for
those, and still recognises good ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from saibench.analysis.bootstrap import Interval, block_bootstrap
from saibench.analysis.trusted_range.config import TrustConfig
from saibench.analysis.trusted_range.reading import ErrorSamples, NoSamples, read_samples
from saibench.analysis.trusted_range.rows import default_partitions
from saibench.analysis.trusted_range.trusted_range import TrustedRange
from saibench.analysis.trusted_range.usefulness import Decision, decision
from saibench.errors import UserError
from saibench.evidence.reader import StudyEvidence
from saibench.formatting import joined


@dataclass(frozen=True, eq=False)
class Shift:
    """The samples of another partition against a range.

    Args:
        partition: its name.
        count: number of samples.
        inside: share of samples inside the fitted range.
        coverage_inside: share of these below their bound; None without any.
        coverage_all: share of all samples below their bound, which is an extrapolation outside.
        decision: at the range's tolerance; None without one.
        mean_error: of all samples.
        mean_bound: of all samples.
    """

    partition: str
    count: int
    inside: Interval
    coverage_inside: Interval | None
    coverage_all: Interval
    decision: Decision | None
    mean_error: float
    mean_bound: float


def check_on(trusted: TrustedRange, samples: ErrorSamples) -> Shift:
    """Check a range on samples that it was not fitted to."""
    check = trusted.check(samples.features)
    errors, blocks = samples.errors, samples.blocks
    below = errors <= check.upper

    def share(of: np.ndarray, among: np.ndarray) -> Interval:
        values = of[among].astype(np.float64)
        return block_bootstrap(values, blocks[among], share=True, independent=samples.independent)

    everything = np.ones_like(below)
    decided = None
    if trusted.tolerance is not None:
        decided = decision(
            check.upper,
            check.inside,
            errors,
            blocks,
            trusted.tolerance,
            independent=samples.independent,
        )
    return Shift(
        partition=", ".join(samples.source.partitions),
        count=len(errors),
        inside=share(check.inside, everything),
        coverage_inside=share(below, check.inside) if check.inside.any() else None,
        coverage_all=share(below, everything),
        decision=decided,
        mean_error=float(errors.mean()),
        mean_bound=float(check.upper.mean()),
    )


def shifts_of(
    evidence: StudyEvidence,
    points: Sequence[str],
    trusted: TrustedRange,
    config: TrustConfig,
    partitions: Sequence[str] | None = None,
) -> tuple[Shift, ...]:
    """Check a range on the partitions that these runs were tested on and that it does not know.

    Samples that are also in a calibrated partition, or that a run was trained on, are excluded.

    Args:
        evidence: the study.
        points: the runs that the range was fitted to.
        trusted: their range.
        config: its settings.
        partitions: to check; by default all others of these runs with any sample left.

    Raises:
        NoSamples: a given partition has no sample left.
        UserError: no run was tested on a given partition, or the range is calibrated on it.
    """
    calibrated = config.partitions or tuple(default_partitions(evidence))
    tested = [name for point in points for name in evidence.metrics[point]]
    others = [name for name in dict.fromkeys(tested) if name not in calibrated]
    names = partitions or others
    if known := [name for name in names if name in calibrated]:
        raise UserError(
            f"The range is calibrated on {known[0]}, so it cannot be checked there. Use "
            f"{joined(others) or 'a run that was tested on other partitions too'}."
        )
    features = tuple(one.name for one in trusted.features)
    found = []
    for name in names:
        own = replace(config, partitions=(name,), features=features)
        try:
            samples = read_samples(evidence, points, own, without=calibrated, exactly=True)
        except NoSamples:
            if partitions:
                raise
            continue
        found.append(check_on(trusted, samples))
    return tuple(found)
