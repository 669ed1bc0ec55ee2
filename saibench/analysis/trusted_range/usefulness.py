"""What a bound is good for: which samples it declares trusted, and how it ranks their errors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from saibench.analysis.bootstrap import Floats, Interval, block_bootstrap
from saibench.analysis.ranking import RiskCoverage, auroc, risk_coverage
from saibench.analysis.trusted_range.held_out import HeldOut

WORST = 0.1
"""Share of the samples that counts as the worst."""


@dataclass(frozen=True, eq=False)
class Decision:
    """Samples that are declared trusted, against those that truly keep the tolerance.

    A sample is trusted if it is inside the fitted range and its bound is at most the tolerance; it
    is good if its error is.

    Args:
        tolerance: in the statistic's unit.
        trusted: share of the samples that are trusted.
        good: share of the samples that are good.
        recognised: share of the good samples that are trusted (recall); None without a good one.
        correct: share of the trusted samples that are good (precision); None if none is trusted.
    """

    tolerance: float
    trusted: Interval
    good: Interval
    recognised: Interval | None
    correct: Interval | None


@dataclass(frozen=True, eq=False)
class Usefulness:
    """The use of bounds that did not know their sample's error.

    Args:
        decision: at the tolerance; None without a tolerance.
        auroc: area under the ROC curve of the bound for the worst tenth of the errors; 0.5 for a
            bound that does not know them.
        worst_from: smallest error of the worst tenth.
        risk_coverage: mean error of the samples that are kept if the largest bounds are rejected.
    """

    decision: Decision | None
    auroc: Interval
    worst_from: float
    risk_coverage: RiskCoverage

    @property
    def ranks_errors(self) -> bool:
        """Whether the bound is significantly (95 %) larger for the worst tenth of the errors."""
        return self.auroc.low > 0.5


def usefulness(held: HeldOut, tolerance: float | None = None) -> Usefulness:
    """The use of bounds of samples that were held out of the fit, ranked by `HeldOut.relative`.

    Args:
        held: the bounds.
        tolerance: largest accepted error.
    """
    samples = held.samples
    errors, blocks = samples.errors, samples.blocks
    worst_from = least_of_worst(errors)
    decided = None
    if tolerance is not None:
        decided = decision(
            held.bound,
            held.inside,
            errors,
            blocks,
            tolerance,
            independent=samples.independent,
        )
    return Usefulness(
        decision=decided,
        auroc=auroc(held.relative, errors >= worst_from, blocks),
        worst_from=worst_from,
        risk_coverage=risk_coverage(held.relative, errors, blocks),
    )


def least_of_worst(errors: Floats) -> float:
    """Smallest error of the worst tenth."""
    return float(np.quantile(errors, 1 - WORST, method="higher"))


def decision(
    bound: Floats,
    inside: NDArray[np.bool_],
    errors: Floats,
    blocks: NDArray,
    tolerance: float,
    *,
    independent: bool = False,
) -> Decision:
    """Compare the samples that are declared trusted with the good ones.

    Args:
        bound, inside, errors, blocks: `(samples,)`.
        independent: whether the samples within a block are independent.
    """
    trusted, good = inside & (bound <= tolerance), errors <= tolerance

    def share(of: NDArray[np.bool_], among: NDArray[np.bool_]) -> Interval | None:
        if not among.any():
            return None
        values = of[among].astype(np.float64)
        return block_bootstrap(values, blocks[among], share=True, independent=independent)

    everything = np.ones_like(good)
    of_all, all_good = share(trusted, everything), share(good, everything)
    assert of_all is not None and all_good is not None  # there are samples
    return Decision(tolerance, of_all, all_good, share(trusted, good), share(good, trusted))
