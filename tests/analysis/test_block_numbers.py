from __future__ import annotations

import numpy as np
import pytest

from saibench.analysis.block_numbers import block_numbers, rows_by_block

RNG = np.random.default_rng(0)


@pytest.mark.parametrize(
    "labels",
    [
        RNG.integers(0, 20, 300),
        RNG.integers(-5, 5, 300),
        RNG.choice([3, 40, 10**12], 300),
        RNG.choice(["b", "a", "c"], 300),
        RNG.integers(0, 9, 300).astype(np.uint8),
        np.array([2**62, -(2**62), 0]),
        np.array([], dtype=np.int64),
    ],
    ids=["dense", "negative", "sparse", "text", "unsigned", "extreme", "empty"],
)
def test_numbers_are_those_of_sorted_labels(labels: np.ndarray) -> None:
    distinct, expected = np.unique(labels, return_inverse=True)
    numbers, count = block_numbers(labels)
    np.testing.assert_array_equal(numbers, expected)
    assert count == len(distinct)


def test_rows_by_block_are_in_order_with_empty_blocks_between() -> None:
    block_of = RNG.choice([0, 1, 4, 300], 500)
    order, starts = rows_by_block(block_of, 302)
    found = np.split(order, starts[1:])
    for block in range(302):
        np.testing.assert_array_equal(found[block], np.flatnonzero(block_of == block))
