from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from saibench.analysis.trusted_range.conformal import (
    TooFewBlocks,
    block_quantile,
    block_weights,
    calibration_blocks,
    needed_blocks,
)

Blocks = list[list[int]]
SCORES = st.lists(st.lists(st.integers(-20, 20), min_size=1, max_size=6), min_size=9, max_size=14)


def flat(blocks: Blocks) -> tuple[np.ndarray, np.ndarray]:
    labels = np.repeat(np.arange(len(blocks)), [len(block) for block in blocks])
    return np.concatenate(blocks).astype(float), labels


def quantile_by_definition(blocks: Blocks, coverage: Fraction) -> float:
    """The smallest score whose weight, with all smaller ones, reaches the coverage."""
    for score in sorted({score for block in blocks for score in block}):
        below = sum(
            Fraction(sum(other <= score for other in block), len(block) * (len(blocks) + 1))
            for block in blocks
        )
        if below >= coverage:
            return float(score)
    return float("inf")


@given(blocks=SCORES, percent=st.integers(1, 90))
@settings(max_examples=60, deadline=None)
def test_quantile_is_its_definition(blocks: Blocks, percent: int) -> None:
    scores, labels = flat(blocks)
    expected = quantile_by_definition(blocks, Fraction(percent, 100))
    assert block_quantile(scores, labels, percent / 100) == expected


@given(blocks=SCORES, percent=st.sampled_from([50, 80, 88]))
@settings(max_examples=60, deadline=None)
def test_any_blocks_cover_each_other_with_the_nominal_coverage(
    blocks: Blocks, percent: int
) -> None:
    """The guarantee itself, on average over the new block of K + 1 and its random sample."""
    covered = []
    for number, new in enumerate(blocks):
        others = blocks[:number] + blocks[number + 1 :]
        if len(others) < needed_blocks(percent / 100):
            return
        bound = block_quantile(*flat(others), percent / 100)
        covered.append(Fraction(sum(score <= bound for score in new), len(new)))
    assert sum(covered) / len(covered) >= Fraction(percent, 100)


def test_unequal_blocks_are_covered_by_blocks_but_not_by_pooled_samples() -> None:
    """Hard blocks are short, so pooled samples are mostly from easy blocks."""
    rng = np.random.default_rng(0)
    by_blocks, by_samples = [], []
    for _ in range(300):
        hardness = rng.lognormal(0, 1, 80)
        sizes = np.where(hardness > 1, 4, 60)
        labels = np.repeat(np.arange(80), sizes)
        scores = hardness[labels] * rng.lognormal(0, 0.1, labels.size)
        known, new = labels < 40, labels >= 40
        ordered = np.sort(scores[known])
        naive = ordered[int(np.ceil(0.9 * (len(ordered) + 1))) - 1]
        bound = block_quantile(scores[known], labels[known], 0.9)
        weights = block_weights(labels[new])
        by_blocks.append(weights @ (scores[new] <= bound))
        by_samples.append(weights @ (scores[new] <= naive))
    assert np.mean(by_blocks) >= 0.89
    assert np.mean(by_samples) < 0.8


def test_bound_needs_one_over_alpha_minus_one_blocks() -> None:
    assert [needed_blocks(level) for level in (0.5, 0.8, 0.9, 0.95, 0.99)] == [1, 4, 9, 19, 99]
    scores = np.arange(9.0)
    assert block_quantile(scores, np.arange(9), 0.9) == 8
    with pytest.raises(TooFewBlocks, match=r"\b9 .*\b8\b.* 0\.88"):
        block_quantile(scores[1:], np.arange(8), 0.9)


def test_blocks_have_equal_weight_whatever_their_size() -> None:
    weights = block_weights(np.array([3, 3, 3, 7]))
    np.testing.assert_allclose(weights, [1 / 6, 1 / 6, 1 / 6, 1 / 2])


@pytest.mark.parametrize(("blocks", "calibrating"), [(13, 9), (20, 13), (200, 133)])
def test_blocks_are_drawn_whole(blocks: int, calibrating: int) -> None:
    labels = np.repeat(np.arange(blocks), 3)
    chosen = calibration_blocks(labels, 0.9, seed=1)
    assert len(np.unique(labels[chosen])) == calibrating
    assert not set(labels[chosen]) & set(labels[~chosen])


def test_too_few_blocks_are_refused_with_the_largest_coverage() -> None:
    with pytest.raises(TooFewBlocks, match=r"\b12\b.* 0\.88"):
        calibration_blocks(np.arange(12), 0.9, seed=0)
    with pytest.raises(TooFewBlocks, match=r"have 4.*more data"):
        calibration_blocks(np.arange(4), 0.9, seed=0)
