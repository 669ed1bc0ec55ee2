"""Features of a jet's constituents, against loops in double precision."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from made_jets import made_jets, rotated_jets

from saibench.models.jet_tagging.nets.features import (
    constituent_features,
    kinematic_features,
    points,
    raw_features,
    relative_to_jet,
    vectors,
)


def wrapped(angle: float) -> float:
    return (angle + math.pi) % (2 * math.pi) - math.pi


def features_by_loop(jet: np.ndarray) -> np.ndarray:
    """The published formulas for one jet, `(P, 4)` E, px, py, pz without padding."""
    energy, x, y, z = jet.sum(axis=0)
    jet_pt, jet_phi = math.sqrt(x**2 + y**2), math.atan2(y, x)
    jet_eta = math.atanh(z / math.sqrt(x**2 + y**2 + z**2))
    rows = []
    for e, px, py, pz in jet:
        pt = math.sqrt(px**2 + py**2)
        eta, phi = math.atanh(pz / math.sqrt(px**2 + py**2 + pz**2)), math.atan2(py, px)
        delta_eta = (eta - jet_eta) * math.copysign(1, jet_eta)
        delta_phi = wrapped(phi - jet_phi)
        standardised = [
            (math.log(pt) - 1.7) * 0.7,
            (math.log(e) - 2.0) * 0.7,
            (math.log(pt / jet_pt) + 4.7) * 0.7,
            (math.log(e / energy) + 4.7) * 0.7,
            (math.sqrt(delta_eta**2 + delta_phi**2) - 0.2) * 4.0,
        ]
        rows.append([*(min(5.0, max(-5.0, value)) for value in standardised), delta_eta, delta_phi])
    return np.array(rows)


@pytest.mark.parametrize(
    ("dtype", "tolerance"), [(torch.float64, 1e-10), (torch.float32, 2e-5)], ids=str
)
def test_features_are_those_of_the_formulas(dtype: torch.dtype, tolerance: float) -> None:
    batch = made_jets(jets=12, constituents=30, seed=3)
    found = kinematic_features(relative_to_jet(batch.momenta.to(dtype)), batch.mask)
    assert found.dtype is dtype
    for jet, mask, features in zip(batch.momenta, batch.mask, found, strict=True):
        expected = features_by_loop(jet[mask].double().numpy())
        np.testing.assert_allclose(features[:, mask].T, expected, rtol=0, atol=tolerance)
        assert not features[:, ~mask].any()


def test_features_are_clipped_at_five() -> None:
    momenta = torch.tensor([[[1e6, 1e6, 0.0, 1.0], [1e-6, 1e-6, 0.0, 1e-7]]])
    features = constituent_features(momenta, torch.ones(1, 2, dtype=torch.bool), "kinematic")
    assert features[0, 0].tolist() == [5.0, -5.0]
    assert features.isfinite().all()


def test_azimuth_is_wrapped() -> None:
    """A jet at φ = π has constituents on both sides of π."""
    angles = torch.tensor([math.pi - 0.1, -math.pi + 0.1])
    momenta = torch.stack(
        [torch.ones(2), angles.cos(), angles.sin(), torch.zeros(2)], dim=-1
    ).unsqueeze(0)
    delta_phi = relative_to_jet(momenta).delta_phi[0]
    torch.testing.assert_close(delta_phi, torch.tensor([-0.1, 0.1]), atol=1e-6, rtol=0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_kinematic_features_are_invariant_under_rotations_about_the_beam_axis(
    dtype: torch.dtype,
) -> None:
    batch = made_jets(jets=20, constituents=60, seed=1)
    momenta = batch.momenta.to(dtype)
    plain = constituent_features(momenta, batch.mask, "kinematic")
    plane = points(relative_to_jet(momenta), batch.mask)
    tolerance = 100 * torch.finfo(dtype).eps
    for degrees in (5, 90, 175):
        rotated = rotated_jets(momenta, math.radians(degrees))
        found = constituent_features(rotated, batch.mask, "kinematic")
        torch.testing.assert_close(found, plain, rtol=0, atol=tolerance)
        found = points(relative_to_jet(rotated), batch.mask)
        torch.testing.assert_close(found, plane, rtol=0, atol=tolerance)
        raw = constituent_features(rotated, batch.mask, "raw")
        assert (raw - raw_features(momenta, batch.mask)).abs().max() > 0.01


def test_raw_features_are_four_momenta_in_units_of_100_gev() -> None:
    batch = made_jets(jets=3, constituents=10)
    expected = np.moveaxis(batch.momenta.numpy() / 100, 1, 2)
    for name in ("raw", "raw_no_pair"):
        found = constituent_features(batch.momenta, batch.mask, name)
        np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_vectors_of_the_pair_branch_begin_with_px() -> None:
    momenta = torch.tensor([[[4.0, 1.0, 2.0, 3.0]]])
    assert vectors(momenta).tolist() == [[[1.0], [2.0], [3.0], [4.0]]]
