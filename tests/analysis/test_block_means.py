"""`block_means` equals `estimate_mean` for each statistic."""

from __future__ import annotations

from dataclasses import astuple

import numpy as np
import polars as pl
import pytest

from saibench.analysis.block_means import block_means
from saibench.analysis.bootstrap import block_bootstrap
from saibench.analysis.estimates import estimate_mean
from saibench.evidence.independence import ORDER_COLUMN

COUNT = 150


@pytest.fixture(params=[True, False], ids=["with time", "without time"])
def samples(request: pytest.FixtureRequest) -> pl.DataFrame:
    ids = np.arange(COUNT) + 1000
    columns = {"point": "a", "sample_id": ids}
    time = {ORDER_COLUMN: np.sqrt(ids)} if request.param else {}
    return pl.DataFrame(columns | time)


def made_values() -> np.ndarray:
    """Four statistics; the second and third are undefined for some samples, the last for all."""
    values = np.random.default_rng(0).gamma(2.0, 1.0, (COUNT, 4))
    values[::7, 1] = np.nan
    values[::7, 2] = np.nan
    values[:, 3] = np.nan
    return values


def test_means_and_intervals_equal_those_of_a_single_statistic(samples: pl.DataFrame) -> None:
    values = made_values()
    found = block_means(values, samples)
    assert found[3] is None
    for column in range(3):
        expected = estimate_mean(samples.with_columns(x=pl.Series(values[:, column])), "x").interval
        assert found[column] is not None
        interval, _ = found[column]
        assert astuple(interval) == pytest.approx(astuple(expected), rel=1e-12)


def test_resampling_the_blocks_gives_the_same_interval(samples: pl.DataFrame) -> None:
    values = made_values()
    for column in range(3):
        interval, blocks = block_means(values, samples)[column]
        mean, count = blocks.means[:, 0], blocks.counts[:, 0]
        assert count.sum() == interval.count
        assert np.average(mean, weights=count) == pytest.approx(interval.estimate)
        assert blocks.num_blocks == interval.num_blocks <= len(mean)
        joined = np.arange(len(mean)) * blocks.num_blocks // len(mean)
        again = block_bootstrap(mean, joined, weights=count)
        assert (again.low, again.high) == pytest.approx((interval.low, interval.high), rel=0.01)


def test_digest_depends_on_the_defined_samples(samples: pl.DataFrame) -> None:
    digests = [blocks.samples for _, blocks in block_means(made_values(), samples)[:3]]
    assert digests[1] == digests[2] != digests[0]
    others = samples.with_columns(pl.col("sample_id") + 1)
    assert block_means(made_values(), others)[0][1].samples != digests[0]
