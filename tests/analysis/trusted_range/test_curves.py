from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import LinearConstraint, minimize
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LinearRegression
from sklearn.preprocessing import PolynomialFeatures

from saibench.analysis.trusted_range.curves import feature_groups, fit_monotone
from saibench.analysis.trusted_range.directions import FALLING, FREE, RISING, estimate_directions
from saibench.analysis.trusted_range.quadratic import fit_quadratic


@pytest.mark.parametrize("direction", [RISING, FALLING])
def test_monotone_fit_is_that_of_scikit_learn(direction: int) -> None:
    rng = np.random.default_rng(0)
    feature = np.repeat(rng.uniform(size=25), 12)
    values = direction * feature**2 + rng.normal(0, 0.3, feature.size)
    weights = rng.uniform(0.5, 2, feature.size)
    curve = fit_monotone(feature[:, None], values, weights, [direction])
    reference = IsotonicRegression(increasing=direction > 0).fit(feature, values, weights)
    at = np.unique(feature)
    np.testing.assert_allclose(curve(at[:, None]), reference.predict(at), atol=1e-12)


def test_quadratic_fit_is_that_of_scikit_learn() -> None:
    rng = np.random.default_rng(1)
    features = rng.normal([0.999, 40], [1e-4, 9], (300, 2))
    values, weights = rng.normal(size=300), rng.uniform(0.5, 2, 300)
    standard = (features - [0.999, 40]) / [1e-4, 9]
    terms = PolynomialFeatures(2).fit_transform(standard)
    reference = LinearRegression().fit(terms, values, weights).predict(terms)
    fitted = fit_quadratic(features, values, weights, [0, 0])(features)
    np.testing.assert_allclose(fitted, reference, atol=1e-9)


def test_quadratic_fit_that_may_not_fall_is_that_of_a_constrained_optimiser() -> None:
    """Compared with SciPy's SLSQP under the slopes at all corners of the features' box."""
    rng = np.random.default_rng(3)
    features = rng.uniform(-1, 1, (400, 2))
    values = features[:, 1] - (features[:, 0] - 0.3) ** 2 + rng.normal(0, 0.5, 400)
    weights = rng.uniform(0.5, 2, 400)
    curve = fit_quadratic(features, values, weights, [RISING, FREE])
    low, high = features.min(axis=0), features.max(axis=0)
    z = 2 * (features - low) / (high - low) - 1
    terms = PolynomialFeatures(2).fit_transform(z)  # 1, x, y, x², xy, y²
    corners = [[0, 1, 0, 2 * x, y, 0] for x in (-1, 1) for y in (-1, 1)]

    def loss(coefficients: np.ndarray) -> float:
        return float(weights @ (values - terms @ coefficients) ** 2)

    gradient = lambda x: -2 * terms.T @ (weights * (values - terms @ x))  # noqa: E731
    reference = minimize(
        loss,
        np.array([0.0, 1.0, 0.0, 0.0, 0.0, 0.0]),
        jac=gradient,
        method="SLSQP",
        constraints=LinearConstraint(np.array(corners), 0.0, np.inf),
        options={"ftol": 1e-12, "maxiter": 500},
    )
    own = np.array(curve.coefficients)
    assert (np.array(corners) @ own >= -1e-8).all()
    assert loss(own) == pytest.approx(reference.fun, rel=1e-6)
    free = fit_quadratic(features, values, weights, [FREE, FREE])
    assert loss(np.array(free.coefficients)) < 0.99 * loss(own)  # the constraint is active


def test_sum_of_monotone_functions_is_found() -> None:
    rng = np.random.default_rng(2)
    features = rng.uniform(size=(4000, 2))
    truth = features[:, 0] ** 2 - 2 * np.sqrt(features[:, 1])
    noisy = truth + rng.normal(0, 0.1, 4000)
    weights = np.ones(4000)
    directions = estimate_directions(features, noisy, weights)
    assert directions == (RISING, FALLING)
    fitted = fit_monotone(features, noisy, weights, directions)(features)
    assert np.sqrt(np.mean((fitted - truth) ** 2)) < 0.04


def test_groups_keep_equal_values_together_and_resolve_a_thin_tail() -> None:
    feature = np.concatenate([np.repeat(0.0, 500), np.linspace(0, 1, 500), np.linspace(9, 10, 30)])
    groups = feature_groups(feature)
    assert len(np.unique(groups[feature == 0])) == 1
    order = np.argsort(feature, kind="stable")
    assert (np.diff(groups[order]) >= 0).all()
    assert np.bincount(groups).min() >= 10
    assert not set(groups[feature >= 9]) & set(groups[feature <= 1])
