"""The trend of a mean error over regions and its prediction intervals."""

from __future__ import annotations

import numpy as np
import polars
import pytest
from scipy import stats

from saibench.analysis.region_trend.regions import TooFewRegions, region_trend, trend_over
from saibench.analysis.region_trend.trend import fit_line, fit_trend
from saibench.evidence.independence import ORDER_COLUMN


def test_even_regions_have_the_prediction_interval_of_ordinary_least_squares() -> None:
    """With equal relative variances the fit is that of the logarithms (Draper, Smith, §1.4)."""
    rng = np.random.default_rng(0)
    position = np.arange(7.0)
    means = 2 * np.exp(0.3 * position + 0.1 * rng.normal(size=7))
    line = fit_line(position, means, np.diag((0.02 * means) ** 2), "exponential")
    log = np.log(means)
    slope, intercept = np.polyfit(position, log, 1)
    residual = log - intercept - slope * position
    variance = residual @ residual / 5
    at = 9.0
    spread = 1 + 1 / 7 + (at - 3) ** 2 / np.sum((position - 3) ** 2)
    half = stats.t.ppf(0.975, 5) * np.sqrt(variance * spread)
    predicted = intercept + slope * at
    low, high = line.interval(np.array([at]), (0.02 * np.exp(predicted)) ** 2, 0.95)
    assert line.mean(np.array([at]))[0] == pytest.approx(np.exp(predicted))
    assert np.log([low[0], high[0]]) == pytest.approx([predicted - half, predicted + half])


@pytest.mark.parametrize(("form", "regions"), [("linear", 5), ("linear", 8), ("exponential", 8)])
def test_intervals_contain_the_error_of_the_next_region(form: str, regions: int) -> None:
    """Nominal 95 %; fewer than 51 of 60 are seen in 0.1 % of tests."""
    rng = np.random.default_rng(1)
    position, blocks = np.arange(regions + 1.0), 10
    feature = np.repeat(position, blocks)
    line = 2 + position if form == "linear" else 2 * np.exp(0.35 * position)
    inside = measured = 0
    for _ in range(60):
        true = line * (1 + 0.03 * rng.normal(size=len(line)))
        errors = true[:, None] * np.abs(1 + 0.3 * rng.normal(size=(len(line), blocks)))
        found = trend_over(
            feature, errors.ravel(), feature.astype(np.int64), np.arange(feature.size)
        )
        measured += found.left_out.holds
        others = feature < regions
        trend = trend_over(
            feature[others],
            errors.ravel()[others],
            feature[others].astype(np.int64),
            np.arange(others.sum()),
        ).trend
        low, high = trend.interval(position[-1:])
        inside += bool(low[0] <= true[-1] <= high[0])
    assert inside >= 51 and measured >= 51


def test_form_that_predicts_better_is_used_alone() -> None:
    position = np.arange(8.0)
    for form, means in (("linear", 1 + position), ("exponential", np.exp(0.5 * position))):
        trend = fit_trend(position, means, np.diag((0.01 * means) ** 2))
        assert trend.form == form
        assert trend.mean(np.array([3.0]))[0] == pytest.approx(means[3], rel=1e-6)
    both = fit_trend(position, 3 + 0.1 * np.sin(position), np.eye(8))
    assert both.form == "linear or exponential"
    zero = fit_trend(position, np.maximum(position - 4, 0), np.eye(8))
    assert zero.form == "linear"


def trajectory(seed: int, count: int = 600) -> tuple[np.ndarray, np.ndarray, polars.DataFrame]:
    """An error that grows with time, with fluctuations of a correlation time of two frames."""
    rng = np.random.default_rng(seed)
    noise = np.zeros(count)
    for frame in range(1, count):
        noise[frame] = 0.6 * noise[frame - 1] + 0.8 * rng.normal()
    time = np.arange(count) * 0.5
    errors = np.abs((1 + time / 100) * (10 + noise))
    samples = polars.DataFrame({"sample_id": np.arange(count), ORDER_COLUMN: time})
    return time, errors, samples


def test_growing_error_has_independent_blocks_and_predicts_its_last_region() -> None:
    time, errors, samples = trajectory(0)
    found = region_trend(time, errors, samples)
    assert len(found.regions) == 8
    assert min(region.error.num_blocks for region in found.regions) >= 3
    assert found.left_out.holds and found.trend.form == "linear"
    for region in found.regions:
        own = (time >= region.low) & (time <= region.high)
        assert region.error.estimate == pytest.approx(errors[own].mean())
        assert region.position == pytest.approx(time[own].mean())
    low, high = found.trend.interval(np.array([350.0]))
    assert low[0] < 45 < high[0]
    limit = found.within(25.0)
    assert limit is not None and limit[0] == 0.0 and 120 < limit[1] < 150
    assert found.within(5.0) is None


def test_last_region_is_predicted_without_its_errors() -> None:
    time, errors, _ = trajectory(1)
    region_of, blocks = np.arange(600) // 100, np.arange(600) // 10
    changed = np.where(region_of == 5, 3 * errors, errors)
    before, after = (trend_over(time, one, region_of, blocks).left_out for one in (errors, changed))
    assert before.predicted == pytest.approx(after.predicted, rel=1e-12)
    assert before.holds and not after.holds
    assert after.measured == pytest.approx(3 * before.measured)


def test_few_samples_are_refused() -> None:
    time, errors, samples = trajectory(2, 40)
    with pytest.raises(TooFewRegions, match="40 samples"):
        region_trend(time, errors, samples)
    with pytest.raises(TooFewRegions):
        region_trend(np.repeat([1.0, 2.0], 300), *trajectory(2)[1:])
