"""Candidate features and error models of a trusted range, compared on held-out blocks.

Each feature alone and several together, with each kind of error model, are fitted to as many
blocks as a split of the range fits them to, and predict all others: a model of many parameters that
needs more samples than it will have must lose here. What is compared is the pinball loss at the
requested coverage τ,

    ρ(e, b) = max(τ (e − b), (τ − 1) (e − b)),

of bounds b that are scaled by one number per fit, as calibration does it; of several fits the bound
is the median, as that of several splits is. Of the candidates whose loss exceeds the lowest one by
at most a standard error over blocks, and is below that of a bound without features if the loss of
any is, the simplest is chosen: a log-linear one, which has one coefficient per feature, before one
of steps or trees; of these one with the fewest features, and then the one with the narrowest
bounds. A quadratic one, which may fall with a feature that is no distance to training, is chosen
only if no other has as few features.

Sources: Koenker and Bassett, "Regression quantiles", Econometrica 46 (1978); the rule of one
standard error is that of Breiman et al., "Classification and Regression Trees" (1984), §3.4.3.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from saibench.analysis.block_numbers import block_numbers
from saibench.analysis.bootstrap import Floats
from saibench.analysis.mean_ranks import mean_ranks
from saibench.analysis.trusted_range.candidates import QUADRATIC, kinds_of
from saibench.analysis.trusted_range.conformal import block_weights, calibration_blocks
from saibench.analysis.trusted_range.directions import away_from_training
from saibench.analysis.trusted_range.model_curves import ModelKind, block_folds, fit_curves
from saibench.analysis.trusted_range.quantile_curve import weighted_quantile
from saibench.evidence.known import TrainingSide

MAX_FITS = 3
"""Of each candidate, to parts of the blocks that do not overlap."""
MAX_TOGETHER = 3
"""Features that are combined step by step, in addition to all of them."""
MAX_SAMPLES = 4_000
"""Samples that candidates are compared on, drawn at random; each fit uses about a third."""


@dataclass(frozen=True)
class Candidate:
    """A combination of features with an error model.

    Args:
        features: names.
        kind: of the error model.
        loss: pinball loss on held-out blocks, in the statistic's unit.
        gain: 1 − loss / loss of a bound without features.
        gain_error: its standard error over blocks.
        width: mean bound, relative to the bound without features.
    """

    features: tuple[str, ...]
    kind: ModelKind
    loss: float
    gain: float
    gain_error: float
    width: float


@dataclass(frozen=True)
class Competition:
    """All candidates, ascending with their loss.

    Args:
        candidates: at least one.
        chosen: the one that the bound uses.
        plain: loss without any feature.
        useless: features that predict the error neither alone nor in addition to others: alone
            they are not better than no feature by a standard error, and the bound does not use
            them.
    """

    candidates: tuple[Candidate, ...]
    chosen: Candidate
    plain: float
    useless: tuple[str, ...]

    def __post_init__(self) -> None:
        if self.chosen not in self.candidates:
            raise ValueError("the chosen candidate is missing")

    @property
    def best_single(self) -> Candidate:
        """The chosen candidate if it has one feature, else that with one and the lowest loss."""
        alone = [one for one in self.candidates if len(one.features) == 1]
        return self.chosen if self.chosen in alone else alone[0]


def compete(
    features: Floats,
    errors: Floats,
    blocks: NDArray,
    coverage: float,
    names: Sequence[str],
    *,
    kind: ModelKind | None = None,
    training: Sequence[TrainingSide] = (),
    seed: int = 0,
) -> Competition:
    """Compare the candidates by cross-validation over blocks.

    Args:
        features: `(samples, features)`; a constant one is no candidate.
        errors, blocks: `(samples,)`.
        coverage: the level τ.
        names: of the features.
        kind: of the error model; by default all compete.
        training: of each feature, see `Quantity`; by default none.
        seed: of the folds; the choice then does not depend on that of the splits.

    Raises:
        ValueError: all features are constant.
    """
    kept = _drawn(blocks, seed)
    features, errors, blocks = features[kept], errors[kept], blocks[kept]
    varying = [column for column in range(features.shape[1]) if np.ptp(features[:, column]) > 0]
    if not varying:
        raise ValueError("all features are constant")
    directions = away_from_training(training or [""] * features.shape[1])
    held_out = _HeldOut(features, errors, blocks, directions, coverage, seed)
    tested = [
        held_out.tested(columns, tried)
        for columns in _combinations(held_out, varying)
        for tried in kinds_of(columns, len(varying), kind)
    ]
    tested.sort(key=lambda one: (one.loss, len(one.columns)))
    near = [one for one in tested if held_out.is_near(one.losses, tested[0].losses)]
    chosen = min(held_out.better_than_none(near) or near, key=_complexity)
    candidates = {
        id(one): Candidate(
            features=tuple(names[column] for column in one.columns),
            kind=one.kind,
            loss=one.loss,
            gain=held_out.relative(held_out.plain - one.losses),
            gain_error=held_out.relative_error(held_out.plain - one.losses),
            width=one.width,
        )
        for one in tested
    }
    found = candidates[id(chosen)]
    alone = {
        one.features[0]
        for one in candidates.values()
        if len(one.features) == 1 and one.gain > one.gain_error
    }
    return Competition(
        candidates=tuple(candidates.values()),
        chosen=found,
        plain=float(held_out.weights @ held_out.plain),
        useless=tuple(name for name in names if name not in {*alone, *found.features}),
    )


def pinball(errors: Floats, bounds: Floats | float, level: float) -> Floats:
    """Pinball loss of each sample, `(samples,)`."""
    above = errors - bounds
    return np.maximum(level * above, (level - 1) * above)


@dataclass(frozen=True, eq=False)
class _Tested:
    """A candidate with its pinball losses `(samples,)`, their mean, and its relative width."""

    columns: tuple[int, ...]
    kind: ModelKind
    losses: Floats
    loss: float
    width: float


def _complexity(one: _Tested) -> tuple[bool, int, bool, float]:
    """Ascends with the number of a candidate's parameters, then with its width."""
    return one.kind != "log-linear", len(one.columns), one.kind == QUADRATIC, one.width


class _HeldOut:
    """Bounds of candidates, each fitted to a few of the blocks, for all others."""

    def __init__(
        self,
        features: Floats,
        errors: Floats,
        blocks: NDArray,
        directions: Sequence[int],
        coverage: float,
        seed: int,
    ) -> None:
        self.features, self.errors, self.blocks = features, errors, blocks
        self.directions = directions
        self.coverage = coverage
        self.weights = block_weights(blocks)
        self.fits = _fits(blocks, coverage, seed)
        self.block_of = block_numbers(blocks)[0]
        self.plain_bounds = self._bounds(lambda fitted: (np.zeros(1), np.ones(1)))
        self.plain = pinball(errors, self.plain_bounds, coverage)

    def tested(self, columns: tuple[int, ...], kind: ModelKind) -> _Tested:
        features = self.features[:, columns]
        directions = [self.directions[column] for column in columns]

        def fit(fitted: NDArray[np.bool_]) -> tuple[Floats, Floats]:
            known, errors, blocks = features[fitted], self.errors[fitted], self.blocks[fitted]
            curves = fit_curves(kind, known, errors, blocks, directions, self.coverage, rough=True)
            at_edge = np.clip(features[~fitted], known.min(axis=0), known.max(axis=0))
            return curves.base_and_spread(at_edge)

        bounds = self._bounds(fit)
        losses = pinball(self.errors, bounds, self.coverage)
        plain = float(self.weights @ self.plain_bounds)
        width = float(self.weights @ bounds) / plain if plain > 0 else 1.0
        return _Tested(columns, kind, losses, float(self.weights @ losses), width)

    def _bounds(self, fit: Callable[[NDArray[np.bool_]], tuple[Floats, Floats]]) -> Floats:
        """Bounds, each fit calibrated on the samples that it predicts, `(samples,)`.

        Args:
            fit: mask of the fitted samples → base and spread of the others.
        """

        def calibrated(fitted: NDArray[np.bool_]) -> Floats:
            base, spread = fit(fitted)
            scores = (self.errors[~fitted] - base) / spread
            scale = weighted_quantile(scores, self.weights[~fitted], self.coverage)
            return np.maximum(base + scale * spread, 0.0)

        return self._held_out(calibrated)

    def _held_out(self, predict: Callable[[NDArray[np.bool_]], Floats]) -> Floats:
        """The median of what the fits without a sample predict for it, `(samples,)`.

        Args:
            predict: mask of the fitted samples → a number for each of the others.
        """
        each = np.full((len(self.fits), len(self.errors)), np.nan)
        for found, fitted in zip(each, self.fits, strict=True):
            found[~fitted] = predict(fitted)
        return np.nanmedian(each, axis=0)

    def is_near(self, losses: Floats, least: Floats) -> bool:
        """Whether the mean loss is larger by at most a standard error."""
        return float(self.weights @ (losses - least)) <= self._standard_error(losses - least)

    def better_than_none(self, tested: Sequence[_Tested]) -> list[_Tested]:
        """Those whose loss is below that of a bound without features."""
        plain = float(self.weights @ self.plain)
        return [one for one in tested if one.loss < plain]

    def relative(self, values: Floats) -> float:
        """Weighted mean of `(samples,)` values, relative to the loss without features."""
        plain = float(self.weights @ self.plain)
        return float(self.weights @ values) / plain if plain > 0 else 0.0

    def relative_error(self, values: Floats) -> float:
        """Standard error of `relative`."""
        plain = float(self.weights @ self.plain)
        return self._standard_error(values) / plain if plain > 0 else 0.0

    def _standard_error(self, values: Floats) -> float:
        by_block = np.bincount(self.block_of, self.weights * values)
        return float(by_block.std(ddof=1)) * math.sqrt(len(by_block))

    def squared(self, terms: Floats, ranks: Floats) -> float:
        """Squared error of a linear regression of ranks, on held-out blocks."""

        def predicted(fitted: NDArray[np.bool_]) -> Floats:
            return terms[~fitted] @ np.linalg.lstsq(terms[fitted], ranks[fitted], rcond=None)[0]

        return float(self.weights @ (ranks - self._held_out(predicted)) ** 2)


def _fits(blocks: NDArray, coverage: float, seed: int) -> list[NDArray[np.bool_]]:
    """Masks of the samples of each fit, of about as many blocks as a split is fitted to."""
    count = block_numbers(blocks)[1]
    num_fitted = int((~calibration_blocks(np.arange(count), coverage, seed)).sum())
    folds = max(2, round(count / num_fitted))
    fold_of = block_folds(blocks, folds, seed)
    return [fold_of == fold for fold in range(min(folds, MAX_FITS))]


def _combinations(held_out: _HeldOut, varying: Sequence[int]) -> list[tuple[int, ...]]:
    """Each feature alone, the best ones together step by step, and all.

    Steps are made by a regression of the errors' ranks on the features' ranks and their squares,
    which is fast.
    """
    count = len(held_out.errors)
    ranks = mean_ranks(held_out.errors) / count
    found: list[tuple[int, ...]] = [(column,) for column in varying]
    parts = {}
    for column in varying:
        of_column = mean_ranks(held_out.features[:, column]) / count
        parts[column] = np.stack([of_column, of_column**2], axis=1)
    taken: tuple[int, ...] = ()
    terms = np.ones((count, 1))
    while len(taken) < min(MAX_TOGETHER, len(varying)):
        rest = [column for column in varying if column not in taken]
        with_each = {column: np.hstack([terms, parts[column]]) for column in rest}
        best = min(rest, key=lambda column: held_out.squared(with_each[column], ranks))
        taken, terms = (*taken, best), with_each[best]
        found.append(tuple(sorted(taken)))
    return list(dict.fromkeys([*found, tuple(varying)]))


def _drawn(blocks: NDArray, seed: int) -> NDArray[np.intp]:
    """Rows of at most `MAX_SAMPLES` samples; more only if there are more blocks."""
    rows = np.random.default_rng(seed).permutation(len(blocks))
    numbers, count = block_numbers(blocks)
    kept = least = min(max(MAX_SAMPLES, count), len(rows))
    while len(first := np.unique(numbers[rows[:kept]], return_index=True)[1]) < count:
        kept *= 2  # until there is one sample of each block
    others = np.setdiff1d(np.arange(least), first, assume_unique=True)
    return np.sort(rows[np.append(first, others[: least - count])])
