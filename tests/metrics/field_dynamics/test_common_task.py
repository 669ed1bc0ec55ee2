"""Errors of the Common Task Framework against numpy, by the formulas of its evaluator."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from saibench.metrics.field_dynamics.functional.common_task import (
    histogram_error,
    short_time_error,
    spectral_error,
)


def matrices(points: int, rows: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    truth = rng.normal(size=(rows, points)).cumsum(axis=1)
    return truth + rng.normal(size=truth.shape), truth


def as_fields(values: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(values)[None, :, None]


def test_short_time_error_is_that_of_the_norms_of_matrices() -> None:
    preds, truth = matrices(32, 30)
    for frobenius, order in ((False, 2), (True, None)):
        expected = np.linalg.norm(preds[:20] - truth[:20], order) / np.linalg.norm(
            truth[:20], order
        )
        found = short_time_error(as_fields(preds), as_fields(truth), frobenius)
        assert found.item() == pytest.approx(100 * expected)


def test_white_noise_has_a_smaller_singular_value_than_relative_error() -> None:
    """The official norm hides noise of half the standard deviation of a coherent field.

    Noise of standard deviation s in a matrix of n rows and m columns has a largest singular value
    of about s (√n + √m) (Marchenko and Pastur 1967), a coherent field one of √(n m): the score is
    87, and by the relative L2 error 50.
    """
    rng = np.random.default_rng(0)
    truth = np.outer(np.ones(20), np.sin(np.linspace(0, 8 * np.pi, 1024)))
    noisy = truth + 0.5 * truth.std() * rng.normal(size=truth.shape)
    given = as_fields(noisy), as_fields(truth)
    official, corrected = (short_time_error(*given, frobenius=own).item() for own in (False, True))
    assert official == pytest.approx(50 * (1 + np.sqrt(20 / 1024)) / np.sqrt(20), rel=0.03)
    assert corrected == pytest.approx(50, rel=0.02)


@pytest.mark.parametrize("points", [1024, 64, 65])
def test_spectral_error_is_that_of_shifted_spectra(points: int) -> None:
    preds, truth = matrices(points, 30)

    def power(values: np.ndarray) -> np.ndarray:
        shifted = np.fft.fftshift(np.abs(np.fft.fft(values[-20:], axis=1)) ** 2, axes=1)
        return shifted[:, points // 2 :][:, :100].mean(axis=0)

    expected = np.linalg.norm(power(preds) - power(truth)) / np.linalg.norm(power(truth))
    found = spectral_error(as_fields(preds), as_fields(truth)).item()
    assert found == pytest.approx(100 * expected)


def test_histogram_error_is_that_of_numpys_histograms() -> None:
    rng = np.random.default_rng(0)
    truth, preds = rng.normal(size=(600, 3)), 1.5 * rng.normal(size=(600, 3))
    for corrected in (False, True):
        errors = []
        for own, true in zip(preds[-500:].T, truth[-500:].T, strict=True):
            both = true if corrected else np.concatenate([own, true])
            edges = np.linspace(both.min(), both.max(), 42)
            counts = [
                np.histogram(np.clip(one, edges[0], edges[-1]), edges)[0] for one in (own, true)
            ]
            errors.append(np.abs(counts[0] - counts[1]).sum() / counts[1].sum())
        given = torch.from_numpy(preds)[None], torch.from_numpy(truth)[None]
        found = histogram_error(*given, corrected=corrected).item()
        assert found == pytest.approx(100 * np.mean(errors), abs=0.5)  # a value on an edge


def test_zeros_score_zero_and_a_blown_up_rollout_minus_infinity() -> None:
    _, truth = matrices(64, 30)
    fields = as_fields(truth)
    for error in (short_time_error, spectral_error):
        assert error(torch.zeros_like(fields), fields).item() == pytest.approx(100)
        assert error(fields, fields).item() == pytest.approx(0, abs=1e-9)
        assert error(torch.full_like(fields, torch.nan), fields).item() == np.inf
