"""Each feature, and all together, with each error model: what else could have met a missed goal.

Nothing is chosen here, so that each number is one of a candidate that was fixed beforehand: its
bounds are fitted and calibrated without the block that they are reported on, or without the other
partition. The best of many such numbers is still better than it would be on new samples.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from saibench.analysis.bootstrap import Floats
from saibench.analysis.ranking import auroc
from saibench.analysis.trusted_range.candidates import kinds_of
from saibench.analysis.trusted_range.competition import pinball
from saibench.analysis.trusted_range.config import TrustConfig
from saibench.analysis.trusted_range.conformal import block_weights
from saibench.analysis.trusted_range.held_out import held_out_bounds
from saibench.analysis.trusted_range.model_curves import ModelKind
from saibench.analysis.trusted_range.reading import ErrorSamples
from saibench.analysis.trusted_range.splits import Choice, fit_splits, inside, median_bounds
from saibench.analysis.trusted_range.usefulness import least_of_worst


@dataclass(frozen=True)
class Elsewhere:
    """Shares of the samples of another partition.

    Args:
        inside: of all, in the range of the features.
        coverage: of those inside, at most their bound; None without any.
        recognised: of those within the tolerance, inside and with a bound within it; None without
            any, or without a tolerance.
    """

    inside: float
    coverage: float | None
    recognised: float | None


@dataclass(frozen=True)
class Tried:
    """A candidate on held-out blocks of its own partition, and on others.

    Args:
        features: names.
        kind: of the error model.
        loss: pinball loss of all samples, relative to that of bounds without a feature; blocks
            weigh the same.
        width: mean bound of the samples inside, relative to that without a feature; None without
            any.
        auroc: area under the ROC curve of the bound for the worst tenth of the errors.
        own: shares of the held-out samples.
        shifts: partition → shares of its samples.
    """

    features: tuple[str, ...]
    kind: ModelKind
    loss: float
    width: float | None
    auroc: float
    own: Elsewhere
    shifts: Mapping[str, Elsewhere]


def candidates(count: int) -> Iterator[Choice]:
    """Each of `count` features alone and all together, with each error model."""
    together = [tuple(range(count))] if count > 1 else []
    for columns in [*((one,) for one in range(count)), *together]:
        for kind in kinds_of(columns, count):
            yield Choice(columns, kind)


def try_all(
    samples: ErrorSamples, others: Mapping[str, ErrorSamples], config: TrustConfig, seed: int = 0
) -> Iterator[Tried]:
    """The numbers of all candidates.

    Args:
        samples: of one run, which the bounds are calibrated on.
        others: partition → its samples, with the same features.
        config: with coverage and tolerance.
        seed: of the random splits of the blocks.

    Raises:
        TooFewBlocks: the blocks do not allow this coverage.
    """
    for one in candidates(len(samples.quantities)):
        yield _tried(one, samples, others, config, seed)


def _tried(
    one: Choice,
    samples: ErrorSamples,
    others: Mapping[str, ErrorSamples],
    config: TrustConfig,
    seed: int,
) -> Tried:
    own = only(samples, one.columns)
    choice = Choice(tuple(range(len(one.columns))), one.kind)
    held = held_out_bounds(own, config.coverage, choice=choice, seed=seed)
    pair = held.bound, held.unconditional
    loss, plain = (
        float(block_weights(own.blocks) @ pinball(own.errors, bounds, config.coverage))
        for bounds in pair
    )
    mean, mean_plain = (float(held.weights @ bounds) for bounds in pair)
    fits = fit_splits(
        own.features,
        own.errors,
        own.blocks,
        config.coverage,
        choice=choice,
        training=[quantity.training for quantity in own.quantities],
        seed=seed,
    )[config.coverage]
    shifts = {}
    for name, other in others.items():
        features = only(other, one.columns).features
        bound = median_bounds([fits], features)[0]
        shifts[name] = _shares(other.errors, bound, inside(fits, features), config.tolerance)
    worst = own.errors >= least_of_worst(own.errors)
    return Tried(
        features=tuple(quantity.name for quantity in own.quantities),
        kind=one.kind,
        loss=loss / plain if plain > 0 else 1.0,
        width=mean / mean_plain if mean_plain > 0 else None,
        auroc=auroc(held.relative, worst, own.blocks).estimate,
        own=_shares(own.errors, held.bound, held.inside, config.tolerance, held.weights),
        shifts=shifts,
    )


def only(samples: ErrorSamples, columns: Sequence[int]) -> ErrorSamples:
    """With these features; blocks are those of all, as where candidates compete."""
    quantities = tuple(samples.quantities[column] for column in columns)
    return replace(samples, features=samples.features[:, columns], quantities=quantities)


def _shares(
    errors: Floats,
    bound: Floats,
    within: NDArray[np.bool_],
    tolerance: float | None,
    weights: Floats | None = None,
) -> Elsewhere:
    """Args: `(samples,)`; weights are those of the coverage, by default equal."""
    below, weighed = errors <= bound, within if weights is None else weights
    recognised = None
    if tolerance is not None and (errors <= tolerance).any():
        recognised = float((within & (bound <= tolerance))[errors <= tolerance].mean())
    coverage = float(np.average(below, weights=weighed)) if within.any() else None
    return Elsewhere(float(within.mean()), coverage, recognised)
