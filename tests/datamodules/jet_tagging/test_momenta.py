"""Jet kinematics by their definitions, and by the library of a third party."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from jet_files import jet_features

from saibench.datamodules.jet_tagging.jets import JetWriter
from saibench.datamodules.jet_tagging.momenta import JET_FEATURES


def particle(pt: float, eta: float, phi: float, mass: float) -> list[float]:
    px, py, pz = pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta)
    return [np.sqrt(px**2 + py**2 + pz**2 + mass**2), px, py, pz]


def padded(jets: list[list[list[float]]], slots: int = 6) -> np.ndarray:
    momenta = np.zeros((len(jets), slots, 4), dtype=np.float32)
    for row, jet in enumerate(jets):
        momenta[row, : len(jet)] = jet
    return momenta


def test_one_particle_is_its_own_jet() -> None:
    features = jet_features(padded([[particle(600, 1.3, -2.5, 173)]]))
    assert set(features) == set(JET_FEATURES)
    assert features["jet_pt"][0] == pytest.approx(600, rel=1e-6)
    assert features["jet_eta"][0] == pytest.approx(1.3, rel=1e-6)
    assert features["jet_mass"][0] == pytest.approx(173, rel=1e-4)
    assert features["jet_energy"][0] == pytest.approx(np.hypot(600 * np.cosh(1.3), 173), rel=1e-6)
    assert features["num_constituents"].tolist() == [1]


def test_two_photons_back_to_back_have_the_mass_of_their_energies() -> None:
    features = jet_features(padded([[particle(50, 0, 0, 0), particle(50, 0, np.pi, 0)]]))
    assert features["jet_mass"][0] == pytest.approx(100, rel=1e-6)
    assert features["jet_pt"][0] == pytest.approx(0, abs=1e-5)


def test_a_massless_jet_never_has_an_imaginary_mass() -> None:
    rng = np.random.default_rng(0)
    photons = [[particle(*rng.uniform((1, -2, -3), (600, 2, 3)), 0)] for _ in range(200)]
    mass = jet_features(padded(photons))["jet_mass"]
    assert np.isfinite(mass).all() and (mass < 1).all()


def test_features_are_those_of_scikit_hep_vector() -> None:
    vector = pytest.importorskip("vector")
    rng = np.random.default_rng(1)
    counts = rng.integers(1, 7, size=100)
    jets = [
        [particle(*rng.uniform((1, -2, -3, 0), (300, 2, 3, 5))) for _ in range(count)]
        for count in counts
    ]
    momenta = padded(jets)
    features = jet_features(momenta)
    energy, px, py, pz = momenta.astype(np.float64).sum(axis=1).T
    expected = vector.array({"px": px, "py": py, "pz": pz, "E": energy})
    np.testing.assert_allclose(features["jet_energy"], expected.E, rtol=1e-12)
    np.testing.assert_allclose(features["jet_pt"], expected.pt, rtol=1e-12)
    np.testing.assert_allclose(features["jet_eta"], expected.eta, rtol=1e-9)
    np.testing.assert_allclose(features["jet_mass"], expected.mass, rtol=1e-6, atol=1e-3)
    np.testing.assert_array_equal(features["num_constituents"], counts)


def test_sums_do_not_lose_digits_in_float32(tmp_path: Path) -> None:
    momenta = np.zeros((1, 200, 4), dtype=np.float32)
    momenta[0, :, 0] = momenta[0, :, 1] = 1 / 3
    writer = JetWriter(tmp_path)
    writer.append(momenta, np.array([1]), split=0)
    assert writer.closed()["jet_pt"][0] == float(np.float32(1 / 3)) * 200
