from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from scipy.spatial import cKDTree
from synthetic_study import ar1

from saibench.analysis.leak_audit.memory import correlation_time
from saibench.analysis.leak_audit.neighbours import CHUNK, Projection, nearest, spread


def rows(count: int, start: int = 0) -> np.ndarray:
    return np.arange(start, start + count, dtype=np.int64)


def test_neighbours_are_those_of_a_kd_tree() -> None:
    data = np.random.default_rng(0).standard_normal((3 * CHUNK, 6)).astype(np.float32)
    queries, references = rows(CHUNK + 7), rows(2 * CHUNK - 7, CHUNK + 7)
    vectors = data.__getitem__
    found = nearest(vectors, queries, references, Projection.of(vectors, references))
    distance, place = cKDTree(data[references]).query(data[queries])
    np.testing.assert_array_equal(found.row, references[place])
    np.testing.assert_allclose(found.distance, distance, rtol=1e-5)


def test_the_query_and_samples_close_in_time_are_excluded() -> None:
    rng = np.random.default_rng(1)
    data, times = rng.standard_normal((300, 3)), rng.uniform(0, 100, 300)
    every = rows(300)
    projection = Projection.of(data.__getitem__, every)
    found = nearest(data.__getitem__, every, every, projection, times, apart=5.0)
    pairs = np.linalg.norm(data[:, None] - data[None], axis=2)
    pairs[np.abs(times[:, None] - times[None]) <= 5] = np.inf
    np.testing.assert_array_equal(found.row, pairs.argmin(axis=1))
    alone = nearest(data.__getitem__, every, every, projection, times, apart=200.0)
    assert (alone.row == -1).all() and np.isinf(alone.distance).all()


def test_copies_among_long_vectors_have_the_distance_of_the_whole_vectors() -> None:
    rng = np.random.default_rng(2)
    shape = rng.standard_normal((12, 500))
    data = rng.standard_normal((900, 12)) @ shape + 1e-3 * rng.standard_normal((900, 500))
    data[850:] = data[:50] + 1e-6 * rng.standard_normal((50, 500))
    training, test = rows(800), rows(50, 850)
    projection = Projection.of(data.__getitem__, training)
    assert projection(data.__getitem__, test).shape == (50, 64)
    found = nearest(data.__getitem__, test, training, projection)
    np.testing.assert_array_equal(found.row, rows(50))
    exact = np.linalg.norm(data[850:] - data[:50], axis=1)
    np.testing.assert_allclose(found.distance, exact, rtol=1e-9)
    others = rows(50, 800)
    near = nearest(data.__getitem__, others, training, projection)
    distance, _ = cKDTree(data[training]).query(data[others])
    np.testing.assert_allclose(near.distance, distance, rtol=1e-3)


def test_memory_does_not_grow_with_the_pairs() -> None:
    def vectors(chosen: np.ndarray) -> np.ndarray:
        """Vectors that are computed on demand, like those read from a disk."""
        return np.sin(chosen[:, None] * np.arange(1, 9) * 0.7391).astype(np.float32)

    training, test = rows(20_000), rows(4000, 20_000)
    projection = Projection.of(vectors, training)
    tracemalloc.start()
    nearest(vectors, test, training, projection)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 90e6  # all pairs would take 320 MB


def test_spread_rows_keep_their_ends() -> None:
    assert spread(rows(5), 9).tolist() == [0, 1, 2, 3, 4]
    assert spread(rows(101), 3).tolist() == [0, 50, 100]


def test_correlation_time_is_that_of_the_series() -> None:
    rng = np.random.default_rng(3)
    memory = 0.95  # falls to 1/e after 1 / -ln 0.95 = 19.5 steps
    series = np.stack([ar1(rng, 6000, memory) for _ in range(12)], axis=1) + 7.0
    shuffled = rng.permutation(6000)
    times = 0.5 * np.arange(6000.0)
    found = correlation_time(series[shuffled].__getitem__, times[shuffled])
    assert found.is_resolved
    assert found.value == pytest.approx(0.5 * 19.5, rel=0.1)


def test_correlation_time_is_unresolved_for_white_noise_and_drift() -> None:
    rng = np.random.default_rng(4)
    noise = rng.standard_normal((500, 4))
    found = correlation_time(noise.__getitem__, np.arange(500.0))
    assert not found.is_resolved and found.value < 1
    drift = np.linspace(0, 1, 500)[:, None] * np.ones((1, 3))
    found = correlation_time(drift.__getitem__, np.arange(500.0))
    assert found.value > 50
    still = np.ones((50, 2))
    assert np.isinf(correlation_time(still.__getitem__, np.arange(50.0)).value)
