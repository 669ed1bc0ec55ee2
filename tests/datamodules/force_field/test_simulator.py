from __future__ import annotations

import math
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import ase.units
import numpy as np
import pytest
from ase import Atoms
from ase.data import atomic_masses
from tblite.ase import TBLite

from saibench.datamodules.force_field.molecules import G2_NAMES, initial_geometry
from saibench.datamodules.force_field.simulator import GFN2Simulation
from saibench.datamodules.force_field.trajectory import Trajectory
from saibench.errors import UserError

SHORT = GFN2Simulation(molecule="methanol", frames=20, stride=3, equilibration=0.005, seed=4)

HEATED = replace(SHORT, temperature=(200.0, 800.0))

SIMULATE = """
import sys
from pathlib import Path
from typing import Any
from saibench.datamodules.force_field.simulator import GFN2Simulation

source = GFN2Simulation(molecule="methanol", frames=20, stride=3, equilibration=0.005, seed=4)
print(source.load(Path(sys.argv[1])).data_hash)
"""


@pytest.fixture(scope="module")
def trajectory(tmp_path_factory: pytest.TempPathFactory) -> Trajectory:
    return SHORT.load(tmp_path_factory.mktemp("cache"))


def test_energies_and_forces_are_those_of_a_single_point(trajectory: Trajectory) -> None:
    """A calculator that has seen no frame before gives each frame's labels."""
    for frame in (0, 7, 19):
        atoms = Atoms(trajectory.symbols, trajectory.positions[frame])
        atoms.calc = TBLite(method="GFN2-xTB", accuracy=0.01, verbosity=0)
        assert atoms.get_potential_energy() == pytest.approx(trajectory.energies[frame], abs=1e-6)
        np.testing.assert_allclose(atoms.get_forces(), trajectory.forces[frame], atol=2e-3)


def test_forces_are_the_downhill_slope_of_the_energy(trajectory: Trajectory) -> None:
    step = 1e-3
    energies = []
    for sign in (1, -1):
        moved = trajectory.positions[11].copy()
        moved[2, 1] += sign * step
        atoms = Atoms(trajectory.symbols, moved)
        atoms.calc = TBLite(method="GFN2-xTB", accuracy=0.01, verbosity=0)
        energies.append(atoms.get_potential_energy())

    slope = (energies[0] - energies[1]) / (2 * step)
    assert trajectory.forces[11, 2, 1] == pytest.approx(-slope, abs=2e-3)


def test_frames_are_centred_and_have_no_net_force(trajectory: Trajectory) -> None:
    assert trajectory.positions.shape == trajectory.forces.shape == (20, 6, 3)
    np.testing.assert_allclose(trajectory.positions.mean(axis=1), 0, atol=1e-12)
    np.testing.assert_allclose(trajectory.forces.sum(axis=1), 0, atol=1e-6)
    assert "".join(sorted(trajectory.symbols)) == "CHHHHO"


def test_frames_follow_each_other_by_the_stride(trajectory: Trajectory, tmp_path: Path) -> None:
    """Every step of the same run holds the frames of the strided one."""
    every_step = replace(SHORT, frames=7, stride=1).load(tmp_path)

    # a step of 0.5 fs carries the rounding of forces that threads add up in another order
    np.testing.assert_allclose(every_step.positions[::3], trajectory.positions[:3], atol=1e-9)
    np.testing.assert_allclose(trajectory.time, np.arange(20) * 3 * 0.0005, rtol=1e-12)
    np.testing.assert_array_equal(trajectory.sample_id, np.arange(20))


def test_the_preview_is_the_index(trajectory: Trajectory) -> None:
    assert SHORT.preview().equals(trajectory.index())


def test_atoms_move_as_fast_as_the_temperature_says(tmp_path: Path) -> None:
    """The relative velocity of two equal atoms has the variance 2 kT/m along each axis."""
    source = GFN2Simulation(molecule="water", frames=1500, stride=1, friction=100.0)
    trajectory = source.load(tmp_path)

    first, second = (i for i, symbol in enumerate(trajectory.symbols) if symbol == "H")
    apart = trajectory.positions[:, first] - trajectory.positions[:, second]
    velocity = np.diff(apart, axis=0) / (0.5 * ase.units.fs)
    expected = 2 * ase.units.kB * 500 / atomic_masses[1]
    assert np.square(velocity).mean() == pytest.approx(expected, rel=0.2)


def test_one_seed_is_one_trajectory_whatever_the_threads(
    trajectory: Trajectory, tmp_path: Path
) -> None:
    for threads in ("2", None):
        environment = {key: value for key, value in os.environ.items() if key != "OMP_NUM_THREADS"}
        if threads is not None:
            environment["OMP_NUM_THREADS"] = threads
        done = subprocess.run(
            [sys.executable, "-c", SIMULATE, tmp_path / f"threads_{threads}"],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout.strip() == trajectory.data_hash
        assert "frame" in done.stderr  # the progress bar


def test_another_seed_is_another_trajectory(trajectory: Trajectory, tmp_path: Path) -> None:
    other = replace(SHORT, seed=5).load(tmp_path)

    assert other.data_hash != trajectory.data_hash
    assert np.abs(other.positions - trajectory.positions).max() > 0.01


@pytest.mark.parametrize(
    ("temperature", "values"), [([800, 100, 3], "at most 2 values"), ([800], "at least 2 values")]
)
def test_a_list_of_temperatures_that_are_not_two_names_what_is_valid(
    temperature: list[float], values: str
) -> None:
    with pytest.raises(UserError, match="temperature") as refused:
        GFN2Simulation(temperature=temperature)  # type: ignore[arg-type]
    assert f"a number or a list of {values}" in str(refused.value)


@pytest.mark.parametrize(
    "changed",
    [
        {"molecule": "water"},
        {"temperature": 300.0},
        {"temperature": [500.0, 600.0]},
        {"timestep": 0.4},
        {"frames": 19},
        {"stride": 2},
        {"friction": 5.0},
        {"equilibration": 0.006},
        {"seed": 5},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_every_field_changes_the_recipe_and_the_trajectory(
    trajectory: Trajectory, tmp_path: Path, changed: dict[str, Any]
) -> None:
    source = replace(SHORT, **changed)

    assert source.recipe() != SHORT.recipe()
    assert source.load(tmp_path).data_hash != trajectory.data_hash


def test_temperature_of_a_heated_frame_is_a_column_of_the_index(
    trajectory: Trajectory, tmp_path: Path
) -> None:
    heated = HEATED.load(tmp_path)

    assert heated.index().equals(HEATED.preview())
    np.testing.assert_allclose(heated.index()["temperature"], 200 + 600 * np.arange(20) / 19)
    assert trajectory.index().columns == ["sample_id", "time"]
    assert [field.unit for field in HEATED.index_fields] == ["K"]
    assert "200 to 800 K" in HEATED.describe()


def test_two_equal_temperatures_are_one(trajectory: Trajectory, tmp_path: Path) -> None:
    same = replace(SHORT, temperature=(500.0, 500.0))

    np.testing.assert_array_equal(same.load(tmp_path).positions, trajectory.positions)
    assert same.index_fields == []


def test_heated_atoms_become_faster(tmp_path: Path) -> None:
    """The mean square velocity is proportional to the temperature."""
    water = GFN2Simulation("water", (100.0, 900.0), frames=1200, stride=1, friction=100.0)
    heated = water.load(tmp_path)

    first, second = (i for i, symbol in enumerate(heated.symbols) if symbol == "H")
    apart = heated.positions[:, first] - heated.positions[:, second]
    cold, hot = np.array_split(np.square(np.diff(apart, axis=0)).mean(axis=1), 2)
    assert 1.5 < hot.mean() / cold.mean() < 3.5  # of 300 and 700 K: 2.33


def test_recipe_of_a_constant_temperature_is_that_of_saibench_0_1() -> None:
    versions = SHORT.recipe()["versions"]

    assert SHORT.recipe() == {
        "source": "gfn2_xtb",
        "molecule": "methanol",
        "temperature": 500.0,
        "timestep": 0.5,
        "frames": 20,
        "stride": 3,
        "friction": 2.0,
        "equilibration": 0.005,
        "seed": 4,
        "versions": versions,
    }


def test_it_describes_itself_in_one_sentence() -> None:
    assert GFN2Simulation().describe() == (
        "4,000 frames of ethanol, 2 fs apart, from Langevin dynamics at 500 K with energies and "
        "forces of GFN2-xTB (seed 1)."
    )


@pytest.mark.parametrize("molecule", [*G2_NAMES, "malonaldehyde", "glycolaldehyde", "propanol"])
def test_every_named_molecule_starts_near_its_equilibrium(molecule: str) -> None:
    atoms = initial_geometry(molecule)
    atoms.calc = TBLite(method="GFN2-xTB", verbosity=0)

    assert np.linalg.norm(atoms.get_forces(), axis=1).max() < 2.5  # eV/Å
    assert initial_geometry(molecule) is not initial_geometry(molecule)


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"molecule": "ethanole"}, "'ethanol'"),
        ({"molecule": "H"}, "data.molecule=H "),
        ({"temperature": 0.0}, "data.temperature=0"),
        ({"temperature": math.inf}, "data.temperature=inf"),
        ({"temperature": [200, -1]}, r"data.temperature\[1\]=-1"),
        ({"timestep": -0.5}, "data.timestep=-0.5"),
        ({"friction": math.nan}, "data.friction=nan"),
        ({"frames": 0}, "data.frames=0"),
        ({"stride": 0}, "data.stride=0"),
        ({"equilibration": -1.0}, "data.equilibration=-1"),
        ({"seed": -1}, "data.seed=-1"),
        ({"seed": 2**32}, "data.seed=4294967296"),
    ],
)
def test_an_impossible_value_is_refused(wrong: dict[str, Any], sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        GFN2Simulation(**wrong)


def test_a_molecule_that_breaks_is_refused_in_one_sentence(tmp_path: Path) -> None:
    source = GFN2Simulation(molecule="water", timestep=50.0, frames=50, equilibration=0.0)

    with pytest.raises(UserError, match=r"data\.timestep"):
        source.load(tmp_path)
