"""Faulty frames are refused with their name, and no valid file is refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase import Atoms
from ase.build import molecule
from ase.calculators.singlepoint import SinglePointCalculator
from ase.collections import g2
from ase.data import atomic_masses
from ase.data.s22 import create_s22_system, s22
from ase.io import read
from command_line import QUIET, train

from saibench.datamodules.force_field.accelerations import acceleration_ratio
from saibench.datamodules.force_field.ase_frames import frames_of_atoms
from saibench.datamodules.force_field.checks import check_trajectory
from saibench.datamodules.force_field.energy_units import (
    ENERGY_UNITS,
    STIFFNESS,
    bond_stiffness,
    fits_work,
    work_ratio,
)
from saibench.datamodules.force_field.lengths import (
    LENGTHS,
    neighbour_distances,
    smallest_neighbour_distance,
)
from saibench.datamodules.force_field.md17 import MD17
from saibench.datamodules.force_field.simulator import GFN2Simulation
from saibench.datamodules.force_field.trajectory import Trajectory
from saibench.errors import UserError
from saibench.units import ANGSTROM_PER_BOHR

ARRAYS_BY_FRAME = ("positions", "energies", "forces", "sample_id", "time")


def neighbour_distance(numbers: np.ndarray, positions: np.ndarray) -> float | None:
    return smallest_neighbour_distance(neighbour_distances(numbers, positions))


@pytest.fixture(scope="module")
def simulated(cache: Path) -> Trajectory:
    """100 frames of methanol, 0.5 fs apart."""
    return GFN2Simulation("methanol", frames=100, stride=1, equilibration=0.05).load(cache)


def changed(trajectory: Trajectory, **change: Callable[[np.ndarray], np.ndarray]) -> Trajectory:
    return replace(
        trajectory, **{name: of(np.array(getattr(trajectory, name))) for name, of in change.items()}
    )


def row_set(row: int, value: float) -> Callable[[np.ndarray], np.ndarray]:
    def changed(array: np.ndarray) -> np.ndarray:
        array[row] = value
        return array

    return changed


def real_files(data_dir: Path) -> dict[str, dict[str, np.ndarray]]:
    """Every real file with forces, in eV."""
    found = {}
    for path in sorted((data_dir / "rmd17/npz_data").glob("*.npz")):
        file = np.load(path)
        to_ev = ENERGY_UNITS["kcal/mol"]
        found[path.name] = {
            "atomic_numbers": file["nuclear_charges"].astype(int),
            "positions": file["coords"],
            "energies": file["energies"] * to_ev,
            "forces": file["forces"] * to_ev,
            "time": file["old_indices"] * 0.0005,
        }
    for path in sorted((data_dir / "acac").glob("*MD*.xyz")):
        found[path.name] = frames_of_atoms(read(path, ":"), path.name)
    assert len(found) == 6
    return found


@pytest.mark.parametrize("frames", [20, 10_000])
def test_every_real_file_has_its_unit_and_no_other(data_dir: Path, frames: int) -> None:
    """Wrong by a factor of 4.2 (kJ for kcal) or more, the force constant is refused."""
    low, high = STIFFNESS
    for name, file in real_files(data_dir).items():
        of = {key: values[:frames] for key, values in file.items() if key != "atomic_numbers"}
        stiffness = bond_stiffness(file["atomic_numbers"], of["positions"], of["forces"])
        assert stiffness is not None and low <= stiffness <= high, name
        for unit in ("kcal/mol", "kJ/mol", "Hartree"):
            assert not low <= stiffness * ENERGY_UNITS[unit] <= high, (name, unit)
        assert not low <= stiffness * 4.184 <= high, name
        if "time" in of and frames > 20:
            ratio = work_ratio(of["positions"], of["energies"], of["forces"], of["time"])
            assert ratio == pytest.approx((1, 1), abs=0.1), name


@pytest.mark.parametrize("unit", ["kcal/mol", "kJ/mol", "Hartree"])
def test_a_wrong_unit_is_refused_with_the_right_one(simulated: Trajectory, unit: str) -> None:
    check_trajectory(simulated)
    factor = ENERGY_UNITS[unit]
    given = changed(simulated, energies=lambda e: e * factor, forces=lambda f: f * factor)
    with pytest.raises(UserError, match="energy_unit=eV"):
        check_trajectory(given, unit)


def without_hydrogen(apart: float) -> Trajectory:
    """200 frames of CO2 whose bonds and angle are springs, `apart` ps one from the next."""
    rng = np.random.default_rng(0)
    rest = np.array([[0.0, 0, 0], [1.16, 0, 0], [-1.16, 0, 0]])
    time = np.arange(200) * apart
    periods, phases = rng.uniform(0.014, 0.05, (3, 3)), rng.uniform(0, 2 * np.pi, (3, 3))
    moved = 0.03 * np.sin(2 * np.pi * time[:, None, None] / periods + phases)
    constant = 20.0  # eV/Å²
    return Trajectory(
        name="carbon dioxide",
        symbols=("C", "O", "O"),
        atomic_numbers=np.array([6, 8, 8]),
        positions=rest + moved,
        energies=constant / 2 * np.square(moved).sum(axis=(1, 2)),
        forces=-constant * moved,
        sample_id=np.arange(200),
        time=time,
        data_hash="",
    )


@pytest.mark.parametrize("apart", [0.002, 0.01])
def test_energies_in_another_unit_are_found_without_hydrogen(apart: float) -> None:
    frames = without_hydrogen(apart)
    check_trajectory(frames)
    with pytest.raises(UserError, match=r"23\.1 times the work"):
        check_trajectory(changed(frames, energies=lambda e: e * 23.06))


def test_units_that_cannot_be_checked_give_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    frames = without_hydrogen(0.002)
    check_trajectory(frames)
    (warning,) = caplog.messages
    assert "carbon dioxide" in warning and " eV" in warning, "any unit of energies would fit"
    caplog.clear()
    few = {name: lambda array: array[:30] for name in ARRAYS_BY_FRAME}
    check_trajectory(changed(frames, **few), "kcal/mol")
    (warning,) = caplog.messages
    assert "carbon dioxide" in warning and "kcal/mol" in warning


@pytest.mark.parametrize("frames", [21, 60, 150])
def test_real_frames_at_any_spacing_are_within_the_bounds(data_dir: Path, frames: int) -> None:
    rng = np.random.default_rng(0)
    for name, file in real_files(data_dir).items():
        count = len(file["positions"])
        for stride in (1, 3, 8):
            start = rng.integers(0, max(1, count - frames * stride))
            rows = slice(start, start + frames * stride, stride)
            time = file.get("time", 0.01 * np.arange(count))
            ratio = work_ratio(
                file["positions"][rows], file["energies"][rows], file["forces"][rows], time[rows]
            )
            assert ratio is None or fits_work(ratio), (name, stride)


@pytest.mark.parametrize("stride", [1, 2, 5, 10])
def test_forces_per_bohr_and_per_angstrom_are_distinguished_for_dense_frames(
    data_dir: Path, stride: int
) -> None:
    for name, file in real_files(data_dir).items():
        if "time" not in file:
            continue
        rows = np.argsort(file["time"])[::stride]
        of = {key: file[key][rows] for key in ("positions", "energies", "forces", "time")}
        ratio = work_ratio(**of)
        assert ratio is None or fits_work(ratio), name
        for factor in (ANGSTROM_PER_BOHR, 1 / ANGSTROM_PER_BOHR) if stride == 1 else ():
            wrong = work_ratio(**{**of, "forces": of["forces"] * factor})
            assert wrong is not None and not fits_work(wrong), (name, factor)


@pytest.mark.parametrize(
    ("unit", "pattern"),
    [
        ("Hartree", r"Hartree/Bohr .* 1\.88973\."),
        ("kcal/mol", "Hartree/Bohr .*data.energy_unit=Hartree and multiply .* 1.88973"),
        (None, "Hartree/Bohr .*Convert energies to eV and forces to eV/Å"),
    ],
)
def test_atomic_units_of_forces_are_named(
    simulated: Trajectory, unit: str | None, pattern: str
) -> None:
    """Energies in Hartree and forces in Hartree/Bohr, converted from `unit` and `unit`/Å."""
    factor = ENERGY_UNITS[unit or "eV"] / ENERGY_UNITS["Hartree"]
    given = changed(
        simulated,
        energies=lambda e: e * factor,
        forces=lambda f: f * factor * ANGSTROM_PER_BOHR,
    )
    with pytest.raises(UserError, match=pattern):
        check_trajectory(given, unit)


def test_energies_per_atom_are_named(simulated: Trajectory) -> None:
    atoms = len(simulated.symbols)
    given = changed(simulated, energies=lambda energies: energies / atoms)
    with pytest.raises(UserError, match=f"per atom .*{atoms} atoms"):
        check_trajectory(given, "eV")


def test_followed_advice_passes(simulated: Trajectory) -> None:
    """Of energies and forces in two units, a unit that fits the forces alone is not advised."""
    mixed = changed(simulated, energies=lambda e: e * 23.06, forces=lambda f: f / 23.06)
    with pytest.raises(UserError, match=r"(?i)no unit .*data\.energy_unit=eV") as refused:
        check_trajectory(mixed, "kcal/mol")
    assert "energy_unit=kcal" not in str(refused.value)


@pytest.mark.parametrize("unit", ["eV", "Hartree"])
def test_energies_that_cannot_be_checked_by_the_work_give_a_warning(
    simulated: Trajectory, unit: str, caplog: pytest.LogCaptureFixture
) -> None:
    few = {name: lambda array: array[::3] for name in ARRAYS_BY_FRAME}
    check_trajectory(changed(simulated, **few), unit)
    (warning,) = caplog.messages
    assert "methanol" in warning and "energies" in warning and f"{unit}/Å" in warning
    assert ("Hartree/Bohr" in warning) == (unit == "Hartree")


def test_a_real_molecule_is_in_angstrom_and_in_no_other_unit(data_dir: Path) -> None:
    low, high = LENGTHS
    for name, file in real_files(data_dir).items():
        for factor in (1, 1 / ANGSTROM_PER_BOHR, 0.1, 100):
            distance = neighbour_distance(file["atomic_numbers"], file["positions"] * factor)
            assert distance is not None
            assert (low <= distance <= high) == (factor == 1), (name, factor)
    for name in (*g2.names, *s22):
        atoms = molecule(name) if name in g2.names else create_s22_system(name)
        distance = neighbour_distance(atoms.numbers, atoms.positions[None])
        assert distance is None or low <= distance <= high, name


def test_noble_gases_and_broken_bonds_are_not_refused_for_their_distances() -> None:
    apart = np.linspace(0.6, 5, 50)[:, None, None] * np.array([[[0.0, 0, 0], [1, 0, 0]]])
    assert neighbour_distance(np.array([18, 18]), 3.8 * apart) is None
    hydrogen = neighbour_distance(np.array([1, 1]), apart)
    assert hydrogen is not None and hydrogen < LENGTHS[1] * 1.2


FAULTS: dict[str, tuple[dict[str, Any], str]] = {
    "energies in another unit than forces": ({"energies": lambda e: e * 23.06}, "work"),
    "gradients": ({"forces": lambda f: -f}, "gradients"),
    "forces of 0": ({"forces": lambda f: 0 * f}, "forces .* 0 in 100 of 100"),
    "a frame without forces": ({"forces": row_set(7, 0)}, "row 7 "),
    "NaN in positions": ({"positions": row_set(3, np.nan)}, "'positions'.* row 3 "),
    "Inf in energies": ({"energies": row_set(4, np.inf)}, "'energies'.* row 4 "),
    "NaN in time": ({"time": row_set(5, np.nan)}, "'time'.* row 5 "),
    "atoms in one place": ({"positions": row_set(9, 1.0)}, "row 9 "),
    "positions in nm": ({"positions": lambda r: r / 10}, "nm .* by 10"),
    "positions in Bohr": ({"positions": lambda r: r / 0.529177}, r"Bohr .* by 0\.529177"),
    "energies of 0": ({"energies": lambda e: 0 * e}, "energies .* 0 eV"),
    "one energy": ({"energies": lambda e: 0 * e - 3}, "energies .* -3 eV"),
    "a wrong shape": ({"forces": lambda f: f[:, :2]}, "forces.*shape"),
}


@pytest.mark.parametrize(("change", "pattern"), FAULTS.values(), ids=FAULTS)
def test_a_faulty_frame_is_named(
    simulated: Trajectory, change: dict[str, Any], pattern: str
) -> None:
    with pytest.raises(UserError, match=pattern) as refused:
        check_trajectory(changed(simulated, **change))
    assert "methanol" in str(refused.value)


def md17_file(root: Path, trajectory: Trajectory, **more: np.ndarray) -> None:
    """The frames in MD17's layout, in eV."""
    np.savez(
        root / "md17_ethanol.npz",
        z=trajectory.atomic_numbers,
        R=trajectory.positions,
        E=trajectory.energies,
        F=trajectory.forces,
        **more,
    )


def test_a_file_in_ev_is_refused_by_its_unit_and_read_with_it(
    simulated: Trajectory, tmp_path: Path
) -> None:
    md17_file(tmp_path, simulated)
    small = ("model=cartesian", "subset.count=20", "trainer.max_steps=2", "trainer.val_every=2")
    small = (*small, "window.size=null")
    command = ("data=md17", "data.molecule=ethanol", f"data.root={tmp_path}", *small, *QUIET)
    ended = train(tmp_path, *command)
    assert ended.status == 2
    assert "Use data.energy_unit=eV." in ended.err
    read_in_ev = MD17("ethanol", str(tmp_path), "eV").load(tmp_path / "cache")
    check_trajectory(read_in_ev, "eV")
    np.testing.assert_allclose(read_in_ev.forces, simulated.forces)


@pytest.mark.parametrize(
    ("keys", "periodic"),
    [
        ({"cell": np.eye(3) * 10}, True),
        ({"Lattice": np.eye(3) * 10, "pbc": np.array([True, True, False])}, True),
        ({"cell": np.eye(3) * 10, "pbc": np.zeros(3, bool)}, False),
        ({"cell": np.zeros((3, 3))}, False),
    ],
)
def test_a_cell_in_a_file_is_refused_unless_nothing_is_periodic(
    keys: dict[str, np.ndarray], periodic: bool, simulated: Trajectory, tmp_path: Path
) -> None:
    md17_file(tmp_path, simulated, **keys)
    source = MD17("ethanol", str(tmp_path), "eV")
    if not periodic:
        assert source.preview_symbols()
        return
    for act in (source.preview_symbols, lambda: source.load(tmp_path / "cache")):
        with pytest.raises(UserError, match=f"md17_ethanol.npz.*{next(iter(keys))}|pbc"):
            act()


def image(symbols: str, **more: Any) -> Atoms:
    atoms = Atoms(symbols, np.arange(9).reshape(3, 3), **more)
    atoms.calc = SinglePointCalculator(atoms, energy=1.0, forces=np.ones((3, 3)))
    return atoms


@pytest.mark.parametrize(
    ("second", "pattern"),
    [
        (image("OH2", pbc=True, cell=[9, 9, 0]), "frame 1 .*periodic"),
        (image("HOH"), "frame 1 .*H2O in another order"),
        (image("CH2"), "frame 1 .*CH2,.* frame 0 .*H2O"),
        (Atoms("OH2", np.ones((3, 3))), "frame 1 .*energy .*forces"),
    ],
)
def test_frames_of_ase_that_do_not_belong_together_are_named(second: Atoms, pattern: str) -> None:
    with pytest.raises(UserError, match=pattern):
        frames_of_atoms([image("OH2"), second], "water.xyz")


def test_force_equals_mass_times_acceleration(simulated: Trajectory) -> None:
    numbers, arrays = simulated.atomic_numbers, (simulated.positions, simulated.forces)
    assert acceleration_ratio(numbers, *arrays, simulated.time) == pytest.approx(1, abs=0.05)
    twice = acceleration_ratio(numbers, *arrays, simulated.time / 2)
    assert twice == pytest.approx(4, abs=0.2)
    assert acceleration_ratio(numbers, *arrays, 10 * simulated.time) is None, "10 fs apart"
    shuffled = np.random.default_rng(0).permutation(len(simulated.time))
    mixed = (numbers, *(array[shuffled] for array in arrays), simulated.time)
    assert acceleration_ratio(*mixed) is None


def test_independent_frames_of_a_spring_are_no_trajectory() -> None:
    """Their second difference correlates with the force by the square root of 2/3."""
    stretch = np.random.default_rng(0).normal(size=(1000, 1, 1)) * [[[0.05, 0, 0]]]
    half = stretch + np.array([0.37, 0, 0])
    positions = np.concatenate([half, -half], axis=1)
    forces = np.concatenate([-60 * stretch, 60 * stretch], axis=1)
    time = 0.0005 * np.arange(1000)
    assert acceleration_ratio(np.array([1, 1]), positions, forces, time) is None


def test_accelerations_of_a_spring_are_those_of_its_equation() -> None:
    """Two bound atoms: reduced mass and force constant give the trajectory by formula."""
    numbers, constant = np.array([8, 6]), 60.0  # eV/Å²
    reduced = np.prod(atomic_masses[numbers]) / atomic_masses[numbers].sum()
    frequency = np.sqrt(constant / (reduced * 1.03642697e-4))  # rad/ps
    time = 0.0005 * np.arange(200)
    stretch = 0.05 * np.cos(frequency * time)
    share = atomic_masses[numbers[::-1]] / atomic_masses[numbers].sum() * [1, -1]
    positions = np.zeros((200, 2, 3))
    positions[:, :, 0] = stretch[:, None] * share + [0.56, -0.56]
    forces = np.zeros((200, 2, 3))
    forces[:, :, 0] = -constant * stretch[:, None] * [1, -1]
    expected = (np.sin(frequency * 0.00025) / (frequency * 0.00025)) ** 2
    found = acceleration_ratio(numbers, positions, forces, time)
    assert found == pytest.approx(expected, rel=1e-6)


def test_a_wrong_timestep_is_refused(simulated: Trajectory) -> None:
    with pytest.raises(UserError, match=r"0\.25 fs between frames.*data\.timestep"):
        check_trajectory(changed(simulated, time=lambda time: time / 2), "eV")
