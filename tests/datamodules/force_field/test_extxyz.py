"""Extended XYZ files, compared with ASE; faults are named by file and frame."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import ase.io
import numpy as np
import polars as pl
import pytest
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator

from saibench.datamodules.force_field.checks import check_trajectory
from saibench.datamodules.force_field.extxyz import ExtxyzFrames
from saibench.datamodules.samplers import Where
from saibench.errors import UserError
from saibench.evidence.independence import Independence
from saibench.units import EV_PER_KCAL_PER_MOL

SYMBOLS = "OHH"
WATER = np.array([[0.0, 0.0, 0.0], [0.96, 0.0, 0.0], [-0.24, 0.93, 0.0]])


def frames(count: int, seed: int = 0, *, forces: bool = True) -> list[Atoms]:
    """Water molecules that vibrate, far from the origin."""
    random = np.random.default_rng(seed)
    images = []
    for _ in range(count):
        moved = 0.03 * random.normal(size=(3, 3))
        atoms = Atoms(SYMBOLS, WATER + moved + 200)
        of_forces = {"forces": -35 * moved} if forces else {}
        energy = -2000 + 17.5 * float(np.square(moved).sum())
        atoms.calc = SinglePointCalculator(atoms, energy=energy, **of_forces)
        images.append(atoms)
    return images


def written(path: Path, images: Sequence[Atoms]) -> Path:
    ase.io.write(path, images, format="extxyz")
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    written(tmp_path / "cold.xyz", frames(30))
    written(tmp_path / "hot.xyz", frames(20, seed=1))
    written(tmp_path / "path.xyz", frames(5, seed=2, forces=False))
    return tmp_path


FILES = ("cold.xyz", "hot.xyz", "path.xyz")


def test_frames_are_those_that_ase_reads(folder: Path, tmp_path: Path) -> None:
    source = ExtxyzFrames(FILES, root=str(folder))
    trajectory = source.load(tmp_path / "cache")
    images = [atoms for file in FILES for atoms in ase.io.read(folder / file, ":")]
    assert trajectory.symbols == tuple(SYMBOLS) and source.name == "H2O"
    for row, atoms in enumerate(images):
        assert trajectory.energies[row] == atoms.get_potential_energy()
        centre = atoms.positions.mean(axis=0)
        np.testing.assert_allclose(trajectory.positions[row], atoms.positions - centre, atol=1e-9)
    for row in range(50):
        np.testing.assert_array_equal(trajectory.forces[row], images[row].get_forces())
    assert np.isnan(trajectory.forces[50:]).all()
    assert trajectory.has_forces is not None
    assert trajectory.has_forces.tolist() == 50 * [True] + 5 * [False]
    check_trajectory(trajectory, "eV")


def test_index_has_the_file_by_which_samplers_choose(folder: Path, tmp_path: Path) -> None:
    source = ExtxyzFrames(FILES, root=str(folder))
    index = source.load(tmp_path / "cache").index()
    assert source.preview().equals(index)
    assert index["file"].dtype == pl.String
    assert Where(by="file", equals="hot").select(index).tolist() == list(range(30, 50))
    assert index["time"].to_list() == list(range(55)) and source.time_unit == ""
    timed = ExtxyzFrames(FILES, root=str(folder), timestep=2.0)
    np.testing.assert_allclose(timed.preview()["time"], 0.002 * np.arange(55))
    assert timed.time_unit == "ps"


def test_recipe_follows_the_content_and_not_the_place(folder: Path, tmp_path: Path) -> None:
    here = ExtxyzFrames(FILES, root=str(folder))
    paths = ExtxyzFrames([str(folder / file) for file in FILES])  # type: ignore[arg-type]
    before = here.recipe()
    assert before == paths.recipe()
    written(folder / "hot.xyz", frames(20, seed=3))
    assert ExtxyzFrames(FILES, root=str(folder)).recipe() != before


def test_description_has_the_keys_and_the_files_without_forces(folder: Path) -> None:
    text = ExtxyzFrames(FILES, root=str(folder)).describe()
    for part in ("55 frames of H2O", "'energy'", "'forces'", "none in path"):
        assert part in text


def test_other_names_and_units_are_read(tmp_path: Path) -> None:
    images = frames(10)
    for atoms in images:
        atoms.info["REF_energy"] = atoms.get_potential_energy() / EV_PER_KCAL_PER_MOL
        atoms.arrays["REF_forces"] = atoms.get_forces() / EV_PER_KCAL_PER_MOL
    both = written(tmp_path / "both.xyz", images)
    with pytest.raises(UserError, match=r"both\.xyz.*energy_key"):
        ExtxyzFrames((str(both),)).recipe()
    chosen = ExtxyzFrames(
        (str(both),), energy_key="REF_energy", forces_key="REF_forces", energy_unit="kcal/mol"
    )
    found = chosen.load(tmp_path)
    plain = [atoms.get_potential_energy() for atoms in images]
    np.testing.assert_allclose(found.energies, plain, rtol=1e-9)
    np.testing.assert_allclose(found.forces[3], images[3].get_forces(), atol=1e-6)

    for atoms in images:
        atoms.calc = None
    only = ExtxyzFrames((str(written(tmp_path / "only.xyz", images)),), energy_unit="kcal/mol")
    assert (only.recipe()["energy_key"], only.recipe()["forces_key"]) == (
        "REF_energy",
        "REF_forces",
    )


def test_neighbours_are_correlated_unless_declared(folder: Path) -> None:
    assert ExtxyzFrames(FILES).independence == Independence("time", "time")
    assert ExtxyzFrames(FILES, independent=True).independence == Independence()


def truncated(path: Path) -> None:
    lines = path.read_text().splitlines()
    path.write_text("\n".join(lines[:-1]))


def another_molecule(path: Path) -> None:
    images = frames(4)
    images[2].numbers[0] = 16
    written(path, images)


def without_energy(path: Path) -> None:
    images = frames(4)
    images[3].calc = None
    written(path, images)


def without_some_forces(path: Path) -> None:
    written(path, [*frames(3), *frames(2, forces=False)])


def periodic(path: Path) -> None:
    images = frames(4)
    images[1].set_cell([9, 9, 9])
    images[1].pbc = True
    written(path, images)


def not_xyz(path: Path) -> None:
    path.write_text("a table\n1 2 3\n")


def not_numbers(path: Path) -> None:
    path.write_text(path.read_text().replace("O ", "O x", 1))


@pytest.mark.parametrize(
    ("damage", "named"),
    [
        (truncated, r"frame 19 has 2 of its 3 atoms"),
        (another_molecule, r"frame 2 is H2S"),
        (without_energy, r"frame 3 has no 'energy'"),
        (without_some_forces, r"frame 3 has no 'forces', but frame 0"),
        (periodic, r"frame 1 has a periodic cell"),
        (not_xyz, r"frame 0: line 1"),
        (not_numbers, r"frame 0 cannot be read"),
    ],
)
def test_faults_are_named_by_file_and_frame(
    damage: Callable[[Path], None], named: str, folder: Path, tmp_path: Path
) -> None:
    damage(folder / "hot.xyz")
    source = ExtxyzFrames(FILES, root=str(folder))
    with pytest.raises(UserError, match=rf"hot\.xyz, {named}"):
        source.preview()
        source.load(tmp_path / "cache")
    assert not any(path.is_dir() for path in (tmp_path / "cache").glob("extxyz-*"))


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"files": ["a.xyz", "b/a.xyz"]}, "name a"),
        ({"files": []}, "files"),
        ({"files": FILES, "energy_key": "enrgy"}, "energy_key=enrgy.*energy"),
        ({"files": ["none.xyz"]}, r"none\.xyz"),
        ({"files": FILES, "timestep": -1}, "timestep"),
    ],
)
def test_mistakes_are_refused(options: dict, named: str, folder: Path) -> None:
    with pytest.raises(UserError, match=named):
        ExtxyzFrames(**options, root=str(folder)).recipe()


def test_files_of_two_molecules_are_refused(folder: Path, tmp_path: Path) -> None:
    ammonia = Atoms("NHHH", np.eye(4, 3))
    ammonia.calc = SinglePointCalculator(ammonia, energy=0.0, forces=np.ones((4, 3)))
    written(folder / "other.xyz", [ammonia])
    with pytest.raises(UserError, match=r"other\.xyz is H3N"):
        ExtxyzFrames(("cold.xyz", "other.xyz"), root=str(folder)).load(tmp_path / "cache")


def test_published_acetylacetone_is_read(data_dir: Path, tmp_path: Path) -> None:
    files = [f"acac/{name}.xyz" for name in ("train_300K", "test_MD_600K", "test_dihedral")]
    source = ExtxyzFrames(files, root=str(data_dir))  # type: ignore[arg-type]
    trajectory = source.load(tmp_path)
    assert len(trajectory.energies) == 500 + 650 + 45 and source.name == "C5H8O2"
    check_trajectory(trajectory, "eV")
    last = ase.io.read(data_dir / files[1], -1)
    assert trajectory.energies[1149] == last.get_potential_energy()
    np.testing.assert_array_equal(trajectory.forces[1149], last.get_forces())
