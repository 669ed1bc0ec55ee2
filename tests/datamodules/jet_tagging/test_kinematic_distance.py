"""The summary of a jet's constituents, against a loop over them."""

from __future__ import annotations

import math

import numpy as np

from saibench.datamodules.jet_tagging.kinematic_distance import constituent_summary


def jets(count: int = 6, most: int = 5) -> np.ndarray:
    """Massless constituents by decreasing pT, near the azimuth of ±π; at least one in a jet."""
    random = np.random.default_rng(0)
    momenta = np.zeros((count, most, 4))
    for number in range(count):
        size = 1 + number % most
        pt = np.sort(random.uniform(1, 100, size))[::-1]
        eta, phi = random.normal(0.3, 0.2, size), math.pi + random.normal(0, 0.2, size)
        momenta[number, :size] = np.column_stack(
            [pt * np.cosh(eta), pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta)]
        )
    return momenta


def summary(jet: np.ndarray) -> list[float]:
    real = [one for one in jet if one[0] > 0]
    energy, px, py, pz = np.sum(real, axis=0)
    pt, pts = math.hypot(px, py), [math.hypot(one[1], one[2]) for one in real]
    mass = math.sqrt(max(0.0, energy**2 - px**2 - py**2 - pz**2))
    width = 0.0
    for one, own in zip(real, pts, strict=True):
        eta = math.asinh(one[3] / own) - math.asinh(pz / pt)
        phi = math.remainder(math.atan2(one[2], one[1]) - math.atan2(py, px), 2 * math.pi)
        width += own * math.hypot(eta, phi) / sum(pts)
    fractions = [own / sum(pts) for own in pts[:3]]
    dispersion = math.sqrt(sum(own**2 for own in pts)) / sum(pts)
    return [
        *(math.log(pt), mass / pt, math.log(len(real))),
        *(fractions + [0.0] * (3 - len(fractions))),
        *(width, dispersion),
    ]


def test_summary_is_that_of_a_loop_over_the_constituents() -> None:
    """The mass of a single massless constituent is the root of a rounding error."""
    given = jets()
    expected = np.array([summary(jet) for jet in given])
    np.testing.assert_allclose(constituent_summary(given), expected, rtol=1e-7, atol=1e-6)
