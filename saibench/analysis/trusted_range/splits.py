"""Many splits of the same blocks into fitted and calibration blocks.

One split is decided by chance: of 20 splits of 23 blocks, 12 trusted the same errors. A bound is
therefore the median of the bounds of all splits, and their disagreement is reported.

If each bound is exceeded by at most a share α of new samples, their median is exceeded by at most
2α, since half of the bounds are exceeded wherever it is (Markov's inequality). Splits of one sample
are exceeded by nearly the same new samples, so the share is near α; the validation measures it.

Source: Gasparin and Ramdas, "Merging uncertainty sets via majority vote", arXiv:2401.09379.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256

import numpy as np
from numpy.typing import NDArray

from saibench.analysis.block_numbers import block_numbers
from saibench.analysis.bootstrap import Floats
from saibench.analysis.median_of_few import median_of_few
from saibench.analysis.trusted_range.competition import compete
from saibench.analysis.trusted_range.conformal import block_quantiles, calibration_blocks
from saibench.analysis.trusted_range.curves import floats
from saibench.analysis.trusted_range.edges import (
    BOTH,
    EDGE_BLOCKS,
    OpenSide,
    block_ends,
    in_range,
    open_range,
    reached,
)
from saibench.analysis.trusted_range.error_model import ErrorModel, fit_error_model
from saibench.analysis.trusted_range.model_curves import MAX_FITTED, ModelKind, thinned
from saibench.evidence.known import TrainingSide
from saibench.evidence.once import Recent

NUM_SPLITS = 20
CHUNK = 20_000
"""Samples at a time, which fit into a processor's cache."""


@dataclass(frozen=True)
class Split:
    """The fit of one split.

    Args:
        model: fitted to a third of the blocks.
        quantile: of the scores of the calibration blocks, in units of the local spread.
        unconditional: bound from the calibration blocks without any feature.
        reach_low, reach_high: range of each feature in all blocks, see `fitted_range`; in a file of
            version 1 empty, for that of the model.
    """

    model: ErrorModel
    quantile: float
    unconditional: float
    reach_low: tuple[float, ...] = ()
    reach_high: tuple[float, ...] = ()

    @property
    def low(self) -> tuple[float, ...]:
        return self.reach_low or self.model.low

    @property
    def high(self) -> tuple[float, ...]:
        return self.reach_high or self.model.high

    def inside(self, features: Floats) -> NDArray[np.bool_]:
        """Whether every feature is in its range, `(samples,)`; towards training it has no end."""
        return in_range(features, *open_range(self.low, self.high, self.model.open_sides))


def fitted_range(
    features: Floats, blocks: NDArray, num_endless: int = 0
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Start and end of the range of each feature; samples beyond any of them are outside.

    An edge is reached by three blocks, or with several features by fewer, so that many features
    exclude about as many new samples as one.

    Args:
        features: `(samples, features)`.
        blocks: `(samples,)`.
        num_endless: number of features whose range has no end, so that they exclude no sample.
    """
    edge_blocks = max(1, EDGE_BLOCKS // max(1, features.shape[1] - num_endless))
    low, high = reached(*block_ends(features, blocks), edge_blocks)
    return floats(low), floats(high)


@dataclass(frozen=True)
class Choice:
    """What an error model is fitted to.

    Args:
        columns: the features that predict the error.
        kind: of the error model.
        useless: features that predict nothing of the error, so that their range has no end, except
            away from training: no error was seen there that could contradict it.
    """

    columns: tuple[int, ...]
    kind: ModelKind
    useless: tuple[int, ...] = ()


def choose(
    features: Floats,
    errors: Floats,
    blocks: NDArray,
    coverage: float,
    kind: ModelKind | None = None,
    training: Sequence[TrainingSide] = (),
) -> Choice:
    """The features and the error model that `compete` chooses."""
    numbers = [str(column) for column in range(features.shape[1])]
    found = compete(features, errors, blocks, coverage, numbers, kind=kind, training=training)
    chosen = found.chosen
    return Choice(tuple(map(int, chosen.features)), chosen.kind, tuple(map(int, found.useless)))


def fit_splits(
    features: Floats,
    errors: Floats,
    blocks: NDArray,
    coverage: float,
    *,
    levels: Sequence[float] = (),
    kind: ModelKind | None = None,
    choice: Choice | None = None,
    training: Sequence[TrainingSide] = (),
    num: int = NUM_SPLITS,
    seed: int = 0,
) -> dict[float, list[Split]]:
    """By level, the fits of `num` random splits.

    Args:
        features: `(samples, features)`.
        errors, blocks: `(samples,)`.
        coverage: for which the number of calibration blocks is chosen.
        levels: further coverages that these blocks allow.
        kind: of the error model; by default all compete.
        choice: of features and kind; by default that of `choose` on these blocks.
        training: of each feature, see `Quantity`; by default none.
        seed: of the random splits.

    Raises:
        TooFewBlocks: see `calibration_blocks`.
    """
    calibration_blocks(blocks, coverage, seed)  # refuses too few blocks before any fit
    if choice is None:
        choice = choose(features, errors, blocks, coverage, kind, training)
    sides = training or [""] * features.shape[1]
    open_sides: list[OpenSide] = [
        side or (BOTH if column in choice.useless else "") for column, side in enumerate(sides)
    ]
    low, high = fitted_range(features, blocks, open_sides.count(BOTH))
    found: dict[float, list[Split]] = {level: [] for level in (coverage, *levels)}
    order = _by_block(features[:, choice.columns[:1]], blocks)
    features, errors, blocks = features[order], errors[order], block_numbers(blocks[order])[0]
    lowest, highest = block_ends(features, blocks)
    for number in range(num):
        calibrates = calibration_blocks(blocks, coverage, (seed, number) if number else seed)
        fitted, held_out = np.flatnonzero(~calibrates), np.flatnonzero(calibrates)
        of_fit = np.flatnonzero(np.bincount(blocks[fitted]))
        fitted = fitted[thinned(blocks[fitted], MAX_FITTED)]
        model = fit_error_model(
            features[fitted],
            errors[fitted],
            blocks[fitted],
            kind=choice.kind,
            coverage=coverage,
            columns=choice.columns,
            open_sides=open_sides,
            reach=reached(lowest[of_fit], highest[of_fit]),
        )
        scores = np.concatenate([
            model.scores(features[rows], errors[rows])
            for rows in np.array_split(held_out, -(-len(held_out) // CHUNK))
        ])  # fmt: skip
        each = [scores, errors[held_out]]
        quantiles, plain = block_quantiles(each, blocks[held_out], list(found))
        for splits, quantile, without in zip(found.values(), quantiles, plain, strict=True):
            splits.append(Split(model, quantile, without, low, high))
    return found


def _by_block(feature: Floats, blocks: NDArray) -> NDArray[np.intp]:
    """Rows block after block, in ascending order of a feature `(samples, 1)`.

    Blocks are then selected, and curves evaluated, several times as fast.
    """
    order = np.argsort(feature[:, 0])
    numbers, count = block_numbers(blocks[order])
    return order[np.argsort(numbers.astype(np.min_scalar_type(count)), kind="stable")]


def median_bounds(groups: Sequence[Sequence[Split]], features: Floats) -> list[Floats]:
    """For each group of splits the median of their bounds, `(samples,)`.

    Args:
        groups: splits with the same models, such as those of several levels.
        features: `(samples, features)`.
    """
    quantiles = [[split.quantile for split in group] for group in groups]
    models = [split.model for split in groups[0]]

    def of_splits(at: Floats) -> list[tuple[Floats, ...]]:
        each = zip(models, zip(*quantiles, strict=True), strict=True)
        return list(zip(*(model.bounds(at, levels) for model, levels in each), strict=True))

    return medians(of_splits, features, models[0].columns)


_BOUNDED = Recent[tuple[Floats, NDArray[np.bool_]]](1)


def bounded_once(splits: Sequence[Split], features: Floats) -> tuple[Floats, NDArray[np.bool_]]:
    """`bounded`, of which the latest result is kept.

    A fit bounds the samples that its reader asks for next.
    """
    content = sha256(np.ascontiguousarray(features).data)
    content.update(repr((features.shape, splits)).encode())
    return _BOUNDED.get(content.hexdigest(), lambda: bounded(splits, features))


def bounded(splits: Sequence[Split], features: Floats) -> tuple[Floats, NDArray[np.bool_]]:
    """The median of the bounds, and `inside`, `(samples,)` each."""
    return median_bounds([splits], features)[0], inside(splits, features)


def bounds(splits: Sequence[Split], features: Floats) -> Floats:
    """Bounds of each split, `(splits, samples)`."""
    return np.stack([split.model.bound(features, split.quantile) for split in splits])


def inside(splits: Sequence[Split], features: Floats) -> NDArray[np.bool_]:
    """Whether the features are in the range of at least half of the splits, `(samples,)`."""
    count = np.zeros(len(features), dtype=np.int64)
    for split in splits:
        count += split.inside(features)
    return 2 * count >= len(splits)


def medians(
    of_splits: Callable[[Floats], Sequence[Sequence[Floats]]],
    features: Floats,
    columns: Sequence[int] = (),
) -> list[Floats]:
    """The median over splits of each number, `(samples,)`.

    Args:
        of_splits: features `(some, features)` → for each number and split `(some,)`.
        features: `(samples, features)`.
        columns: that the numbers depend on inside the fitted range; by default all. Samples in
            ascending order of a single one are interpolated several times as fast.
    """
    single = list(columns) or list(range(features.shape[1]))
    order = np.argsort(features[:, single[0]]) if len(single) == 1 else np.arange(len(features))
    found: list[Floats] = []
    for start in range(0, max(1, len(order)), CHUNK):
        rows = order[start : start + CHUNK]
        of_rows = [median_of_few(np.stack(each)) for each in of_splits(features[rows])]
        found = found or [np.empty(len(features)) for _ in of_rows]
        for whole, own in zip(found, of_rows, strict=True):
            whole[rows] = own
    return found
