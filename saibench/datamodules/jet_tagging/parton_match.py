"""Matching of jets to top quarks: the top and its three decay quarks are within the radius."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

TOP_QUARK, W_BOSON = 6, 24
BEFORE_DECAY = -62
"""Status of the last copy of a top quark, with the recoil of the shower."""


def hadronic_tops(
    ids: np.ndarray, status: np.ndarray, daughters: np.ndarray, momenta: np.ndarray
) -> Iterator[np.ndarray]:
    """Momenta (4, 4) of each top quark of an event, its bottom and the quarks of its W boson.

    Args:
        ids: (N,) absolute PDG numbers of the particles.
        status: (N,) Pythia's status codes.
        daughters: (N, 2) first and last daughter.
        momenta: (N, 4) E, px, py, pz.
    """
    for top in np.flatnonzero((ids == TOP_QUARK) & (status == BEFORE_DECAY)):
        (boson,) = [d for d in daughters[top] if ids[d] == W_BOSON]
        (quark,) = [d for d in daughters[top] if d != boson]
        while daughters[boson][0] == daughters[boson][1]:  # a copy with recoil
            boson = daughters[boson][0]
        yield momenta[[top, quark, *daughters[boson]]]


def is_matched(jet: np.ndarray, tops: Iterable[np.ndarray], radius: float) -> bool:
    """Whether all quarks of one of the tops are within `radius` of the jet axis."""
    return any((distance(jet, quarks) < radius).all() for quarks in tops)


def distance(axis: np.ndarray, momenta: np.ndarray) -> np.ndarray:
    """ΔR = sqrt(Δη² + Δφ²) of momenta (N, 4) E, px, py, pz to an axis (4,)."""
    eta, phi = _direction(momenta)
    axis_eta, axis_phi = _direction(axis)
    delta_phi = np.remainder(phi - axis_phi + np.pi, 2 * np.pi) - np.pi
    return np.hypot(eta - axis_eta, delta_phi)


def _direction(momenta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    _, px, py, pz = np.moveaxis(momenta, -1, 0)
    return np.arcsinh(pz / np.hypot(px, py)), np.arctan2(py, px)
