"""Four-momenta from the coordinates of jet files."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np

from saibench.errors import UserError

Coordinates = Literal["E_px_py_pz", "px_py_pz_E", "pt_eta_phi_E", "pt_eta_phi_mass", "pt_y_phi_pid"]
GUESSED: tuple[Coordinates, ...] = ("E_px_py_pz", "px_py_pz_E", "pt_y_phi_pid")
"""Coordinates that can be told from each other by their values."""

MASSES = {
    11: 0.000511,
    12: 0.0,
    13: 0.105658,
    14: 0.0,
    16: 0.0,
    22: 0.0,
    111: 0.134977,
    130: 0.497611,
    211: 0.139570,
    310: 0.497611,
    321: 0.493677,
    2112: 0.939565,
    2212: 0.938272,
    3112: 1.197449,
    3122: 1.115683,
    3222: 1.189370,
    3312: 1.321710,
    3322: 1.314860,
    3334: 1.672450,
}
"""Absolute PDG number → mass in GeV (Particle Data Group 2024) , of long-lived particles."""
ROUNDING = 1e-3, 0.01
"""Tolerance of |p| <= E, relative and in GeV, as in `checks`."""
MAX_RAPIDITY = 12.0


def four_momenta(values: np.ndarray, coordinates: Coordinates, where: str) -> np.ndarray:
    """E, px, py, pz `(C, 4)` float64 in GeV.

    Args:
        values: (C, 4) in these coordinates, momenta in GeV.
        coordinates: of the columns.
        where: the file, for messages.

    Raises:
        UserError: a particle of unknown mass.
    """
    values = values.astype(np.float64)
    if coordinates == "pt_y_phi_pid":
        return _of_rapidity(values, where)
    return _FUNCTIONS[coordinates](values)


def guessed_coordinates(values: np.ndarray) -> Coordinates | None:
    """The only one of `GUESSED` in which all values are physical; None if there is not one.

    Args:
        values: (C, 4) of real constituents.
    """
    fitting = [name for name in GUESSED if _is_physical(values.astype(np.float64), name)]
    return fitting[0] if len(fitting) == 1 else None


def _is_physical(values: np.ndarray, coordinates: Coordinates) -> bool:
    if coordinates == "pt_y_phi_pid":
        pt, rapidity, phi, pid = values.T
        return bool(
            (pt > 0).all()
            and (np.abs(rapidity) < MAX_RAPIDITY).all()
            and (np.abs(phi) <= 2 * np.pi + 1e-3).all()
            and np.isin(np.abs(pid), list(MASSES)).all()
        )
    momenta = _FUNCTIONS[coordinates](values)
    energy, size = momenta[:, 0], np.linalg.norm(momenta[:, 1:], axis=1)
    relative, absolute = ROUNDING
    return bool((energy >= 0).all() and (size <= energy * (1 + relative) + absolute).all())


def _of_rapidity(values: np.ndarray, where: str) -> np.ndarray:
    """With the mass of the particle: E = mT cosh y, pz = mT sinh y."""
    pt, rapidity, phi, pid = values.T
    numbers, place = np.unique(np.abs(pid), return_inverse=True)
    unknown = [number for number in numbers if number not in MASSES]
    if unknown:
        raise UserError(
            f"{where}: the mass of particle {unknown[0]:g} is not known. Use PDG numbers of stable "
            "particles, or momenta."
        )
    mass = np.array([MASSES[int(number)] for number in numbers])[place]
    transverse = np.hypot(pt, mass)
    return np.stack(
        [
            transverse * np.cosh(rapidity),
            pt * np.cos(phi),
            pt * np.sin(phi),
            transverse * np.sinh(rapidity),
        ],
        axis=1,
    )


def _of_pseudorapidity(pt: np.ndarray, eta: np.ndarray, phi: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore", invalid="ignore"):  # refused later, by row
        return np.stack([pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta)], axis=1)


def _with_energy(values: np.ndarray) -> np.ndarray:
    momentum = _of_pseudorapidity(*values[:, :3].T)
    return np.column_stack([values[:, 3], momentum])


def _with_mass(values: np.ndarray) -> np.ndarray:
    momentum = _of_pseudorapidity(*values[:, :3].T)
    energy = np.sqrt(np.square(momentum).sum(axis=1) + np.square(values[:, 3]))
    return np.column_stack([energy, momentum])


_FUNCTIONS: dict[Coordinates, Callable[[np.ndarray], np.ndarray]] = {
    "E_px_py_pz": lambda values: values,
    "px_py_pz_E": lambda values: np.roll(values, 1, axis=1),
    "pt_eta_phi_E": _with_energy,
    "pt_eta_phi_mass": _with_mass,
}
