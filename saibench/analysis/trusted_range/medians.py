"""Medians over splits of numbers of many samples, in chunks that fit into a processor's cache."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from saibench.analysis.bootstrap import Floats

CHUNK = 20_000


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
        of_rows = [_median(np.stack(each)) for each in of_splits(features[rows])]
        found = found or [np.empty(len(features)) for _ in of_rows]
        for whole, own in zip(found, of_rows, strict=True):
            whole[rows] = own
    return found


def _median(values: NDArray) -> Floats:
    """Median over the first axis; faster than NumPy's for few values of many samples."""
    ascending, half = np.sort(values, axis=0), len(values) // 2
    if len(values) % 2:
        return ascending[half]
    return (ascending[half - 1] + ascending[half]) / 2
