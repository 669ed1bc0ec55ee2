"""Units of predicted energies and forces, compared with those of the reference."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from saibench.datamodules.force_field.energy_units import ENERGY_UNITS
from saibench.datamodules.force_field.trajectory import Trajectory
from saibench.errors import UserError
from saibench.units import ANGSTROM_PER_BOHR

MEV = 1e-3
TOLERANCE = 0.25
"""Largest relative deviation of a ratio from that of two units."""
MIN_CORRELATION = 0.9
"""Of predictions and reference; a worse model tells nothing of its unit."""
MIN_VALUES = 10
SAME_MEAN = 0.01
"""Largest relative difference of two means of total energies of one zero."""
MIN_FACTOR = 3.0
"""Smaller ratios are errors of a model: per Bohr and per Å differ by 1.9."""


def refuse_other_units(
    arrays: Mapping[str, np.ndarray], trajectory: Trajectory, unit: str, where: str
) -> None:
    """Refuse predictions that fit the reference up to the ratio of two units.

    Args:
        arrays: `energy` (T,) in eV and `forces` (T, A, 3) in eV/Å, if they are in `unit`.
        trajectory: the T frames.
        unit: of the energies in the file.
        where: name of the predictions.

    Raises:
        UserError: the unit that they seem to have.
    """
    known = np.ones(len(trajectory.time), bool)
    if trajectory.has_forces is not None:
        known = np.asarray(trajectory.has_forces)
    is_atom = trajectory.numbers_of(np.flatnonzero(known)) > 0
    own = ENERGY_UNITS[unit]
    energies = {f"{name}": value / own for name, value in {**ENERGY_UNITS, "meV": MEV}.items()}
    forces = energies | {
        f"{name} per Bohr": ratio / ANGSTROM_PER_BOHR for name, ratio in energies.items()
    }
    sizes = (trajectory.numbers_of(np.arange(len(trajectory.time))) > 0).sum(axis=1)
    _refuse_per_atom(np.asarray(arrays["energy"], np.float64), trajectory.energies, sizes, where)
    for name, predicted, true, units in (
        ("forces", arrays["forces"][known][is_atom], trajectory.forces[known][is_atom], forces),
        ("energies", arrays["energy"], trajectory.energies, energies),
    ):
        ratio = _ratio(np.asarray(predicted, np.float64), np.asarray(true, np.float64))
        if ratio is not None and ratio < 0 and name == "forces":
            raise UserError(
                f"{where}: forces have the opposite sign of those of the reference, as gradients "
                "of the energy have. Multiply them by -1."
            )
        if ratio is None or 1 / MIN_FACTOR < ratio < MIN_FACTOR:
            continue
        for other, factor in units.items():
            # a value in `other` that is taken for one in `unit` is 1 / factor times too large
            if abs(ratio * factor - 1) < TOLERANCE:
                raise UserError(
                    f"{where}: {name} are {ratio:.4g} times those of the reference, as in {other} "
                    f"instead of {unit}. Convert them to {unit}."
                )


def _refuse_per_atom(
    predicted: np.ndarray, true: np.ndarray, sizes: np.ndarray, where: str
) -> None:
    """Refuse energies that fit the reference if they are multiplied by the number of atoms."""
    totals = predicted * sizes
    ratio = _ratio(totals, true)
    varies_alike = ratio is not None and abs(ratio - 1) < TOLERANCE
    same_mean = abs(totals.mean() - true.mean()) < SAME_MEAN * abs(true.mean())
    if sizes.min() >= MIN_FACTOR and (varies_alike or same_mean):
        raise UserError(f"{where}: energies are per atom. Multiply them by the number of atoms.")


def _ratio(predicted: np.ndarray, true: np.ndarray) -> float | None:
    """Ratio of the standard deviations of values that correlate; None if they do not.

    Negative if they correlate negatively.
    """
    if predicted.size < MIN_VALUES:
        return None
    spreads = predicted.std(), true.std()
    if not all(spreads):
        return None
    correlation = np.corrcoef(predicted.ravel(), true.ravel())[0, 1]
    if abs(correlation) <= MIN_CORRELATION:
        return None
    return float(np.sign(correlation) * spreads[0] / spreads[1])
