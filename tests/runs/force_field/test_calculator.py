"""A guarded calculator against the net, the features of its data module, and the range."""

from __future__ import annotations

import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from ase import Atoms

from saibench.analysis.trusted_range import Quantity, TrustedRange
from saibench.errors import UserError
from saibench.evidence.schema import read_table
from saibench.runs.force_field import (
    GuardedCalculator,
    OutOfTrustedRange,
    OutOfTrustedRangeWarning,
    TrainedForceField,
    UnsuitedRangeWarning,
)
from saibench.runs.force_field.frame_features import FrameFeatures, known_features


def frame(force_field: TrainedForceField, row: int) -> Atoms:
    return Atoms(force_field.symbols, force_field.data.trajectory.positions[row])


def farthest(force_field: TrainedForceField) -> int:
    similarity = force_field.data.features(np.arange(300))["soap_similarity"]
    return int(similarity.arg_min() or 0)


def test_energy_and_forces_are_those_of_the_trained_net(
    force_field: TrainedForceField, trusted: TrustedRange
) -> None:
    atoms = frame(force_field, 250)
    atoms.calc = GuardedCalculator(force_field, trusted, action="record")

    checkpoint = torch.load(force_field.folder / "best.ckpt", weights_only=True)
    state = checkpoint["state_dict"]
    for name, value in force_field.module.state_dict().items():
        assert torch.equal(value, state[name])
    positions = torch.from_numpy(atoms.positions).float()[None]
    species = torch.tensor(force_field.module.dataset_info["species"])
    energy, forces = force_field.module.net(positions, species)
    mean = force_field.module.dataset_info["energy_mean"]
    assert atoms.get_potential_energy() == pytest.approx(float(energy) + mean, abs=1e-4)
    np.testing.assert_allclose(atoms.get_forces(), forces[0].detach().numpy(), atol=1e-5)


def test_forces_are_the_gradient_of_the_energy(
    force_field: TrainedForceField, trusted: TrustedRange
) -> None:
    atoms = frame(force_field, 10)
    atoms.calc = GuardedCalculator(force_field, trusted, action="record")
    forces = atoms.get_forces()
    atom, axis = np.unravel_index(np.abs(forces).argmax(), forces.shape)
    step = 0.02
    energies = []
    for sign in (1, -1):
        moved = atoms.copy()
        moved.positions[atom, axis] += sign * step
        moved.calc = atoms.calc
        energies.append(
            moved.get_potential_energy() - force_field.module.dataset_info["energy_mean"]
        )
    assert -(energies[0] - energies[1]) / (2 * step) == pytest.approx(forces[atom, axis], rel=0.03)


def test_atoms_may_have_another_order(
    force_field: TrainedForceField, trusted: TrustedRange
) -> None:
    atoms = frame(force_field, 40)
    order = np.random.default_rng(0).permutation(len(atoms))
    calculator = GuardedCalculator(force_field, trusted, action="record")
    forces = calculator.get_forces(atoms)
    other = calculator.get_forces(atoms[order])
    np.testing.assert_allclose(other, forces[order], atol=1e-4)
    first, second = calculator.readings
    assert first.bound == pytest.approx(second.bound, rel=1e-4)


def test_reading_equals_features_and_bound_of_the_range(
    force_field: TrainedForceField, trusted: TrustedRange
) -> None:
    rows = np.array([5, 120, 280])
    calculator = GuardedCalculator(force_field, trusted, tolerance=2.0, action="record")
    for row in rows:
        calculator.get_forces(frame(force_field, int(row)))

    known = force_field.data.features(rows)["soap_similarity"].to_numpy()
    check = trusted.check(known)
    found = calculator.readings
    np.testing.assert_allclose([one.features["soap_similarity"] for one in found], known, atol=1e-7)
    np.testing.assert_allclose([one.bound for one in found], check.upper, rtol=1e-3)
    assert [one.trusted for one in found] == [
        bool(inside and upper <= 2.0)
        for inside, upper in zip(check.inside, check.upper, strict=True)
    ]
    assert calculator.results["error_bound"] == found[-1].bound
    assert calculator.results["trusted"] == found[-1].trusted


def test_a_training_frame_is_inside_although_no_tested_frame_was_as_near(
    force_field: TrainedForceField,
) -> None:
    data = force_field.data
    tested = np.setdiff1d(np.arange(data.index.height), data.learned_rows)
    distance = data.features(tested)["soap_distance"].to_numpy()
    error = 1000 * distance * np.random.default_rng(0).uniform(0.5, 1.5, len(tested))
    ranges = [
        TrustedRange.fit(
            distance,
            error,
            np.arange(len(error)) // 3,
            kind="monotone",
            names=[Quantity("soap_distance", training=side)],
        )
        for side in ("low", "")
    ]
    learned = data.features(data.learned_rows)["soap_distance"].to_numpy()
    nearest = int(data.learned_rows[learned.argmin()])
    assert learned.min() < ranges[0].low[0]
    found = []
    for trusted in ranges:
        calculator = GuardedCalculator(force_field, trusted, action="record")
        calculator.get_forces(frame(force_field, nearest))
        found.append(calculator.readings[0])
    assert found[0].trusted and not found[1].trusted
    assert found[0].bound < found[1].bound


@pytest.mark.parametrize("place", [1e4, np.nan])
def test_a_broken_molecule_is_not_trusted(
    force_field: TrainedForceField, trusted: TrustedRange, place: float
) -> None:
    atoms = frame(force_field, 3)
    atoms.positions[0] = place
    calculator = GuardedCalculator(force_field, trusted, action="record")
    calculator.get_forces(atoms)
    (reading,) = calculator.readings
    assert not reading.trusted and reading.bound == np.inf
    assert "broken" in reading.sentence()


def test_leaving_the_range_warns_once_per_excursion(
    force_field: TrainedForceField, trusted: TrustedRange
) -> None:
    near, far = frame(force_field, 3), frame(force_field, farthest(force_field))
    between = GuardedCalculator(force_field, trusted, action="record")
    between.get_forces(near)
    between.get_forces(far)
    inner, outer = (one.bound for one in between.readings)
    calculator = GuardedCalculator(force_field, trusted, tolerance=(inner + outer) / 2)

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for atoms in (near, far, moved(far), near, far):
            calculator.get_forces(atoms)

    steps = [str(one.message).partition(":")[0] for one in caught]
    assert steps == ["Step 1", "Step 4"]
    assert all(one.category is OutOfTrustedRangeWarning for one in caught)


def test_leaving_the_range_stops_with_action_stop(
    force_field: TrainedForceField, trusted: TrustedRange
) -> None:
    calculator = GuardedCalculator(force_field, trusted, tolerance=1e-6, action="stop")
    with pytest.raises(OutOfTrustedRange, match="1e-06 meV/Å") as stopped:
        calculator.get_forces(frame(force_field, 3))
    assert stopped.value.reading == calculator.readings[-1]


def test_frame_far_from_the_fitted_ones_is_outside(
    force_field: TrainedForceField, trusted: TrustedRange
) -> None:
    atoms = frame(force_field, 3)
    atoms.positions *= 1.5
    calculator = GuardedCalculator(force_field, trusted, tolerance=1e6)
    with pytest.warns(OutOfTrustedRangeWarning, match="outside"):
        calculator.get_forces(atoms)


def test_only_every_kth_geometry_is_read(
    force_field: TrainedForceField, trusted: TrustedRange
) -> None:
    calculator = GuardedCalculator(force_field, trusted, every=3, action="record")
    for row in range(7):
        calculator.get_forces(frame(force_field, row))
        calculator.get_forces(frame(force_field, row))  # the same geometry again
    assert [one.step for one in calculator.readings] == [0, 3, 6]


def moved(atoms: Atoms) -> Atoms:
    other = atoms.copy()
    other.positions[0] += 1e-4
    return other


def test_mistakes_are_refused(
    force_field: TrainedForceField, trusted: TrustedRange, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=r"config\.yaml"):
        GuardedCalculator(tmp_path, trusted)
    with pytest.raises(UserError, match=r"C2H6O.*H2O"):
        GuardedCalculator(force_field, trusted).get_forces(Atoms("H2O", np.eye(3)))
    with pytest.raises(UserError, match="pbc"):
        periodic = frame(force_field, 0)
        periodic.set_cell([9, 9, 9])
        periodic.pbc = True
        GuardedCalculator(force_field, trusted, action="record").get_forces(periodic)
    of_time = TrustedRange.fit(
        np.arange(100.0), np.linspace(1, 2, 100), np.arange(100) // 2, names=["time"]
    )
    with pytest.raises(UserError, match="range uses time"):
        GuardedCalculator(force_field, of_time)
    with pytest.raises(UserError, match=r"action=shout.*record, stop, warn"):
        GuardedCalculator(force_field, trusted, action="shout")  # type: ignore[arg-type]


def test_range_of_another_molecule_is_refused_and_of_another_run_warns(
    force_field: TrainedForceField, trusted: TrustedRange
) -> None:
    other = replace(trusted, source=replace(trusted.source, system="C4H4N2O2", points=("p0",)))
    with pytest.raises(UserError, match=r"C4H4N2O2.*C2H6O"):
        GuardedCalculator(force_field, other, action="record")
    elsewhere = replace(trusted, source=replace(trusted.source, points=("p0",)))
    with pytest.warns(UnsuitedRangeWarning, match=force_field.model.run):
        GuardedCalculator(force_field, elsewhere)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UnsuitedRangeWarning)
        GuardedCalculator(force_field, trusted)


def test_features_of_a_frame_are_those_of_the_evidence(point: Path) -> None:
    """All of them, in any order of the atoms; rounding of the net is that of single precision."""
    force_field = TrainedForceField.load(point)
    names = known_features(force_field)
    evidence = read_table(point / "samples.parquet").sample(4, seed=0)
    order = np.random.default_rng(0).permutation(len(force_field.symbols))
    symbols = [force_field.symbols[i] for i in order]
    frames = FrameFeatures(force_field, symbols, names)
    assert {"soap_distance_atom", "latent_mahalanobis", "committee_std"} <= set(names)
    for row in evidence.iter_rows(named=True):
        positions = force_field.data.trajectory.positions[row["sample_id"]][order]
        predicted, found = frames.read(positions)
        plain = frames.predict(positions)
        assert predicted.energy == plain.energy
        assert np.array_equal(predicted.forces, plain.forces)
        assert set(found) == set(names)
        for name, value in found.items():
            assert value == pytest.approx(row[name], rel=2e-3, abs=1e-3), name


def test_forces_of_a_frame_are_compared_with_the_energy_if_requested(
    force_field: TrainedForceField, monkeypatch: pytest.MonkeyPatch
) -> None:
    """NequIP's are gradients: what is left is the rounding of energies in single precision."""
    assert "force_inconsistency" not in known_features(force_field)
    monkeypatch.setitem(force_field.module.hparams, "force_inconsistency", True)
    assert "force_inconsistency" in known_features(force_field)
    frames = FrameFeatures(force_field, force_field.symbols, ["force_inconsistency"])
    positions = force_field.data.trajectory.positions[0]
    values = [frames.read(positions)[1]["force_inconsistency"] for _ in range(3)]
    assert len(set(values)) > 1  # other directions
    assert max(values) < 5  # meV/Å
