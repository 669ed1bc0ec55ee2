"""Many splits of the same blocks into those that are fitted and those that calibrate.

One split decides by luck: over 20 splits of 23 blocks the same errors were trusted in 12. A bound
is therefore the median of the bounds of all splits, and what they disagree on is said.

If each of the bounds is missed by at most a share α of new samples, their median is missed by at
most 2α: where it is missed, half of them are (Markov's inequality). Splits of one sample miss on
nearly the same new samples, so that the share is near α; the validation observes it.

Source: Gasparin and Ramdas, "Merging uncertainty sets via majority vote", arXiv:2401.09379.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from saibench.analysis.bootstrap import Floats
from saibench.analysis.trusted_range.conformal import block_quantile, calibration_blocks
from saibench.analysis.trusted_range.curves import Kind
from saibench.analysis.trusted_range.error_model import ErrorModel, fit_error_model

NUM_SPLITS = 20


@dataclass(frozen=True)
class Split:
    """What one split gives.

    Args:
        model: fitted to a third of the blocks.
        quantile: of the scores of the others: by how many local spreads the bound lies above.
        unconditional: the bound that these others give without any feature.
    """

    model: ErrorModel
    quantile: float
    unconditional: float


def fit_splits(
    features: Floats,
    errors: Floats,
    blocks: NDArray,
    coverage: float,
    *,
    levels: Sequence[float] = (),
    kind: Kind | None = None,
    directions: Sequence[int] | None = None,
    num: int = NUM_SPLITS,
    seed: int = 0,
) -> dict[float, list[Split]]:
    """By level: of `num` splits that are drawn for `coverage`.

    Args:
        features: `(samples, features)`.
        errors, blocks: `(samples,)`.
        coverage: that the number of calibration blocks is chosen for.
        levels: further coverages that these blocks suffice for.
        kind, directions: see `fit_error_model`.
        seed: of the draws.

    Raises:
        TooFewBlocks: see `calibration_blocks`.
    """
    found: dict[float, list[Split]] = {level: [] for level in (coverage, *levels)}
    for number in range(num):
        calibrates = calibration_blocks(blocks, coverage, (seed, number) if number else seed)
        fitted = ~calibrates
        model = fit_error_model(
            features[fitted], errors[fitted], blocks[fitted], kind=kind, directions=directions
        )
        left, labels = errors[calibrates], blocks[calibrates]
        scores = model.scores(features[calibrates], left)
        for level, splits in found.items():
            quantile = block_quantile(scores, labels, level)
            splits.append(Split(model, quantile, block_quantile(left, labels, level)))
    return found


def bounds(splits: Sequence[Split], features: Floats) -> Floats:
    """The bound of each split, `(splits, samples)`."""
    return np.stack([split.model.bound(features, split.quantile) for split in splits])


def inside(splits: Sequence[Split], features: Floats) -> NDArray[np.bool_]:
    """Whether the features lie in the fitted range of half of the splits at least, `(samples,)`."""
    return np.mean([split.model.inside(features) for split in splits], axis=0) >= 0.5
