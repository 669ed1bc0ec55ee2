"""Kinematics of a jet, the sum of its constituents' four-momenta (natural units, z the beam)."""

from __future__ import annotations

import numpy as np

ENERGY, PX, PY, PZ = range(4)
"""Components of a four-momentum, in the order of the TopLandscape columns."""

JET_FEATURES = ("jet_energy", "jet_pt", "jet_eta", "jet_mass", "num_constituents")


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
