"""Many splits of the same blocks into fitted and calibration blocks.

One split is decided by chance: of 20 splits of 23 blocks, 12 trusted the same errors. A bound is
therefore the median of the bounds of all splits, and their disagreement is reported.

If each bound is exceeded by at most a share α of new samples, their median is exceeded by at most
2α, since half of the bounds are exceeded wherever it is (Markov's inequality). Splits of one sample
are exceeded by nearly the same new samples, so the share is near α; the validation measures it.

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
    """The fit of one split.

    Args:
        model: fitted to a third of the blocks.
        quantile: of the scores of the calibration blocks, in units of the local spread.
        unconditional: bound from the calibration blocks without any feature.
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
    num: int = NUM_SPLITS,
    seed: int = 0,
) -> dict[float, list[Split]]:
    """By level, the fits of `num` random splits.

    Args:
        features: `(samples, features)`.
        errors, blocks: `(samples,)`.
        coverage: for which the number of calibration blocks is chosen.
        levels: further coverages that these blocks allow.
        kind: see `fit_error_model`.
        seed: of the random splits.

    Raises:
        TooFewBlocks: see `calibration_blocks`.
    """
    found: dict[float, list[Split]] = {level: [] for level in (coverage, *levels)}
    for number in range(num):
        calibrates = calibration_blocks(blocks, coverage, (seed, number) if number else seed)
        fitted = ~calibrates
        model = fit_error_model(features[fitted], errors[fitted], blocks[fitted], kind=kind)
        held_out, labels = errors[calibrates], blocks[calibrates]
        scores = model.scores(features[calibrates], held_out)
        for level, splits in found.items():
            quantile = block_quantile(scores, labels, level)
            splits.append(Split(model, quantile, block_quantile(held_out, labels, level)))
    return found


def bounds(splits: Sequence[Split], features: Floats) -> Floats:
    """Bounds of each split, `(splits, samples)`."""
    return np.stack([split.model.bound(features, split.quantile) for split in splits])


def inside(splits: Sequence[Split], features: Floats) -> NDArray[np.bool_]:
    """Whether the features are in the fitted range of at least half of the splits, `(samples,)`."""
    return np.mean([split.model.inside(features) for split in splits], axis=0) >= 0.5
