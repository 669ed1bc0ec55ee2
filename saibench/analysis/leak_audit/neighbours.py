"""Nearest neighbours of many vectors, in memory that does not grow with the number of pairs.

The search excludes neighbours in time, which scikit-learn's searches cannot.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from saibench.analysis.bootstrap import Floats

Rows = NDArray[np.int64]
Vectors = Callable[[Rows], NDArray[np.floating]]
"""Rows of the index `(n,)` → vectors `(n, D)`."""

CHUNK = 2000
"""Vectors of either side that are compared at once; their distances take 16 MB."""
COMPONENTS = 64
"""Principal components that longer vectors are reduced to for the search."""
FITTED_ON = 2000
"""Vectors that the components are fitted to."""


@dataclass(frozen=True, eq=False)
class Nearest:
    """The nearest reference of each query, and its distance between the whole vectors.

    row: `(n,)` row of the index, -1 if every reference is excluded
    distance: `(n,)` float64, inf in that case
    """

    row: Rows
    distance: Floats


@dataclass(frozen=True, eq=False)
class Projection:
    """Centred vectors on their principal components, which never increases a distance.

    So a copy stays a copy. Where the components have nearly all variance, the nearest neighbour
    in them is nearly always the nearest; its distance is then computed from the whole vectors.
    """

    mean: Floats
    axes: Floats | None

    @classmethod
    def of(cls, vectors: Vectors, rows: Rows) -> Projection:
        """Fit to evenly spread `rows`."""
        some = np.asarray(vectors(spread(rows, FITTED_ON)), dtype=np.float64)
        mean = some.mean(axis=0)
        if some.shape[1] <= COMPONENTS:
            return cls(mean, None)
        _, _, axes = np.linalg.svd(some - mean, full_matrices=False)
        return cls(mean, axes[:COMPONENTS].T)

    def __call__(self, vectors: Vectors, rows: Rows) -> NDArray[np.float32]:
        """`(n, at most COMPONENTS)`, a chunk at a time."""
        size = len(self.mean) if self.axes is None else self.axes.shape[1]
        found = np.empty((len(rows), size), dtype=np.float32)
        for chunk in chunks(len(rows)):
            centred = vectors(rows[chunk]) - self.mean
            found[chunk] = centred if self.axes is None else centred @ self.axes
        return found


def nearest(
    vectors: Vectors,
    queries: Rows,
    references: Rows,
    projection: Projection,
    times: Floats | None = None,
    apart: float = -np.inf,
) -> Nearest:
    """The nearest of `references` to each of `queries`, never the query itself.

    Args:
        vectors: of rows of the index.
        queries, references: rows of the index.
        projection: in which neighbours are searched for.
        times: of all rows of the index; if given, references no more than `apart` from the query
            in time are excluded.
        apart: see `times`.
    """
    of_references = projection(vectors, references)
    lengths = (of_references**2).sum(axis=1)
    row = np.full(len(queries), -1, dtype=np.int64)
    for some in chunks(len(queries)):
        of_queries = projection(vectors, queries[some])
        least = np.full(len(of_queries), np.inf, dtype=np.float32)
        for others in chunks(len(references)):
            # |q|² is the same for all references of a query
            squared = lengths[others] - 2 * (of_queries @ of_references[others].T)
            excluded = queries[some][:, None] == references[others]
            if times is not None:
                gaps = np.abs(times[queries[some]][:, None] - times[references[others]])
                excluded |= gaps <= apart
            squared[excluded] = np.inf
            best = squared.argmin(axis=1)
            value = squared[np.arange(len(best)), best]
            nearer = value < least
            least[nearer] = value[nearer]
            row[some][nearer] = references[others][best[nearer]]
    return Nearest(row, distances(vectors, queries, row))


def spread(rows: Rows, count: int) -> Rows:
    """At most `count` of the rows, evenly spread over their order."""
    if len(rows) <= count:
        return rows
    return rows[np.linspace(0, len(rows) - 1, count).astype(np.int64)]


def chunks(count: int, size: int = CHUNK) -> Iterator[slice]:
    """Slices of at most `size` that cover `count`."""
    for start in range(0, count, size):
        yield slice(start, min(start + size, count))


def distances(vectors: Vectors, queries: Rows, found: Rows) -> Floats:
    """`(n,)` distances between the whole vectors, inf where nothing was found."""
    distance = np.full(len(queries), np.inf)
    there = np.flatnonzero(found >= 0)
    for chunk in chunks(len(there)):
        some = there[chunk]
        first = np.asarray(vectors(queries[some]), dtype=np.float64)
        second = np.asarray(vectors(found[some]), dtype=np.float64)
        distance[some] = np.linalg.norm(first - second, axis=1)
    return distance
