"""The conformal step and the martingale, compared with MAPIE and crepes.

Both know single samples only, so blocks have one sample here.
"""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from crepes import ConformalRegressor
from mapie.exchangeability_testing import OnlineMartingaleTest
from mapie.regression import ConformalizedQuantileRegressor, SplitConformalRegressor
from sklearn.linear_model import LinearRegression, QuantileRegressor

from saibench.analysis.exchangeability.martingale import Martingale, PValues, linear
from saibench.analysis.trusted_range.conformal import TooFewBlocks, block_quantile

EXACT = 1e-12
"""Relative: the same order statistic, plus the rounding of one sum or product."""
COVERAGES = (0.5, 0.8, 0.9, 0.95)


def errors_by_feature(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """A feature `(count, 1)` and errors that grow with it."""
    rng = np.random.default_rng(seed)
    feature = rng.uniform(0, 2, (count, 1))
    return feature, (0.5 + feature[:, 0]) * rng.exponential(size=count)


FITTED, CALIBRATION, NEW = (errors_by_feature(n, seed) for seed, n in enumerate((80, 57, 20)))
SINGLE = np.arange(len(CALIBRATION[1]))
"""Blocks of one sample."""


@pytest.mark.parametrize("coverage", COVERAGES)
def test_quantile_of_single_samples_is_that_of_split_conformal_prediction(coverage: float) -> None:
    mean = LinearRegression().fit(*FITTED)
    scores = np.abs(CALIBRATION[1] - mean.predict(CALIBRATION[0]))
    found = mean.predict(NEW[0]) + block_quantile(scores, SINGLE, coverage)
    mapie = SplitConformalRegressor(mean, confidence_level=coverage, prefit=True)
    expected = mapie.conformalize(*CALIBRATION).predict_interval(NEW[0])[1][:, 1, 0]
    np.testing.assert_allclose(found, expected, rtol=EXACT)


@pytest.mark.parametrize("coverage", COVERAGES)
def test_quantile_of_scaled_errors_is_that_of_crepes(coverage: float) -> None:
    mean, spread = LinearRegression().fit(*FITTED), 0.5 + CALIBRATION[0][:, 0]
    residuals = CALIBRATION[1] - mean.predict(CALIBRATION[0])
    found = block_quantile(np.abs(residuals) / spread, SINGLE, coverage)
    crepes = ConformalRegressor().fit(residuals, sigmas=spread)
    predicted, of_new = mean.predict(NEW[0]), 0.5 + NEW[0][:, 0]
    expected = crepes.predict_int(predicted, sigmas=of_new, confidence=coverage)[:, 1]
    np.testing.assert_allclose(predicted + found * of_new, expected, rtol=EXACT)


@pytest.mark.parametrize("coverage", [0.8, 0.9, 0.95])
def test_bound_of_a_quantile_regression_is_that_of_cqr(coverage: float) -> None:
    """The upper end of an interval with a miss of 1 − coverage on each side."""
    two_sided = 2 * coverage - 1
    levels = ((1 - two_sided) / 2, (1 + two_sided) / 2, 0.5)
    models = [QuantileRegressor(quantile=level, alpha=0).fit(*FITTED) for level in levels]
    scores = CALIBRATION[1] - models[1].predict(CALIBRATION[0])
    found = models[1].predict(NEW[0]) + block_quantile(scores, SINGLE, coverage)
    mapie = ConformalizedQuantileRegressor(models, confidence_level=two_sided, prefit=True)
    expected = mapie.conformalize(*CALIBRATION).predict_interval(NEW[0])[1][:, 1, 0]
    np.testing.assert_allclose(found, expected, rtol=EXACT)


def test_too_few_samples_are_refused_as_by_mapie() -> None:
    few = (CALIBRATION[0][:8], CALIBRATION[1][:8])
    mean = LinearRegression().fit(*FITTED)
    mapie = SplitConformalRegressor(mean, confidence_level=0.9, prefit=True).conformalize(*few)
    with pytest.raises(ValueError, match="too low"):
        mapie.predict_interval(NEW[0])
    with pytest.raises(TooFewBlocks, match="9 calibration blocks"):
        block_quantile(np.abs(few[1]), np.arange(8), 0.9)


def test_p_values_and_martingale_are_mapies() -> None:
    """After a change of the errors at half of the stream."""
    feature, errors = errors_by_feature(200, 5)
    errors[80:] *= 6
    mean = LinearRegression().fit(*FITTED)
    mapie = OnlineMartingaleTest(
        SplitConformalRegressor(mean, prefit=True), task="regression", random_state=0, warn=False
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        mapie.update(feature, errors)
    scores, of_mapie = mapie.conformity_score_history, mapie.pvalue_history
    p_values = PValues([scores[0]], seed=1)
    martingale = Martingale([linear(slope) for slope in (-1.0, 0.0, 1.0)], jump=mapie.jump_size)
    capital = [martingale.update(of_mapie[0])]
    for count in range(1, len(scores)):
        # a p-value is (larger scores + U) / (count + 1); the random U of the two differ
        own = p_values.next(scores[count]) * (count + 1)
        assert int(own) == int(of_mapie[count] * (count + 1))
        capital.append(martingale.update(of_mapie[count]))
    np.testing.assert_allclose(np.exp(capital), mapie.martingale_value_history, rtol=1e-10)
    assert max(capital) > np.log(20), "the change is found at a level of 5 %"
