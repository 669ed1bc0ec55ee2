"""Latent distances against scikit-learn and SciPy."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.spatial.distance import mahalanobis
from sklearn.covariance import OAS
from sklearn.neighbors import NearestNeighbors

from saibench.models.latent.reference import (
    NEAREST,
    QUERIES,
    GroupReference,
    LatentReference,
    shrunk_covariance,
)


def features(samples: int, size: int = 6, seed: int = 0) -> torch.Tensor:
    """Correlated features of very different scales."""
    random = np.random.default_rng(seed)
    mixed = random.normal(size=(samples, size)) @ random.normal(size=(size, size))
    return torch.from_numpy(mixed * 10.0 ** np.arange(-2, size - 2) + 5.0)


def standardised(training: torch.Tensor, others: torch.Tensor) -> tuple[np.ndarray, np.ndarray]:
    mean, scale = training.numpy().mean(axis=0), training.numpy().std(axis=0)
    return (training.numpy() - mean) / scale, (others.numpy() - mean) / scale


@pytest.mark.parametrize("queries", [1, 30, 2 * QUERIES + 1])
def test_distance_is_that_of_the_nearest_neighbours_of_scikit_learn(queries: int) -> None:
    training, tested = features(200), features(queries, seed=1)
    points, own = standardised(training, tested)
    near, _ = NearestNeighbors(n_neighbors=NEAREST).fit(points).kneighbors(own)
    found = GroupReference.of(training).distance(tested)
    np.testing.assert_allclose(found.numpy(), near.mean(axis=1), rtol=1e-9)


def test_mahalanobis_distance_is_that_of_scipy_with_scikit_learns_shrinkage() -> None:
    training, tested = features(40), features(20, seed=1)
    points, own = standardised(training, tested)
    precision = OAS(assume_centered=True).fit(points).precision_
    expected = [mahalanobis(one, np.zeros(len(one)), precision) for one in own]
    found = GroupReference.of(training).mahalanobis(tested)
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-9)


@pytest.mark.parametrize(("samples", "size"), [(5, 8), (300, 8), (50, 1)])
def test_covariance_is_shrunk_as_in_scikit_learn(samples: int, size: int) -> None:
    points = features(samples, size)
    points = points - points.mean(dim=0)
    expected = OAS(assume_centered=True).fit(points.numpy()).covariance_
    np.testing.assert_allclose(shrunk_covariance(points).numpy(), expected, rtol=1e-9)


@pytest.mark.parametrize("samples", [1, 3])
def test_features_that_are_constant_in_training_leave_distances_finite(samples: int) -> None:
    training = features(samples)
    training[:, 0] = 7.0
    reference = GroupReference.of(training)
    for tested in (training, features(4, seed=2)):
        assert torch.isfinite(reference.distance(tested)).all()
        assert torch.isfinite(reference.mahalanobis(tested)).all()


def test_parts_are_compared_within_their_group() -> None:
    groups = torch.tensor([1, 0, 1, 1])
    training, tested = (features(4 * count, seed=count).reshape(count, 4, 6) for count in (50, 10))
    reference = LatentReference.of(training, groups.expand(50, -1))
    for name in ("distance", "mahalanobis"):
        found = getattr(reference, name)(tested, groups.expand(10, -1))
        for part, group in enumerate(groups.tolist()):
            alone = GroupReference.of(training[:, groups == group].flatten(0, 1))
            expected = getattr(alone, name)(tested[:, part])
            torch.testing.assert_close(found[:, part], expected, rtol=1e-12, atol=1e-12)


def test_distance_of_a_training_sample_to_itself_is_zero() -> None:
    """Up to the rounding of a squared length of about 50, whose root is 1e-7."""
    one = features(1)
    assert GroupReference.of(one).distance(one).item() == pytest.approx(0, abs=1e-6)
