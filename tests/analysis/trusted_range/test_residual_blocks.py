from __future__ import annotations

import numpy as np
import polars
import pytest
from scipy.stats import rankdata
from sklearn.linear_model import LinearRegression

from benchmarks.simulation import ar1
from saibench.analysis.trusted_range.residuals import PARTS, residuals
from saibench.analysis.trusted_range.stretches import sample_blocks
from saibench.evidence.independence import Independence, marked_index
from saibench.evidence.stretches import memory, number_of_stretches


def rows_of(error: np.ndarray, feature: np.ndarray) -> polars.DataFrame:
    """A time series of one run."""
    count = len(error)
    timed = polars.DataFrame(
        {"sample_id": np.arange(count), "time": np.arange(count, dtype=float), "feature": feature}
    )
    index = marked_index(timed, Independence("time", "time"))
    keys = [polars.lit("run").alias("point"), polars.lit("test").alias("partition")]
    return index.with_columns(*keys, error=polars.Series(error))


@pytest.mark.parametrize("memory_of_noise", [0.0, 0.8])
def test_a_drift_that_the_feature_explains_is_no_correlation(memory_of_noise: float) -> None:
    rng = np.random.default_rng(0)
    noise = ar1(rng, 1000, memory_of_noise)
    feature = np.linspace(0, 3, 1000) + 0.3 * rng.standard_normal(1000)
    found = sample_blocks(rows_of(np.exp(feature + 0.3 * noise), feature), "error", ["feature"])
    assert found.raw <= 4
    known = number_of_stretches(memory(noise[:, None]), 1000)
    assert 0.5 * known < len(np.unique(found.labels)) < 1.3 * known
    raw = sample_blocks(rows_of(np.exp(feature + 0.3 * noise), feature), "error")
    assert len(np.unique(raw.labels)) == raw.raw == found.raw


def test_a_feature_that_explains_nothing_keeps_the_memory() -> None:
    rng = np.random.default_rng(1)
    rows = rows_of(np.exp(0.5 * ar1(rng, 1000, 0.95)), rng.standard_normal(1000))
    found = sample_blocks(rows, "error", ["feature"])
    assert found.raw == sample_blocks(rows, "error").estimated
    assert 0.8 * found.raw < found.estimated < 1.25 * found.raw


def test_a_memory_that_the_features_hide_is_found() -> None:
    """Errors of two fast features have 1.4 times as many blocks as what these do not explain."""
    numbers = []
    for seed in range(8):
        rng = np.random.default_rng(seed)
        feature, noise = rng.standard_normal(800), ar1(rng, 800, 0.5)
        rows = rows_of(np.exp(0.5 * feature + 0.4 * noise), feature)
        found = sample_blocks(rows, "error", ["feature"])
        true = number_of_stretches(memory(noise[:, None]), 800)
        numbers.append((found.raw / true, found.estimated / true))
    raw, estimated = np.mean(numbers, axis=0)
    assert raw > 1.25 and 0.9 < estimated < 1.1


def test_a_requested_number_leaves_the_estimate() -> None:
    rng = np.random.default_rng(4)
    feature = rng.standard_normal(500)
    rows = rows_of(np.exp(feature + 0.3 * ar1(rng, 500, 0.8)), feature)
    own, requested = (sample_blocks(rows, "error", ["feature"], num_blocks=n) for n in (None, 90))
    assert len(np.unique(requested.labels)) == 90 and not requested.independent
    assert len(np.unique(own.labels)) == own.estimated == requested.estimated < 90


def test_a_drift_that_the_features_leave_is_correlation() -> None:
    rng = np.random.default_rng(2)
    feature = rng.standard_normal(1000)
    rows = rows_of(np.exp(feature + 0.3 * ar1(rng, 1000, 0.97)), feature)
    found = sample_blocks(rows, "error", ["feature"])
    assert found.raw > 100 and len(np.unique(found.labels)) < 20


@pytest.mark.parametrize("drift", [0.0, 3.0])
def test_many_features_do_not_hide_the_memory(drift: float) -> None:
    """Eight features drift by themselves; the error also follows the drift that all may share.

    Residuals of the fit itself have 1.8 and 2 times as many blocks.
    """
    numbers, own = [], []
    for seed in range(16):
        rng = np.random.default_rng(seed)
        noise = ar1(rng, 800, 0.95)
        common = np.linspace(0, drift, 800)
        features = np.column_stack([common + ar1(rng, 800, 0.95) for _ in range(8)])
        left = residuals(features, np.exp(common + noise), np.arange(800) * PARTS // 800)
        numbers.append(number_of_stretches(memory(left[:, None]), 800))
        own.append(number_of_stretches(memory(noise[:, None]), 800))
    assert 0.7 * np.mean(own) < np.mean(numbers) < 1.3 * np.mean(own)


def test_residuals_are_those_of_two_least_squares_fits() -> None:
    rng = np.random.default_rng(3)
    features, error = rng.normal(size=(100, 2)), rng.exponential(size=100)
    part = np.arange(100) * PARTS // 100
    left = residuals(np.column_stack([features, features[:, 0]]), error, part)  # collinear
    ranks = rankdata(features, axis=0) / 100
    terms, target = np.column_stack([ranks, ranks**2]), rankdata(error) / 100
    for number in (0, 7, 19):
        own, others = part == number, np.abs(part - number) > 1
        fits = [
            LinearRegression().fit(terms[kept], target[kept])
            for kept in (np.full(100, True), others)
        ]
        expected = target[own] - np.mean([fit.predict(terms[own]) for fit in fits], axis=0)
        np.testing.assert_allclose(left[own], expected, atol=1e-9)
