"""Kinematics of a jet, the sum of its constituents' four-momenta (natural units, z the beam)."""

from __future__ import annotations

import numpy as np

ENERGY, PX, PY, PZ = range(4)
"""Components of a four-momentum, in the order of the TopLandscape columns."""

JET_FEATURES = ("jet_energy", "jet_pt", "jet_eta", "jet_mass", "num_constituents")


def jet_features(momenta: np.ndarray) -> dict[str, np.ndarray]:
    """The features of padded jets, by the names of `JET_FEATURES`.

    A constituent is what has energy; sums are in float64.

    Args:
        momenta: (N, P, 4) E, px, py, pz of the constituents in GeV, 0 where there is none.

    Returns:
        energy, pT and mass (N,) float64 in GeV; pseudorapidity (N,) float64;
        num_constituents (N,) int64.
    """
    count = (momenta[..., ENERGY] > 0).sum(axis=1, dtype=np.int64)
    return kinematics(momenta.sum(axis=1, dtype=np.float64)) | {"num_constituents": count}


def kinematics(momentum: np.ndarray) -> dict[str, np.ndarray]:
    """Energy, pT, pseudorapidity arcsinh(pz / pT) and mass of four-momenta (N, 4), float64.

    Rounding of nearly massless constituents can make E² - p² negative: the mass is then 0. A
    momentum along the beam has an infinite pseudorapidity, a vanishing one has NaN.
    """
    energy, px, py, pz = np.moveaxis(np.asarray(momentum, dtype=np.float64), -1, 0)
    pt = np.hypot(px, py)
    with np.errstate(divide="ignore", invalid="ignore"):
        eta = np.arcsinh(pz / pt)
    mass_squared = energy**2 - (pt**2 + pz**2)
    return {
        "jet_energy": energy,
        "jet_pt": pt,
        "jet_eta": eta,
        "jet_mass": np.sqrt(np.maximum(mass_squared, 0.0)),
    }
