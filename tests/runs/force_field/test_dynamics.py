"""Guarded runs: the true error of a reference, and the summary."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from ase.calculators.calculator import CalculationFailed, Calculator, all_changes
from polars.testing import assert_frame_equal

from saibench.analysis.trusted_range import TrustedRange
from saibench.commands.force_field import guard
from saibench.datamodules.force_field.batch import MoleculeBatch
from saibench.datamodules.force_field.langevin import GFN2, Thermostat
from saibench.errors import UserError
from saibench.runs.force_field import GuardedCalculator, TrainedForceField
from saibench.runs.force_field.dynamics import Dynamics, guarded_dynamics
from saibench.runs.force_field.summary import alarm, sentences
from saibench.runs.force_field.trained import FramePrediction

THERMOSTAT = Thermostat(temperature=300.0, friction=2.0, timestep=0.5)


class Shifted(Calculator):
    """The forces of the guarded net plus 0.05 eV/Å in every component."""

    implemented_properties = ["energy", "forces"]  # noqa: RUF012

    def __init__(self, net: TrainedForceField) -> None:
        super().__init__()
        self.net = net

    def calculate(self, atoms=None, properties=("forces",), system_changes=tuple(all_changes)):  # type: ignore[no-untyped-def]
        super().calculate(atoms, properties, system_changes)
        species = self.net.types_of(self.atoms.get_chemical_symbols())
        predicted = self.net.predict(self.net.batch(self.atoms.positions, species))
        self.results = {"energy": predicted.energy, "forces": predicted.forces + 0.05}


def calculator(force_field: TrainedForceField, trusted: TrustedRange) -> GuardedCalculator:
    return GuardedCalculator(force_field, trusted, tolerance=2.0, every=2, action="record")


def test_error_is_the_difference_from_the_reference(
    force_field: TrainedForceField, trusted: TrustedRange
) -> None:
    plan = Dynamics(THERMOSTAT, steps=20)
    run = guarded_dynamics(calculator(force_field, trusted), plan, Shifted(force_field))

    assert run["time"].to_list() == pytest.approx([0.001 * number for number in range(11)])
    np.testing.assert_allclose(run["error"], 50.0, atol=1e-3)
    check = trusted.check(run["soap_similarity"].to_numpy())
    np.testing.assert_allclose(run["bound"], check.upper)
    assert run["trusted"].to_list() == list(check.inside & (check.upper <= 2.0))


class NeverSolved(Shifted):
    """A reference that never converges."""

    def calculate(self, atoms=None, properties=("forces",), system_changes=tuple(all_changes)):  # type: ignore[no-untyped-def]
        raise CalculationFailed("no convergence")


def test_a_run_without_a_single_reading_is_refused(
    force_field: TrainedForceField, trusted: TrustedRange
) -> None:
    plan = Dynamics(THERMOSTAT, steps=4)
    with pytest.raises(UserError, match=r"start=0.*reference"):
        guarded_dynamics(calculator(force_field, trusted), plan, NeverSolved(force_field))


def test_run_starts_at_a_training_frame_and_repeats(
    force_field: TrainedForceField, trusted: TrustedRange
) -> None:
    plan = Dynamics(THERMOSTAT, steps=10, start=4, seed=3)
    first = guarded_dynamics(calculator(force_field, trusted), plan, GFN2())
    again = guarded_dynamics(calculator(force_field, trusted), plan, GFN2())
    assert_frame_equal(first, again, rel_tol=1e-6, abs_tol=1e-6)

    row = force_field.data.split[0].rows[4]
    trajectory = force_field.data.trajectory
    species = force_field.types_of(force_field.symbols)
    predicted = force_field.predict(force_field.batch(trajectory.positions[row], species))
    error = 1000 * np.abs(predicted.forces - trajectory.forces[row]).mean()
    assert first["error"][0] == pytest.approx(error, rel=1e-3)


def test_run_ends_when_the_molecule_breaks_apart(
    force_field: TrainedForceField, trusted: TrustedRange, monkeypatch: pytest.MonkeyPatch
) -> None:
    def apart(self: TrainedForceField, batch: MoleculeBatch) -> FramePrediction:
        return FramePrediction(0.0, 1e4 * batch.positions[0].double().numpy(), None)

    monkeypatch.setattr(TrainedForceField, "predict", apart)
    run = guarded_dynamics(calculator(force_field, trusted), Dynamics(THERMOSTAT, steps=400))
    assert 0 < run.height < 100
    assert run["error"].null_count() == run.height


class Unsolved(Shifted):
    """A reference that fails to converge from its third geometry on."""

    calls = 0

    def calculate(self, *arguments, **options):  # type: ignore[no-untyped-def]
        self.calls += 1
        if self.calls > 2:
            raise CalculationFailed("not converged")
        super().calculate(*arguments, **options)


def test_run_ends_when_the_reference_does_not_converge(
    force_field: TrainedForceField, trusted: TrustedRange
) -> None:
    plan = Dynamics(THERMOSTAT, steps=20)
    run = guarded_dynamics(calculator(force_field, trusted), plan, Unsolved(force_field))
    assert run.height == 2 and run["error"].null_count() == 0


def made_run() -> pl.DataFrame:
    """1,000 readings with an error above 10 from 0.5 ps on, flagged from 0.4 ps on."""
    time = np.arange(1000) / 1000
    error = np.where(time >= 0.5, 20.0, 5.0) + np.random.default_rng(0).normal(size=1000)
    return pl.DataFrame(
        {
            "time": time,
            "soap_similarity": 1 - time / 1000,
            "expected": error,
            "bound": error + 0.5,
            "error": error,
            "inside": time < 0.9,
            "trusted": time < 0.4,
        }
    )


def test_alarm_has_the_times_recall_and_precision_of_a_synthetic_run() -> None:
    found = alarm(made_run(), tolerance=10.0)
    assert (found.first_flag, found.first_excess) == (0.4, 0.5)
    assert found.recall is not None and found.precision is not None
    assert (found.recall.estimate, found.recall.count) == (1.0, 500)
    assert found.precision.estimate == pytest.approx(500 / 600)


def test_summary_has_counts_and_the_lead_of_the_warning(trusted: TrustedRange) -> None:
    text = "\n".join(sentences(made_run(), trusted, 10.0))
    assert "1,000 readings in 0.999 ps" in text
    assert "100 are outside the fitted range" in text
    assert re.search(r"10 meV/Å at 0\.5 ps; .* 0\.4 ps, 100 fs earlier", text)
    assert re.search(r"100\.0 % .*of the 500 readings with an error above 10 meV/Å", text)
    blind = made_run().with_columns(error=pl.lit(None, pl.Float64))
    assert "true error is unknown" in "\n".join(sentences(blind, trusted, 10.0))


def test_command_writes_the_run_and_its_figure(
    point: Path, trusted: TrustedRange, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = trusted.save(tmp_path / "range.json")
    arguments = f"--steps 40 --every 2 --tolerance 100 --out {tmp_path / 'run'}".split()
    assert call(str(point), "--range", str(file), *arguments) == 0
    assert "readings in 0.02 ps" in capsys.readouterr().out
    run = pl.read_csv(tmp_path / "run" / "dynamics.csv")
    assert run.height == 21 and run["error"].null_count() == 0
    for kind in ("svg", "png"):
        assert (tmp_path / "run" / f"dynamics.{kind}").stat().st_size > 10_000


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--tolerance", "-1"], "--tolerance -1"),
        (["--steps", "0"], "--steps 0"),
        (["--start", "20"], r"start=20.* 20 training frames"),
    ],
)
def test_mistakes_are_refused(
    arguments: list[str], named: str, point: Path, trusted: TrustedRange, tmp_path: Path
) -> None:
    file = trusted.save(tmp_path / "range.json")
    with pytest.raises(UserError, match=named):
        call(str(point), "--range", str(file), *arguments)
    assert not (point / "guard").exists()


def call(*arguments: str) -> int:
    parser = argparse.ArgumentParser()
    guard.add_parser(parser.add_subparsers())
    return guard.run(parser.parse_args(["guard", *arguments]))
