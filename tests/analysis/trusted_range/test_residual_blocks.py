from __future__ import annotations

import numpy as np
import polars
import pytest

from benchmarks.simulation import ar1
from saibench.analysis.trusted_range.stretches import residuals, sample_blocks
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


def test_a_feature_that_explains_nothing_changes_no_block() -> None:
    rng = np.random.default_rng(1)
    rows = rows_of(np.exp(0.5 * ar1(rng, 1000, 0.95)), rng.standard_normal(1000))
    with_feature = sample_blocks(rows, "error", ["feature"])
    np.testing.assert_array_equal(with_feature.labels, sample_blocks(rows, "error").labels)


def test_many_features_do_not_hide_the_memory() -> None:
    """Residuals of the fit itself would look more independent."""
    numbers, own = [], []
    for seed in range(10):
        rng = np.random.default_rng(seed)
        noise = ar1(rng, 600, 0.95)
        features = np.column_stack([ar1(rng, 600, 0.95) for _ in range(8)])
        part = np.arange(600) * 5 // 600
        left = residuals(features, np.exp(noise), part)
        numbers.append(number_of_stretches(memory(left[:, None]), 600))
        own.append(number_of_stretches(memory(noise[:, None]), 600))
    assert np.mean(numbers) < 1.35 * np.mean(own)
