from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import linprog, minimize
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import Ridge

from saibench.analysis.trusted_range.curves import feature_groups
from saibench.analysis.trusted_range.quantile_curve import (
    RIDGE,
    fit_log_linear,
    fit_quantile_curve,
    isotonic_quantile,
    weighted_quantile,
)
from saibench.analysis.trusted_range.trees import fit_trees, trees_of


@pytest.mark.parametrize("loss", ["squared_error", "quantile"])
def test_trees_predict_as_scikit_learn(loss: str) -> None:
    rng = np.random.default_rng(0)
    features = rng.normal(size=(400, 3))
    values = features[:, 0] + features[:, 1] ** 2 + rng.normal(size=400)
    model = HistGradientBoostingRegressor(
        loss=loss, quantile=0.9 if loss == "quantile" else None, max_iter=20, max_leaf_nodes=7
    ).fit(features, values)
    at = rng.normal(scale=2, size=(1000, 3))
    np.testing.assert_allclose(trees_of(model)(at), model.predict(at), rtol=1e-12, atol=1e-12)


def test_trees_follow_their_directions() -> None:
    rng = np.random.default_rng(1)
    features = rng.uniform(size=(500, 2))
    values = np.sin(3 * features[:, 0]) - features[:, 1] + rng.normal(0, 0.2, 500)
    trees = fit_trees(features, values, np.ones(500), [1, -1])
    line = np.linspace(-0.2, 1.2, 300)
    along = [np.column_stack(pair) for pair in ((line, 0 * line + 0.5), (0 * line + 0.5, line))]
    assert (np.diff(trees(along[0])) >= 0).all() and (np.diff(trees(along[1])) <= 0).all()
    assert np.ptp(trees(along[0])) > 0.3 and np.ptp(trees(along[1])) > 0.3


@pytest.mark.parametrize("level", [0.5, 0.8])
def test_isotonic_quantile_has_the_least_pinball_loss(level: float) -> None:
    """Compared with a linear program over rising step functions of the same groups."""
    rng = np.random.default_rng(2)
    feature = rng.uniform(size=120)
    values = feature + rng.normal(0, 0.5, 120)
    weights = rng.uniform(0.5, 2, 120)
    steps = isotonic_quantile(feature, values, weights, level)
    group = feature_groups(feature, max(10, int(np.ceil(3 / (1 - level)))))
    fitted = np.array(steps.values)[group]
    above = values - fitted
    loss = weights @ np.maximum(level * above, (level - 1) * above)
    count, groups = len(values), group.max() + 1
    cost = np.concatenate([np.zeros(groups), level * weights, (1 - level) * weights])
    of_group = np.eye(groups)[group]
    equal = np.hstack([of_group, np.eye(count), -np.eye(count)])
    rising = np.hstack([-np.diff(np.eye(groups), axis=0), np.zeros((groups - 1, 2 * count))])
    bounds = [(None, None)] * groups + [(0, None)] * (2 * count)
    least = linprog(cost, rising, np.zeros(groups - 1), equal, values, bounds).fun
    assert loss == pytest.approx(least, rel=1e-9)


def test_weighted_quantile_is_that_of_repeated_values() -> None:
    rng = np.random.default_rng(3)
    values, counts = rng.normal(size=50), rng.integers(1, 5, 50)
    repeated = np.quantile(np.repeat(values, counts), 0.83, method="inverted_cdf")
    assert weighted_quantile(values, counts.astype(float), 0.83) == repeated


def test_log_linear_fit_is_that_of_scikit_learn() -> None:
    rng = np.random.default_rng(4)
    features = np.column_stack([rng.lognormal(size=300), rng.normal(size=300)])
    logarithm = 0.7 * np.log(features[:, 0]) - features[:, 1] + rng.normal(size=300)
    curve = fit_log_linear(features, logarithm, np.ones(300), [0, 0])
    assert curve.logarithmic == (True, False)
    terms = np.column_stack([np.log(features[:, 0]), features[:, 1]])
    standard = (terms - terms.mean(axis=0)) / terms.std(axis=0)
    reference = Ridge(alpha=RIDGE * 300).fit(standard, logarithm).predict(standard)
    np.testing.assert_allclose(curve(features), reference, rtol=1e-9, atol=1e-9)
    assert np.isfinite(curve(np.array([[0.0, 0.0], [-1.0, 9.0]]))).all()


def test_log_linear_fit_with_directions_is_that_of_a_bounded_optimiser() -> None:
    rng = np.random.default_rng(6)
    features = rng.normal(size=(300, 3)) @ np.array([[1, 0.9, 0], [0, 0.5, 0.3], [0, 0, 1]])
    logarithm = features @ [0.7, -0.4, 0.5] + rng.normal(size=300)
    weights = rng.uniform(0.5, 2, 300)
    curve = fit_log_linear(features, logarithm, weights, [1, 1, -1])
    share = weights / weights.sum()
    centred = features - share @ features
    standard = centred / np.sqrt(share @ centred**2)
    target = logarithm - share @ logarithm

    def loss(slopes: np.ndarray) -> float:
        return float(share @ (target - standard @ slopes) ** 2 + RIDGE * slopes @ slopes)

    bounds = [(0, None), (0, None), (None, 0)]
    reference = minimize(loss, np.zeros(3), bounds=bounds, method="L-BFGS-B", tol=1e-14)
    own = np.array(curve.coefficients) * np.sqrt(share @ centred**2)
    assert loss(own) == pytest.approx(reference.fun, rel=1e-9)
    assert (own[:2] > 0).all() and own[2] == 0


def test_curves_find_a_known_quantile() -> None:
    rng = np.random.default_rng(5)
    features = rng.uniform(0.5, 2, (6000, 2))
    scale = features[:, 0] * features[:, 1] ** 2
    errors = scale * np.exp(0.3 * rng.standard_normal(6000))
    truth = scale * np.exp(0.3 * 1.2815515655446004)  # the 0.9-quantile of a normal distribution
    for kind in ("log-linear", "isotonic", "trees"):
        curve = fit_quantile_curve(kind, features, errors, np.ones(6000), [1, 1], 0.9)
        ratio = curve(features) / truth  # right up to a factor
        assert np.std(np.log(ratio)) < 0.12, kind
