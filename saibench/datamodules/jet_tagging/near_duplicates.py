"""Similarity of jets, by the features of the jet and of its hardest constituents."""

from __future__ import annotations

import numpy as np

from saibench.datamodules.jet_tagging.jets import Jets
from saibench.datamodules.jet_tagging.loader import JetArrays
from saibench.datamodules.jet_tagging.momenta import ENERGY, PX, PY, PZ
from saibench.datamodules.near_duplicates import SampleSimilarity, digest

HARDEST = 10
"""Constituents that are compared, those of largest pT."""
ANGLE = 0.1
"""Distance in η or φ with the same weight as a tenth of the jet's pT."""
RELATIVE = 0.1


def jet_similarity(jets: Jets) -> SampleSimilarity:
    """Near-duplicate criterion of jets, invariant under rotation about the beam axis."""
    arrays = JetArrays(jets, HARDEST)

    def contents(rows: np.ndarray) -> np.ndarray:
        ends = jets.end[rows]
        starts = ends - jets.num_constituents[rows]
        return digest([jets.momenta[a:b] for a, b in zip(starts, ends, strict=True)])[:, None]

    def vectors(rows: np.ndarray) -> np.ndarray:
        whole = np.stack(
            [
                np.log(jets.jet_energy[rows]),
                np.log(jets.jet_pt[rows]),
                jets.jet_eta[rows],
                np.log1p(jets.jet_mass[rows]),
                np.log(jets.num_constituents[rows]),
            ],
            axis=1,
        )
        batch = arrays.batch(rows)
        momenta = np.zeros((len(rows), HARDEST, 4))
        momenta[:, : batch.momenta.shape[1]] = batch.momenta.numpy()
        inside = _relative_to_axis(momenta, jets.jet_pt[rows], jets.jet_eta[rows])
        return np.hstack([whole, inside.reshape(len(rows), -1)]).astype(np.float32) / RELATIVE

    return SampleSimilarity(
        name="jet features",
        describe=f"logarithms of a jet's energy, pT, mass and number of constituents, its η, and "
        f"share of pT, Δη and Δφ of its {HARDEST} hardest constituents",
        vectors=vectors,
        contents=contents,
        part="jet",
    )


def _relative_to_axis(momenta: np.ndarray, jet_pt: np.ndarray, jet_eta: np.ndarray) -> np.ndarray:
    """(n, P, 3): share of the jet's pT, and pT-weighted Δη and Δφ of each constituent.

    The weights reduce the influence of soft constituents; φ is relative to the axis of the
    constituents that are compared.
    """
    pt = np.hypot(momenta[..., PX], momenta[..., PY])
    real = momenta[..., ENERGY] > 0
    safe = np.where(real, pt, 1.0)
    eta = np.where(real, np.arcsinh(momenta[..., PZ] / safe), jet_eta[:, None])
    phi = np.arctan2(momenta[..., PY], momenta[..., PX])
    axis = np.arctan2(momenta[..., PY].sum(axis=1), momenta[..., PX].sum(axis=1))
    delta_phi = (phi - axis[:, None] + np.pi) % (2 * np.pi) - np.pi
    share = np.where(real, pt / jet_pt[:, None], 0.0)
    weight = np.sqrt(share) * RELATIVE / ANGLE
    return np.stack([share, weight * (eta - jet_eta[:, None]), weight * delta_phi], axis=-1)
