"""Consistency of forces with the accelerations of the atoms, by Newton's second law.

Of successive frames the second difference of positions is the acceleration. On frames of the
built-in simulator 0.5 to 2 fs apart, mass times acceleration is 0.9 to 1.0 times the force. It is
four times the force if frames are twice as far apart as stated, and 23 times as large if forces in
kcal/mol/Å are mistaken for eV/Å, in molecules without hydrogen, too.
"""

from __future__ import annotations

import numpy as np
from ase.data import atomic_masses

from saibench.units import EV_PER_AMU_A2_PER_PS2

RATIO = 0.6, 1.6
"""Bounds of mass times acceleration over force. The smallest wrong factors are 1.89 (Bohr) and,
for forces that are too large, its inverse."""
MAX_GAP = 0.002
"""ps between frames: with 2 fs the second difference of the fastest vibration, of a period of 8.3
fs, is 18 % too small."""
MIN_TRIPLES = 50
MAX_TRIPLES = 1000
"""Triples of successive frames that are used, evenly spaced."""
MIN_CORRELATION = 0.9
"""Minimum correlation of the two. It is smaller with strong friction, and 0.82 (the square root of
2/3) for independent frames of a spring, which are no trajectory."""
OUTLIERS = 0.05
"""Share of frames with the largest accelerations that are ignored, as where two trajectories
meet."""


def acceleration_ratio(
    numbers: np.ndarray, positions: np.ndarray, forces: np.ndarray, time: np.ndarray
) -> float | None:
    """Mass times acceleration over force, by regression over frames.

    Atoms heavier than hydrogen are used, if there are any, since simulations may change the mass of
    hydrogen. Masses are relative to the centre of mass, so that centred frames are valid.

    Args:
        numbers: (A,) atomic numbers.
        positions: (T, A, 3) in Å.
        forces: (T, A, 3) in eV/Å.
        time: (T,) in ps.

    Returns:
        None if too few frames are successive, or forces do not explain the accelerations.
    """
    gaps = np.diff(time)
    even = np.isclose(gaps[1:], gaps[:-1], rtol=1e-6, atol=0) & (gaps[1:] > 0)
    middle = np.flatnonzero(even & (gaps[1:] <= MAX_GAP * (1 + 1e-6))) + 1
    if len(middle) < MIN_TRIPLES:
        return None
    middle = middle[np.unique(np.linspace(0, len(middle) - 1, MAX_TRIPLES).astype(int))]
    second = positions[middle + 1] - 2 * positions[middle] + positions[middle - 1]
    masses = atomic_masses[numbers][:, None]
    second = second - (masses * second).sum(axis=1, keepdims=True) / masses.sum()
    inertia = masses * second / (gaps[middle] ** 2)[:, None, None] * EV_PER_AMU_A2_PER_PS2
    heavy = numbers > 1
    used = heavy if heavy.sum() > 1 else np.ones(len(numbers), dtype=bool)
    of_frame = inertia[:, used].reshape(len(middle), -1)
    force = np.asarray(forces[middle])[:, used].reshape(len(middle), -1)
    size = np.linalg.norm(of_frame, axis=1)
    kept = size <= np.quantile(size, 1 - OUTLIERS)
    of_frame, force = of_frame[kept], force[kept]
    product, square = (of_frame * force).sum(), np.square(force).sum()
    if not product**2 >= MIN_CORRELATION**2 * square * np.square(of_frame).sum() > 0:
        return None
    return float(product / square)
