"""A simulation that stops resembling the calibration of its trusted range."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from ase import Atoms

from saibench.analysis.exchangeability import Reference, Series
from saibench.analysis.trusted_range import TrustedRange
from saibench.datamodules.force_field.langevin import Thermostat
from saibench.errors import UserError
from saibench.figures.force_field import guarded_dynamics as figure
from saibench.runs.force_field import (
    DistributionShift,
    GuardedCalculator,
    ShiftWarning,
    TrainedForceField,
)
from saibench.runs.force_field.dynamics import Dynamics, guarded_dynamics

TIMESTEP = 0.5  # fs


@pytest.fixture(scope="module")
def monitored(force_field: TrainedForceField, trusted: TrustedRange) -> TrustedRange:
    """The range with 100 frames of its trajectory to compare with, 1 fs apart."""
    rows = np.random.default_rng(0).permutation(300)[:100]
    similarity = force_field.data.features(rows)["soap_similarity"]
    series = Series("soap_similarity", tuple(similarity), tuple(rows.tolist()), 0.001)
    reference = Reference((series,), None, kind="time", unit="ps")
    return replace(trusted, tolerance=None, reference=reference)


def frames(force_field: TrainedForceField, scale: float) -> list[Atoms]:
    """Random frames of the trajectory, stretched."""
    rows = np.random.default_rng(1).permutation(300)[:60]
    positions = force_field.data.trajectory.positions[rows] * scale
    return [Atoms(force_field.symbols, own) for own in positions]


def test_frames_of_the_trajectory_raise_no_alarm(
    force_field: TrainedForceField, monitored: TrustedRange
) -> None:
    calculator = GuardedCalculator(force_field, monitored, action="record", timestep=TIMESTEP)
    for atoms in frames(force_field, 1.0):
        calculator.get_forces(atoms)
    assert calculator.shift is None and calculator.monitor is not None
    assert (
        "no alarm in 30 independent readings" in calculator.monitor.sentence()
    )  # every second step


def test_stretched_molecules_raise_the_alarm_once(
    force_field: TrainedForceField, monitored: TrustedRange
) -> None:
    calculator = GuardedCalculator(force_field, monitored, tolerance=1e9, timestep=TIMESTEP)
    with pytest.warns() as caught:
        for atoms in [*frames(force_field, 1.0)[:20], *frames(force_field, 1.1)[:40]]:
            calculator.get_forces(atoms)
    assert calculator.shift is not None
    alarm = calculator.shift.alarm
    assert alarm.feature == "soap_similarity" and 20 < calculator.shift.step < 40
    assert alarm.place == pytest.approx(calculator.shift.step * TIMESTEP / 1000)
    shifts = [one for one in caught if one.category is ShiftWarning]
    assert len(shifts) == 1 and f"Step {calculator.shift.step}:" in str(shifts[0].message)


def test_action_stop_raises_at_the_alarm(
    force_field: TrainedForceField, monitored: TrustedRange
) -> None:
    wide = replace(monitored, reach_low=(-1.0,), reach_high=(2.0,), others=())
    calculator = GuardedCalculator(force_field, wide, action="stop", timestep=TIMESTEP)
    with pytest.raises(DistributionShift, match="soap_similarity") as stopped:
        for atoms in frames(force_field, 1.1):
            calculator.get_forces(atoms)
    assert stopped.value.shift == calculator.shift


def test_table_and_figure_of_a_simulation_have_the_martingale(
    force_field: TrainedForceField, trusted: TrustedRange, monitored: TrustedRange
) -> None:
    plan = Dynamics(Thermostat(300.0, 2.0, TIMESTEP), steps=12)
    calculator = GuardedCalculator(
        force_field, monitored, every=2, action="record", timestep=TIMESTEP
    )
    run = guarded_dynamics(calculator, plan)
    assert run["martingale"].null_count() == 0 and calculator.monitor is not None
    assert run["martingale"][-1] == pytest.approx(calculator.monitor.martingale)
    assert len(figure.draw(run, monitored, None).axes) == 3

    changed = run.with_columns(martingale=pl.Series([1.0, 2.0, 30.0, 50.0, 9.0, 9.0, 9.0]))
    error, *_ = figure.draw(changed, monitored, None, level=0.05).axes
    (line,) = [one for one in error.lines if str(one.get_label()).startswith("alarm")]
    assert line.get_xdata()[0] == pytest.approx(run["time"][2])

    without = guarded_dynamics(GuardedCalculator(force_field, trusted, action="record"), plan)
    assert without["martingale"].null_count() == without.height
    assert len(figure.draw(without, trusted, None).axes) == 2


def test_mistakes_are_refused(force_field: TrainedForceField, monitored: TrustedRange) -> None:
    with pytest.raises(UserError, match="timestep=-1"):
        GuardedCalculator(force_field, monitored, timestep=-1)
    with pytest.raises(UserError, match="level=0"):
        GuardedCalculator(force_field, monitored, timestep=0.5, false_alarm=0)
    assert monitored.reference is not None
    ungrouped = replace(monitored, reference=replace(monitored.reference, kind="sample"))
    with pytest.raises(UserError, match="timestep=None"):
        GuardedCalculator(force_field, ungrouped, timestep=0.5)
