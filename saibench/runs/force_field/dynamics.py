"""Guarded molecular dynamics with the true error of a reference at each reading."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from ase import Atoms, units
from ase.calculators.calculator import CalculationFailed, Calculator
from ase.md.langevin import Langevin
from matplotlib.figure import Figure
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from saibench.datamodules.force_field.langevin import Thermostat, maxwell_boltzmann
from saibench.errors import UserError
from saibench.figures.style import save_images
from saibench.runs.force_field.calculator import GuardedCalculator
from saibench.units import MEV_PER_EV, PS_PER_FS

MAX_RADIUS = 100.0
"""Å from the centroid, beyond which an atom has left the molecule and the run ends."""

ERRORS: dict[str, Callable[[np.ndarray], float]] = {
    "force_mae": lambda difference: float(np.abs(difference).mean()),
    "force_error_norm": lambda difference: float(np.linalg.norm(difference, axis=1).mean()),
}
"""Statistics of one frame, from its force errors `(A, 3)`."""


@dataclass(frozen=True)
class Dynamics:
    """Settings of a guarded run.

    Args:
        thermostat: temperature, friction and time step.
        steps: number of time steps.
        start: number of the training frame to start from.
        seed: of the velocities and the thermostat.
    """

    thermostat: Thermostat
    steps: int
    start: int = 0
    seed: int = 0

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise UserError(f"steps={self.steps} is not at least 1. Use steps=4000.")


def guarded_dynamics(
    calculator: GuardedCalculator, plan: Dynamics, reference: Calculator | None = None
) -> pl.DataFrame:
    """Run Langevin dynamics with the net, starting from a training frame.

    The run ends early if the molecule breaks apart or the reference does not converge.

    Args:
        calculator: a new one.
        plan: settings of the run.
        reference: the method that made the training data; it gives the true error of readings.

    Returns:
        one row per reading: `time` (ps), the range's features, `expected`, `bound` and `error` (in
        the statistic's unit; null without a reference), `inside`, `trusted`, and `martingale`, the
        evidence that the simulation does not resemble the calibration (null without a monitor).

    Raises:
        OutOfTrustedRange, DistributionShift: the calculator's action is `stop`.
        UserError: no such frame, no forces for it, or a statistic that needs several frames.
    """
    statistic = calculator.range.statistic.name
    if reference is not None and statistic not in ERRORS:
        raise UserError(
            f"the range bounds {statistic}, which single frames do not have. Fit it to another "
            f"statistic. Valid values: {', '.join(ERRORS)}."
        )
    data = calculator.force_field.data
    trained = data.reference_rows()
    if not 0 <= plan.start < len(trained):
        raise UserError(
            f"start={plan.start} is not one of the {len(trained)} training frames. Use 0 to "
            f"{len(trained) - 1}."
        )
    random = np.random.RandomState(plan.seed)
    atoms = calculator.force_field.frame(int(trained[plan.start]))
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
            error = None
            try:
                if reference is not None:
                    difference = forces - reference.get_forces(atoms)
                    error = MEV_PER_EV * ERRORS[statistic](difference)
            except CalculationFailed:  # the molecule has broken apart
                break
            reading = calculator.readings[-1]  # of these positions
            rows.append(
                {
                    "time": step * plan.thermostat.timestep * PS_PER_FS,
                    **reading.features,
                    "expected": reading.expected,
                    "bound": reading.bound,
                    "error": error,
                    "inside": reading.inside,
                    "trusted": reading.trusted,
                    "martingale": getattr(calculator.monitor, "martingale", None),
                }
            )
    if not rows:
        raise UserError(
            f"start={plan.start} is a frame without finite forces of the net or the reference. "
            "Use another frame, or another net."
        )
    return pl.DataFrame(rows, schema_overrides={"error": pl.Float64, "martingale": pl.Float64})


def _is_whole(atoms: Atoms, forces: np.ndarray) -> bool:
    if atoms.pbc.any():  # atoms of a liquid may leave the cell
        return bool(np.isfinite(forces).all() and np.isfinite(atoms.positions).all())
    centred = atoms.positions - atoms.positions.mean(axis=0)
    return bool(np.isfinite(forces).all() and np.abs(centred).max() < MAX_RADIUS)


def write_run(folder: Path, run: pl.DataFrame, figure: Figure) -> Path:
    """Write `dynamics.csv`, `dynamics.svg` and `dynamics.png`; return the folder.

    Raises:
        UserError: the folder cannot be written.
    """
    try:
        save_images(figure, folder / "dynamics")
        run.write_csv(folder / "dynamics.csv", float_precision=6)
    except OSError as error:
        raise UserError(f"{folder} cannot be written: {error}.") from error
    return folder
