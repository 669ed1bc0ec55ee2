"""Last-layer prediction rigidity, against the formula with an explicit inverse in NumPy."""

from __future__ import annotations

import numpy as np
import torch

from saibench.models.latent.rigidity import REGULARIZATION, Rigidity


def features(samples: int, seed: int, size: int = 5) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(samples, size)) + np.arange(size)


def with_bias(values: np.ndarray) -> np.ndarray:
    return np.column_stack([values, np.ones(len(values))])


def test_std_is_that_of_the_explicit_inverse() -> None:
    training, tested = features(40, 0), features(15, 1)
    gram = with_bias(training).T @ with_bias(training)
    gram += REGULARIZATION * np.trace(gram) / len(gram) * np.eye(len(gram))
    own = with_bias(tested)
    expected = np.sqrt(np.einsum("nd,de,ne->n", own, np.linalg.inv(gram), own))
    found = Rigidity.of(torch.from_numpy(training)).std(torch.from_numpy(tested))
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-8)


def test_std_is_that_of_refitted_least_squares() -> None:
    """The predictions of weights that are fitted to labels with unit noise have this deviation;
    the standard error of a deviation from 4,000 draws is 1.1 %."""
    random = np.random.default_rng(2)
    training, tested = features(40, 0), features(6, 1)
    labels = random.normal(size=(40, 4000))
    weights, *_ = np.linalg.lstsq(with_bias(training), labels, rcond=None)
    drawn = (with_bias(tested) @ weights).std(axis=1)
    found = Rigidity.of(torch.from_numpy(training)).std(torch.from_numpy(tested))
    np.testing.assert_allclose(found.numpy(), drawn, rtol=0.06)


def test_training_features_that_are_collinear_leave_it_finite() -> None:
    training = np.repeat(features(20, 0), 2, axis=1)
    found = Rigidity.of(torch.from_numpy(training)).std(torch.from_numpy(training))
    assert torch.isfinite(found).all()
