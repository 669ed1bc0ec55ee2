"""Boosted regression trees as plain numbers, fitted by scikit-learn with monotone constraints."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from saibench.analysis.bootstrap import Floats

ROUNDS = 50
LEARNING_RATE = 0.1
LEAVES = 5
MIN_LEAF = 20
"""Samples of a leaf; fewer would let single samples decide."""
MAX_SAMPLES = 20_000
"""Samples that trees are fitted to; more hardly change so few small trees."""
VALUES = 64
"""Values that each feature is rounded to, so that trees divide between its quantiles."""
_CHUNK = 20_000
_LEAF = -1


@dataclass(frozen=True)
class Trees:
    """baseline + Σ over trees of the value of the leaf that a sample falls into.

    The nodes of all trees are numbered together. A sample goes left if its feature is at most the
    threshold.

    Args:
        baseline: prediction without trees.
        roots: node at which each tree starts.
        feature: column that a node divides by; −1 for a leaf.
        threshold, value: of each node; the value of a leaf is added.
        left, right: nodes that follow; a leaf follows itself.
        depth: largest number of divisions from a root to a leaf.
    """

    kind: Literal["trees"]
    baseline: float
    roots: tuple[int, ...]
    feature: tuple[int, ...]
    threshold: tuple[float, ...]
    value: tuple[float, ...]
    left: tuple[int, ...]
    right: tuple[int, ...]
    depth: int

    def __post_init__(self) -> None:
        count = len(self.feature)
        if any(len(part) != count for part in (self.threshold, self.value, self.left, self.right)):
            raise ValueError("the trees' nodes are incomplete")
        nodes = (*self.roots, *self.left, *self.right)
        if not self.roots or min(nodes) < 0 or max(nodes) >= count or min(self.feature) < _LEAF:
            raise ValueError("the trees refer to missing nodes")
        if not 0 <= self.depth <= count:
            raise ValueError("the trees' depth is impossible")

    @property
    def weighted(self) -> frozenset[int]:
        """Columns that the value depends on."""
        return frozenset(self.feature) - {_LEAF}

    def __call__(self, features: Floats) -> Floats:
        """Values `(samples,)` at features `(samples, features)`."""
        parts = np.array_split(features, max(1, -(-len(features) // _CHUNK)))
        return np.concatenate([self._of(part) for part in parts])

    def _of(self, features: Floats) -> Floats:
        column, threshold, value, left, right = self._nodes
        rows = np.arange(len(features))[:, None]
        node = np.tile(np.array(self.roots), (len(features), 1))
        for _ in range(self.depth):
            goes_left = features[rows, column[node]] <= threshold[node]
            node = np.where(goes_left, left[node], right[node])
        return self.baseline + value[node].sum(axis=1)

    @cached_property
    def _nodes(self) -> tuple[NDArray, ...]:
        column = np.maximum(np.array(self.feature), 0)
        others = (self.threshold, self.value, self.left, self.right)
        return (column, *(np.array(part) for part in others))


def fit_trees(
    features: Floats,
    values: Floats,
    weights: Floats,
    directions: Sequence[int],
    *,
    quantile: float | None = None,
    seed: int = 0,
) -> Trees:
    """Gradient boosting of the mean, or of a quantile, monotone in each feature.

    At most 20,000 samples are used, drawn at random.

    Args:
        features: `(samples, features)`.
        values, weights: `(samples,)`.
        directions: of each feature, rising (1) or falling (−1).
        quantile: between 0 and 1; by default the mean is fitted.
    """
    from sklearn.ensemble import HistGradientBoostingRegressor

    if len(values) > MAX_SAMPLES:
        drawn = np.random.default_rng(seed).permutation(len(values))[:MAX_SAMPLES]
        features, values, weights = features[drawn], values[drawn], weights[drawn]
    model = HistGradientBoostingRegressor(
        loss="squared_error" if quantile is None else "quantile",
        quantile=quantile,
        learning_rate=LEARNING_RATE,
        max_iter=ROUNDS,
        max_leaf_nodes=LEAVES,
        min_samples_leaf=MIN_LEAF,
        monotonic_cst=list(directions),
        early_stopping=False,
        random_state=seed,
    ).fit(_rounded(features), values, sample_weight=weights / weights.mean())
    return trees_of(model)


def trees_of(model: object) -> Trees:
    """The trees of a fitted `HistGradientBoostingRegressor`."""
    trees = [of_round[0].nodes for of_round in model._predictors]  # type: ignore[attr-defined]
    sizes = [len(nodes) for nodes in trees]
    roots = np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(int)
    nodes = np.concatenate(trees)
    leaf = nodes["is_leaf"].astype(bool)
    own, start = np.arange(len(nodes)), np.repeat(roots, sizes)
    left, right = (
        np.where(leaf, own, start + nodes[side].astype(int)) for side in ("left", "right")
    )
    return Trees(
        kind="trees",
        baseline=float(np.ravel(model._baseline_prediction)[0]),  # type: ignore[attr-defined]
        roots=tuple(roots.tolist()),
        feature=tuple(np.where(leaf, _LEAF, nodes["feature_idx"].astype(int)).tolist()),
        threshold=tuple(np.where(leaf, 0.0, nodes["num_threshold"]).tolist()),
        value=tuple(np.where(leaf, nodes["value"], 0.0).tolist()),
        left=tuple(left.tolist()),
        right=tuple(right.tolist()),
        depth=int(nodes["depth"].max()),
    )


def _rounded(features: Floats) -> Floats:
    """Each feature at the nearest of its quantiles; scikit-learn bins many values slowly."""
    rounded = np.empty_like(features)
    for column, own in enumerate(features.T):
        values = np.unique(np.quantile(own, np.linspace(0, 1, VALUES), method="nearest"))
        middle = (values[1:] + values[:-1]) / 2
        rounded[:, column] = values[np.searchsorted(middle, own)]
    return rounded
