"""Permutation tests of whether the mean error of a component equals that of the others.

*Classes and bins* partition the samples. Under the null hypothesis the class labels are
exchangeable, so errors are permuted among the samples; for independent errors of 0 or 1 that is
Fisher's exact test. Samples in order of time are permuted in pieces of neighbours. Declared groups
are permuted as a whole: their sums and sizes if each group belongs to one class, else their
samples. The statistic is Welch's t, so that a class with a larger variance is not taken for one
with a larger mean (Janssen, Stat. Probab. Lett. 36, 1997).

*Positions on an axis* (species, lead times) occur in every sample. Under the null hypothesis the
positions within a block are exchangeable, so their mean errors are permuted within each independent
block. The statistic is Student's t of the blocks' differences between the position and the others;
for two positions the permutations flip the signs of blocks.

A p-value counts the observed arrangement, so it is never 0 (Phipson and Smyth, Stat. Appl. Genet.
Mol. Biol. 9, 2010). The tests keep their level with few samples too.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from saibench.analysis.bootstrap import MAX_WEIGHTS, Floats
from saibench.analysis.tracing.permutations import NUM_PERMUTATIONS, p_value, permutations

ROUNDING = 1e-9
"""Relative difference below which two arrangements tie."""


def class_p_values(
    errors: Floats,
    member: NDArray[np.bool_],
    piece: int = 1,
    groups: NDArray[np.int64] | None = None,
) -> list[float]:
    """p-value of each class against all other samples.

    Args:
        errors: `(N,)`, in the order in which neighbours are correlated.
        member: `(N, K)`, whether a sample belongs to a class; to one at most.
        piece: neighbouring samples, or declared groups, permuted together; 1 if independent.
        groups: `(N,)` labels of declared groups, which are permuted as a whole.

    Returns:
        K values; NaN for a class with no sample or all of them, and if all errors are equal.
    """
    used = member.any(axis=1)
    errors, member = errors[used], member[used]
    groups = None if groups is None else groups[used]
    sizes = member.sum(axis=0)
    tested = (sizes > 0) & (sizes < len(errors))
    found = np.full(len(sizes), math.nan)
    if not tested.any() or np.ptp(errors) == 0:
        return found.tolist()
    is_high = errors == errors.max()
    if piece == 1 and groups is None and (is_high | (errors == errors.min())).all():
        found[tested] = [_fisher(is_high, own) for own in member[:, tested].T]
    else:
        found[tested] = _permuted(errors, member[:, tested], piece, groups)
    return found.tolist()


def axis_p_values(errors: Floats, sizes: Floats, blocks: NDArray[np.int64]) -> list[float]:
    """p-value of each position against the other positions, weighted by size.

    Args:
        errors: `(N, K)`, error times size of each sample and position.
        sizes: `(N, K)`, 0 where a position is undefined.
        blocks: `(N,)` labels of independent blocks.

    Returns:
        K values; NaN for a single position, and if no block differs.
    """
    label = np.unique(blocks, return_inverse=True)[1]
    total, size = (np.zeros((label.max() + 1, errors.shape[1])) for _ in range(2))
    np.add.at(total, label, errors)
    np.add.at(size, label, sizes)
    several = (size > 0).sum(axis=1) > 1  # a block of one position has no comparison
    total, size = total[several], size[several]
    if not len(size):
        return [math.nan] * errors.shape[1]
    means = np.divide(total, size, out=np.zeros_like(total), where=size > 0)
    observed = np.abs(_student(means[None], size)[0])
    reached = np.zeros(len(observed), dtype=int)
    for arranged in _within_blocks(means, size > 0):
        found = np.abs(_student(arranged, size))
        reached += (found >= observed * (1 - ROUNDING)).sum(axis=0)
    return _p_values(observed, reached)


def _p_values(observed: Floats, reached: NDArray[np.int64]) -> list[float]:
    return [
        math.nan if math.isnan(one) else p_value(int(count), NUM_PERMUTATIONS)
        for one, count in zip(observed, reached, strict=True)
    ]


def _within_blocks(means: Floats, defined: NDArray[np.bool_]) -> Iterator[Floats]:
    """Yield `(some, B, K)`, each block's defined positions permuted among themselves."""
    rng = np.random.default_rng(0)
    rows = max(1, MAX_WEIGHTS // means.size)
    slots = np.argsort(~defined, axis=1, kind="stable")  # defined positions come first
    first = np.take_along_axis(means, slots, axis=1)
    for start in range(0, NUM_PERMUTATIONS, rows):
        shape = (min(rows, NUM_PERMUTATIONS - start), *means.shape)
        if defined.all():
            yield rng.permuted(np.broadcast_to(means, shape), axis=2)
            continue
        keys = np.where(np.arange(means.shape[1]) < defined.sum(axis=1, keepdims=True), 0.0, 2.0)
        order = np.argsort(keys + rng.random(shape), axis=2)
        found = np.empty(shape)
        drawn = np.take_along_axis(np.broadcast_to(first, shape), order, axis=2)
        np.put_along_axis(found, np.broadcast_to(slots, shape), drawn, axis=2)
        yield found


def _student(means: Floats, size: Floats) -> Floats:
    """t of the blocks' differences between each position and the others, `(arrangements, K)`.

    Args:
        means: `(arrangements, B, K)`.
        size: `(B, K)`.
    """
    whole, rest = (size * means).sum(axis=2, keepdims=True), size.sum(axis=1, keepdims=True) - size
    with np.errstate(invalid="ignore", divide="ignore"):
        difference = means - (whole - size * means) / rest
    weight = np.where(rest > 0, size, 0.0)
    weight = weight / np.maximum(weight.sum(axis=0), 1e-300)
    above = weight * np.where(weight > 0, difference, 0.0)  # 0 where the position is undefined
    total, squares = above.sum(axis=1), (above**2).sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return total / np.sqrt(squares)


def _fisher(failed: NDArray[np.bool_], own: NDArray[np.bool_]) -> float:
    from scipy.stats import fisher_exact  # imports for a second

    table = [[int((failed & of).sum()), int((~failed & of).sum())] for of in (own, ~own)]
    return float(fisher_exact(table).pvalue)


def _permuted(
    errors: Floats, member: NDArray[np.bool_], piece: int, groups: NDArray[np.int64] | None
) -> list[float]:
    errors = errors - errors.mean()
    sizes = np.ones(len(errors))
    of_groups = False
    if groups is not None:
        _, first, label = np.unique(groups, return_index=True, return_inverse=True)
        if (member == member[first[label]]).all():  # one class per group: permute sums and sizes
            errors = np.bincount(label, errors).astype(np.float64)
            sizes = np.bincount(label).astype(np.float64)
            member, groups, of_groups = member[first], None, True
    observed = np.abs(_welch(errors[None], sizes[None], member)[0])
    reached = np.zeros(member.shape[1], dtype=int)
    for index in _orders(len(errors), piece, groups):
        found = np.abs(_welch(errors[index], sizes[index] if of_groups else sizes[None], member))
        reached += (found >= observed * (1 - ROUNDING)).sum(axis=0)
    return _p_values(observed, reached)


def _orders(
    count: int, piece: int, groups: NDArray[np.int64] | None
) -> Iterator[NDArray[np.int64]]:
    if groups is not None or piece > 1:
        yield from permutations(count, piece, groups)
        return
    rng = np.random.default_rng(0)
    rows = max(1, MAX_WEIGHTS // count)
    for start in range(0, NUM_PERMUTATIONS, rows):
        some = min(rows, NUM_PERMUTATIONS - start)
        yield rng.permuted(np.tile(np.arange(count), (some, 1)), axis=1)


def _welch(errors: Floats, sizes: Floats, member: NDArray[np.bool_]) -> Floats:
    """Welch's t of each class against all others, `(arrangements, K)`.

    Args:
        errors: `(arrangements, N)`, sums of each unit's errors.
        sizes: `(arrangements or 1, N)`, samples of each unit; 1 where it is a sample.
        member: `(N, K)`.
    """
    own = member.astype(np.float64)
    count = own.sum(axis=0)
    moments = [errors, sizes, errors**2, errors * sizes, sizes**2]
    of_class = [moment @ own for moment in moments]
    of_others = [
        moment.sum(axis=1, keepdims=True) - part
        for moment, part in zip(moments, of_class, strict=True)
    ]
    mean, spread = _of_mean(of_class, count)
    other_mean, other_spread = _of_mean(of_others, len(member) - count)
    difference = mean - other_mean
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(difference == 0, 0.0, difference / np.sqrt(spread + other_spread))


def _of_mean(moments: list[Floats], count: Floats) -> tuple[Floats, Floats]:
    """Mean of a class and its squared standard error; 0 for one unit.

    Σ (S − n mean)² / (Σ n)² · B / (B − 1) of the sums S and sizes n of B units.
    """
    total, size, squares, products, sizes = moments
    mean = total / size
    around = squares - 2 * mean * products + mean**2 * sizes
    return mean, np.maximum(around, 0.0) / size**2 * count / np.maximum(count - 1, 1)
