"""Guarded molecular dynamics beside the reference: is the guard right, and how early is it?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from ase import Atoms, units
from ase.calculators.calculator import CalculationFailed, Calculator
from ase.md.langevin import Langevin
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from saibench.datamodules.force_field.langevin import Thermostat, maxwell_boltzmann
from saibench.errors import UserError
from saibench.runs.force_field.calculator import GuardedCalculator
from saibench.units import MEV_PER_EV, PS_PER_FS

BROKEN = 100.0
"""Å from the centroid, at which an atom has left the molecule and the run is over."""

ERRORS: dict[str, Callable[[np.ndarray], float]] = {
    "force_mae": lambda difference: float(np.abs(difference).mean()),
    "force_error_norm": lambda difference: float(np.linalg.norm(difference, axis=1).mean()),
}
"""Statistics of one frame's force errors `(A, 3)` that a reference can be asked for."""


@dataclass(frozen=True)
class Dynamics:
    """How a guarded run is made.

    Args:
        thermostat: temperature, friction and time step.
        steps: of the run.
        start: row of the training partition's frames that the run starts from.
        seed: of the velocities and the thermostat.
    """

    thermostat: Thermostat
    steps: int
    start: int = 0
    seed: int = 0

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise UserError(f"steps={self.steps} is not at least 1; 4000 would work.")


def guarded_dynamics(
    calculator: GuardedCalculator, plan: Dynamics, reference: Calculator | None = None
) -> pl.DataFrame:
    """Run the net's own dynamics from a frame that it was trained on.

    The run ends early where the molecule breaks, which a net that is not to be trusted may do, or
    where the reference finds no solution.

    Args:
        calculator: a fresh one.
        plan: of the run.
        reference: what the net learned to imitate; asked at each reading, it says the true error.

    Returns:
        one row a reading: `time` (ps), the range's features, `expected`, `bound` and `error` (in
        the statistic's unit; null without a reference), `inside`, `trusted`.

    Raises:
        OutOfTrustedRange: the calculator is one that stops.
        UserError: no such frame, one without forces, or the range bounds no error that a reference
            tells.
    """
    statistic = calculator.range.statistic.name
    if reference is not None and statistic not in ERRORS:
        raise UserError(
            f"the range bounds {statistic}, which is not known of single frames; "
            f"one of {' or '.join(ERRORS)} would work."
        )
    data = calculator.force_field.data
    trained = data.reference_rows()
    if not 0 <= plan.start < len(trained):
        raise UserError(
            f"start={plan.start} is none of the {len(trained)} training frames; 0 would work."
        )
    random = np.random.RandomState(plan.seed)
    atoms = Atoms(calculator.force_field.symbols, data.trajectory.positions[trained[plan.start]])
    maxwell_boltzmann(atoms, plan.thermostat.temperature, random)
    atoms.calc = calculator
    dynamics = Langevin(
        atoms,
        plan.thermostat.timestep * units.fs,
        temperature_K=plan.thermostat.temperature,
        friction=plan.thermostat.friction / (1000 * units.fs),
        fixcm=False,
        rng=random,
    )
    rows: list[dict[str, Any]] = []
    with threadpool_limits(1):
        every = calculator.every
        for step in tqdm(range(0, plan.steps + 1, every), "guarded dynamics", mininterval=1.0):
            if step:
                dynamics.run(every)
            forces = atoms.get_forces()
            if not _is_whole(atoms, forces):
                break
            try:
                error = _error(statistic, atoms, forces, reference)
            except CalculationFailed:  # of a geometry that is no molecule any more
                break
            reading = calculator.readings[-1]  # of these very positions
            rows.append(
                {
                    "time": step * plan.thermostat.timestep * PS_PER_FS,
                    **reading.features,
                    "expected": reading.expected,
                    "bound": reading.bound,
                    "error": error,
                    "inside": reading.inside,
                    "trusted": reading.trusted,
                }
            )
    if not rows:
        raise UserError(
            f"start={plan.start} is a frame of which the net or the reference tells no forces; "
            "another frame, or another net, would work."
        )
    return pl.DataFrame(rows)


def _error(
    statistic: str, atoms: Atoms, forces: np.ndarray, reference: Calculator | None
) -> float | None:
    if reference is None:
        return None
    difference = forces - reference.get_forces(atoms)
    return MEV_PER_EV * ERRORS[statistic](difference)


def _is_whole(atoms: Atoms, forces: np.ndarray) -> bool:
    centred = atoms.positions - atoms.positions.mean(axis=0)
    return bool(np.isfinite(forces).all() and np.abs(centred).max() < BROKEN)
