"""Distances in a few features against scikit-learn."""

from __future__ import annotations

import numpy as np
from sklearn.impute import SimpleImputer
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import StandardScaler

from saibench.datamodules.nearest import NEAREST, nearest_distance


def features(samples: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(samples, 4)) * [1, 100, 0.01, 5] + 3


def test_distance_is_that_of_standardised_features() -> None:
    training, tested = features(60, 0), features(20, 1)
    scaler = StandardScaler().fit(training)
    search = NearestNeighbors(n_neighbors=NEAREST).fit(scaler.transform(training))
    expected = search.kneighbors(scaler.transform(tested))[0].mean(axis=1)
    np.testing.assert_allclose(nearest_distance(tested, training), expected, rtol=1e-9)


def test_an_undefined_feature_counts_as_the_mean_of_training() -> None:
    training, tested = features(60, 0), features(20, 1)
    tested[3, 1] = np.nan
    filled = SimpleImputer().fit(training).transform(tested)
    np.testing.assert_allclose(
        nearest_distance(tested, training), nearest_distance(filled, training), rtol=1e-9
    )


def test_a_constant_feature_does_not_count_and_few_samples_are_all_used() -> None:
    training, tested = features(2, 0), features(5, 1)
    training[:, 2] = 7.0
    rest = [0, 1, 3]
    np.testing.assert_allclose(
        nearest_distance(tested, training), nearest_distance(tested[:, rest], training[:, rest])
    )
    assert (nearest_distance(tested, training[:1]) == 0).all(), "one sample has no scale"
    assert np.isnan(nearest_distance(tested, training[:0])).all()
