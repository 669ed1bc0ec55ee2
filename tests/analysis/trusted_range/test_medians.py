from __future__ import annotations

import numpy as np
import pytest

from saibench.analysis.trusted_range.model_curves import thinned
from saibench.analysis.trusted_range.splits import CHUNK, medians


@pytest.mark.parametrize("splits", [1, 2, 5, 19, 20])
@pytest.mark.parametrize("columns", [(), (1,)])
def test_medians_in_chunks_are_those_of_all_samples(splits: int, columns: tuple[int, ...]) -> None:
    features = np.random.default_rng(0).normal(size=(CHUNK + 100, 2))
    slopes = np.linspace(-1, 2, splits)

    def of_splits(at: np.ndarray) -> list[list[np.ndarray]]:
        return [[slope * at[:, 1] for slope in slopes], [at[:, 1] + slope for slope in slopes]]

    expected = [np.median(each, axis=0) for each in of_splits(features)]
    found = medians(of_splits, features, columns)
    np.testing.assert_array_equal(found, expected)


def test_thinned_samples_are_of_all_blocks_in_proportion() -> None:
    blocks = np.tile([5, 5, 5, 9], 1000)  # neighbours of different blocks
    kept = blocks[thinned(blocks, 400)]
    assert (kept == 5).sum() == 300 and (kept == 9).sum() == 100
    np.testing.assert_array_equal(blocks[thinned(blocks, 4000)], blocks)
    uneven = np.append(np.zeros(3000, dtype=int), [1, 2, 2])
    assert set(uneven[thinned(uneven, 100)]) == {0, 1, 2}
