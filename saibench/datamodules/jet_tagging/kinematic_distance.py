"""Distance of a jet to the training jets by the kinematics of its constituents."""

from __future__ import annotations

import numpy as np

from saibench.datamodules.jet_tagging.loader import JetArrays
from saibench.datamodules.jet_tagging.momenta import ENERGY, PX, PY, kinematics
from saibench.datamodules.nearest import NEAREST, nearest_distance
from saibench.evidence.known import TITLES
from saibench.evidence.schema import BEFORE, Field

FIELD = Field(
    "kinematic_distance",
    "float64",
    "",
    "jet",
    "feature",
    f"mean distance to the {NEAREST} nearest training jets by standardised transverse momentum, "
    "mass over transverse momentum, and multiplicity, fractions and moments of the constituents",
    BEFORE,
    title=TITLES["kinematic_distance"],
)
LEADING = 3
"""Hardest constituents whose fractions of the transverse momentum are compared."""
CHUNK = 10_000
"""Jets whose constituents are in memory at once."""


def kinematic_distance(
    arrays: JetArrays, rows: np.ndarray, known: JetArrays, training: np.ndarray
) -> np.ndarray:
    """Distance `(N,)` of the jets in `rows` to those in the rows `training` of `known`.

    NaN without any training jets.
    """
    return nearest_distance(_summaries(arrays, rows), _summaries(known, training))


def _summaries(arrays: JetArrays, rows: np.ndarray) -> np.ndarray:
    parts = [rows[start : start + CHUNK] for start in range(0, len(rows), CHUNK)]
    found = [constituent_summary(arrays.batch(part).momenta.numpy()) for part in parts]
    return np.concatenate(found) if found else np.empty((0, 5 + LEADING))


def constituent_summary(momenta: np.ndarray) -> np.ndarray:
    """`(N, 8)`: log pT, m/pT, log multiplicity, pT fractions, width, and dispersion of pT.

    The width is Σ pT ΔR / Σ pT about the jet's axis (girth), the dispersion √(Σ pT²) / Σ pT.

    Args:
        momenta: `(N, P, 4)` E, px, py, pz in GeV by decreasing pT, 0 for padding.
    """
    momenta = momenta.astype(np.float64)
    jet = kinematics(momenta.sum(axis=1))
    own = kinematics(momenta)
    pt, real = own["jet_pt"], momenta[..., ENERGY] > 0
    axis = momenta.sum(axis=1)
    phi = np.arctan2(momenta[..., PY], momenta[..., PX])
    delta_phi = phi - np.arctan2(axis[:, PY], axis[:, PX])[:, None]
    delta_phi = (delta_phi + np.pi) % (2 * np.pi) - np.pi
    with np.errstate(invalid="ignore"):  # padding has no direction
        distance = np.hypot(own["jet_eta"] - jet["jet_eta"][:, None], delta_phi)
    distance = np.where(real & np.isfinite(distance), distance, 0.0)
    total = pt.sum(axis=1)
    leading = np.zeros((len(momenta), LEADING))
    leading[:, : min(LEADING, pt.shape[1])] = pt[:, :LEADING] / total[:, None]
    return np.column_stack(
        [
            np.log(jet["jet_pt"]),
            jet["jet_mass"] / jet["jet_pt"],
            np.log(real.sum(axis=1)),
            leading,
            (pt * distance).sum(axis=1) / total,
            np.sqrt(np.square(pt).sum(axis=1)) / total,
        ]
    )
