"""Files of molecules, compared with what ASE reads; faults are named by file and frame."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import ase.db
import ase.io
import numpy as np
import polars as pl
import pytest
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from molecule_files import spring_frames, water_frames, write_frames

from saibench.datamodules.force_field.ase_files import AseFrames
from saibench.datamodules.force_field.checks import check_trajectory
from saibench.datamodules.force_field.extxyz_file import extxyz_frames
from saibench.datamodules.force_field.frames import Frame
from saibench.datamodules.samplers import Where
from saibench.errors import UserError
from saibench.evidence.independence import Independence
from saibench.units import EV_PER_KCAL_PER_MOL


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_frames(tmp_path / "cold.xyz", water_frames(30))
    write_frames(tmp_path / "hot.xyz", water_frames(20, seed=1))
    write_frames(tmp_path / "path.xyz", water_frames(5, seed=2, forces=False))
    return tmp_path


FILES = ("cold.xyz", "hot.xyz", "path.xyz")


def test_frames_are_those_that_ase_reads(folder: Path, tmp_path: Path) -> None:
    source = AseFrames(FILES, root=str(folder))
    trajectory = source.load(tmp_path / "cache")
    images = [atoms for file in FILES for atoms in ase.io.read(folder / file, ":")]
    assert trajectory.symbols == tuple("OHH") and source.name == "H2O"
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
    source = AseFrames(FILES, root=str(folder))
    index = source.load(tmp_path / "cache").index()
    assert source.preview().equals(index)
    assert index["file"].dtype == pl.String
    assert Where(by="file", equals="hot").select(index).tolist() == list(range(30, 50))
    assert index["time"].to_list() == list(range(55)) and source.time_unit == ""
    timed = AseFrames(FILES, root=str(folder), timestep=2.0)
    np.testing.assert_allclose(timed.preview()["time"], 0.002 * np.arange(55))
    assert timed.time_unit == "ps"


def test_recipe_follows_the_content_and_not_the_place(folder: Path, tmp_path: Path) -> None:
    here = AseFrames(FILES, root=str(folder))
    paths = AseFrames([str(folder / file) for file in FILES])  # type: ignore[arg-type]
    before = here.recipe()
    assert before == paths.recipe()
    write_frames(folder / "hot.xyz", water_frames(20, seed=3))
    assert AseFrames(FILES, root=str(folder)).recipe() != before


def test_description_has_the_keys_and_the_files_without_forces(folder: Path) -> None:
    text = AseFrames(FILES, root=str(folder)).describe()
    for part in ("55 frames of H2O", "'energy'", "'forces'", "none in path"):
        assert part in text


def test_other_names_and_units_are_read(tmp_path: Path) -> None:
    images = water_frames(10)
    for atoms in images:
        atoms.info["REF_energy"] = atoms.get_potential_energy() / EV_PER_KCAL_PER_MOL
        atoms.arrays["REF_forces"] = atoms.get_forces() / EV_PER_KCAL_PER_MOL
    both = write_frames(tmp_path / "both.xyz", images)
    with pytest.raises(UserError, match=r"both\.xyz.*energy_key"):
        AseFrames((str(both),)).recipe()
    chosen = AseFrames(
        (str(both),), energy_key="REF_energy", forces_key="REF_forces", energy_unit="kcal/mol"
    )
    found = chosen.load(tmp_path)
    plain = [atoms.get_potential_energy() for atoms in images]
    np.testing.assert_allclose(found.energies, plain, rtol=1e-9)
    np.testing.assert_allclose(found.forces[3], images[3].get_forces(), atol=1e-6)

    for atoms in images:
        atoms.calc = None
    only = AseFrames((str(write_frames(tmp_path / "only.xyz", images)),), energy_unit="kcal/mol")
    assert (only.recipe()["energy_key"], only.recipe()["forces_key"]) == (
        "REF_energy",
        "REF_forces",
    )


def test_neighbours_are_correlated_unless_declared(folder: Path) -> None:
    assert AseFrames(FILES).independence == Independence("time", "time")
    assert AseFrames(FILES, independent=True).independence == Independence()


@pytest.mark.parametrize("ending", ["traj", "db", "json", "xyz.gz"])
def test_every_format_gives_the_same_frames(ending: str, folder: Path, tmp_path: Path) -> None:
    images = ase.io.read(folder / "hot.xyz", ":")
    ase.io.write(folder / f"other.{ending}", images)
    own = AseFrames((f"other.{ending}",), root=str(folder))
    found = own.load(tmp_path / "cache")
    expected = AseFrames(("hot.xyz",), root=str(folder)).load(tmp_path / "cache")
    for name in ("atomic_numbers", "positions", "energies", "forces", "sample_id", "time"):
        np.testing.assert_allclose(
            getattr(found, name), getattr(expected, name), rtol=0, atol=1e-12, err_msg=name
        )
    assert "20 frames of H2O" in own.describe()
    assert own.preview() is None, "counting its frames reads them"


def test_labels_of_a_database_are_found(folder: Path, tmp_path: Path) -> None:
    images = ase.io.read(folder / "hot.xyz", ":")
    with ase.db.connect(folder / "labels.db") as database:
        for atoms in images:
            forces = atoms.get_forces()
            energy = float(atoms.get_potential_energy())
            atoms.calc = None
            database.write(atoms, key_value_pairs={"dft_energy": energy}, data={"force": forces})
    source = AseFrames(("labels.db",), root=str(folder))
    found = source.load(tmp_path)
    expected = AseFrames(("hot.xyz",), root=str(folder)).load(tmp_path)
    np.testing.assert_array_equal(found.energies, expected.energies)
    np.testing.assert_array_equal(found.forces, expected.forces)
    assert "'dft_energy'" in source.describe() and "'force'" in source.describe()


COMMENTS = (
    'Lattice="1 2 0.5 0 3 0 0.1 0 4" Properties=species:S:1:pos:R:3 energy=7 six="1 2 3 4 5 6"',
    'Lattice="1 2 0.5 0 3 0 0.1 0 4" text=\'x y\' energy=7 stress="1 2 3 2 4 5 3 5 6"',
    'Properties=species:S:1:pos:R:3:forces:R:3:tags:I:1 energy=-1.5e2 pbc="F F F" name="a = b"',
    'Lattice="9 0 0 0 9 0 0 0 9" Properties=Z:I:1:pos:R:3:forces:R:3:fixed:L:1 energy=7 pbc=F',
    "energy=3 REF_energy = -4.25 flag nested={1 2 3} stress=\"1 0 0 0 1 0 0 0 1\" text='x y'",
    'energy=-4 uid=12 e_1=1e3 count=3 word=T pbc="T F T" name="two words" empty=nan',
    'energy=1 pbc="0 0 0" list=1,2',
    'energy=1 energy=2  free_energy=5 pbc="True False True"',
    "flag",
    "",
)


@pytest.mark.parametrize("comment", COMMENTS)
def test_comments_mean_what_they_mean_to_ase(comment: str, tmp_path: Path) -> None:
    symbols, tail = ("8", "1"), "0.5 -1 2e-3 "
    if "Z:I" not in comment:
        symbols = ("o", "H")
    tail += "T" if "fixed" in comment else "1"
    path = tmp_path / "one.xyz"
    path.write_text(f"2\n{comment}\n{symbols[0]} 0 0 0 {tail}\n{symbols[1]} 0 1. 0 {tail} 7\n")
    (own,) = extxyz_frames(path)
    expected = Frame.of(ase.io.read(path, format="extxyz"))
    np.testing.assert_array_equal(own.numbers, expected.numbers)
    np.testing.assert_array_equal(own.positions, expected.positions)
    assert own.pbc == expected.pbc
    np.testing.assert_array_equal(own.cell, expected.cell)
    assert own.tensors.keys() == expected.tensors.keys()
    np.testing.assert_equal(dict(own.scalars), dict(expected.scalars))
    assert own.vectors.keys() == expected.vectors.keys()
    for name, values in own.vectors.items():
        np.testing.assert_array_equal(values, expected.vectors[name])


def test_isolated_atoms_are_left_out(folder: Path, tmp_path: Path) -> None:
    atom = Atoms("O", [[0, 0, 0]], info={"energy": -2043.0})
    write_frames(folder / "atoms.xyz", [atom, *water_frames(3), atom])
    source = AseFrames(("atoms.xyz", "cold.xyz"), root=str(folder))
    trajectory = source.load(tmp_path / "cache")
    assert len(trajectory.energies) == 33
    assert source.preview() is not None and source.preview().equals(trajectory.index())
    assert "33 frames" in source.describe() and "2 isolated atoms" in source.describe()
    with pytest.raises(UserError, match=r"only\.xyz"):
        AseFrames((str(write_frames(tmp_path / "only.xyz", [atom])),)).recipe()


def test_frames_without_forces_are_masked_on_request(tmp_path: Path) -> None:
    path = write_frames(tmp_path / "some.xyz", [*water_frames(3), *water_frames(2, forces=False)])
    found = AseFrames((str(path),), missing_forces="mask").load(tmp_path)
    assert found.has_forces is not None
    assert found.has_forces.tolist() == 3 * [True] + 2 * [False]
    assert np.isnan(found.forces[3:]).all() and np.isfinite(found.forces[:3]).all()


@pytest.mark.parametrize("ending", ["xyz", "traj"])
@pytest.mark.parametrize("key", [None, "forces"])
def test_forces_of_later_frames_are_found(key: str | None, ending: str, tmp_path: Path) -> None:
    images = [*water_frames(2, forces=False), *water_frames(3, seed=1)]
    for atoms in images:
        atoms.set_array("dipoles", np.ones((3, 3)))  # vectors that are no forces
    path = tmp_path / f"late.{ending}"
    ase.io.write(path, images, format="extxyz" if ending == "xyz" else None)
    with pytest.raises(UserError, match=r"late\.\w+, frame 0 has no 'forces', but frame 2 has"):
        AseFrames((str(path),), forces_key=key).load(tmp_path / "refused")

    source = AseFrames((str(path),), forces_key=key, missing_forces="mask")
    found = source.load(tmp_path / "masked")
    assert found.has_forces is not None
    assert found.has_forces.tolist() == 2 * [False] + 3 * [True]
    for row in (2, 3, 4):
        np.testing.assert_allclose(found.forces[row], images[row].get_forces(), atol=1e-7)
    assert "forces 'forces'" in source.describe() and "none in" not in source.describe()


def test_forces_of_another_name_in_a_later_file_are_named(folder: Path) -> None:
    images = water_frames(3, forces=False)
    images[2].arrays["REF_forces"] = np.ones((3, 3))
    write_frames(folder / "late.xyz", images)
    with pytest.raises(UserError, match=r"forces and REF_forces.*forces_key"):
        AseFrames(("cold.xyz", "late.xyz"), root=str(folder)).recipe()


def test_energies_alone_are_read(tmp_path: Path) -> None:
    path = write_frames(tmp_path / "energies.xyz", water_frames(4, forces=False))
    source = AseFrames((str(path),))
    assert source.load(tmp_path).has_forces.tolist() == 4 * [False]  # type: ignore[union-attr]
    assert "no forces" in source.describe()


def truncated(path: Path) -> None:
    lines = path.read_text().splitlines()
    path.write_text("\n".join(lines[:-1]))


def truncated_in_a_number(path: Path) -> None:
    path.write_text(path.read_text()[:-3])


def another_molecule(path: Path) -> None:
    images = water_frames(4)
    images[2].numbers[0] = 16
    write_frames(path, images)


def without_energy(path: Path) -> None:
    images = water_frames(4)
    images[3].calc = None
    write_frames(path, images)


def without_some_forces(path: Path) -> None:
    write_frames(path, [*water_frames(3), *water_frames(2, forces=False)])


def periodic_without_cell(path: Path) -> None:
    images = water_frames(4)
    images[1].set_cell([9, 9, 0])
    images[1].pbc = True
    write_frames(path, images)


def not_xyz(path: Path) -> None:
    path.write_text("a table\n1 2 3\n")


def not_numbers(path: Path) -> None:
    path.write_text(path.read_text().replace("O ", "O x", 1))


def not_an_element(path: Path) -> None:
    path.write_text(path.read_text().replace("O ", "Oo ", 1))


def few_columns(path: Path) -> None:
    first, *others = path.read_text().splitlines()
    others[1] = others[1].rsplit(maxsplit=1)[0]
    path.write_text("\n".join([first, *others]))


def empty(path: Path) -> None:
    path.write_text("")


def blank(path: Path) -> None:
    path.write_text("\n\n")


def nan_in_energy(path: Path) -> None:
    images = water_frames(4)
    images[2].calc.results["energy"] = np.nan
    write_frames(path, images)


def infinite_force(path: Path) -> None:
    images = water_frames(4)
    images[3].calc.results["forces"][1, 2] = np.inf
    write_frames(path, images)


def nan_in_positions(path: Path) -> None:
    images = water_frames(4)
    images[1].positions[0, 0] = np.nan
    write_frames(path, images)


@pytest.mark.parametrize("write", ["{:.8f}".format, repr])
def test_a_last_line_without_end_is_read(write: Callable[[float], str], tmp_path: Path) -> None:
    """Only a number that is shorter than all others by far is taken for cut."""
    numbers = np.random.default_rng(0).normal(size=(8, 3))
    rows = [" ".join(["H", *(write(float(one)) for one in row)]) for row in numbers]
    (tmp_path / "a.xyz").write_text("\n".join(["8", "energy=1", *rows]))
    (frame,) = extxyz_frames(tmp_path / "a.xyz")
    np.testing.assert_allclose(frame.positions, numbers, atol=1e-8)


@pytest.mark.parametrize(
    ("damage", "named"),
    [
        (truncated, r"frame 19 has 2 of its 3 atoms"),
        (truncated_in_a_number, r"frame 19: .* within the number"),
        (another_molecule, r"frame 2 is H2S"),
        (without_energy, r"frame 3 has no 'energy'"),
        (without_some_forces, r"frame 3 has no 'forces', but frame 0"),
        (periodic_without_cell, r"frame 1 is periodic .*each periodic direction"),
        (not_xyz, r"frame 0: line 1"),
        (not_numbers, r"frame 0 cannot be read"),
        (not_an_element, r"frame 0 .*'Oo'"),
        (few_columns, r"frame 0 .*atom 0 has 6 columns"),
        (nan_in_energy, r"frame 2 has NaN or Inf in 'energy'"),
        (infinite_force, r"frame 3 has NaN or Inf in 'forces'"),
        (nan_in_positions, r"frame 1 has NaN or Inf in 'positions'"),
    ],
)
def test_faults_are_named_by_file_and_frame(
    damage: Callable[[Path], None], named: str, folder: Path, tmp_path: Path
) -> None:
    damage(folder / "hot.xyz")
    source = AseFrames(FILES, root=str(folder))
    with pytest.raises(UserError, match=rf"hot\.xyz, {named}"):
        source.preview()
        source.load(tmp_path / "cache")
    assert not any(path.is_dir() for path in (tmp_path / "cache").glob("extxyz-*"))


@pytest.mark.parametrize("damage", [empty, blank])
def test_a_file_without_frames_is_refused(damage: Callable[[Path], None], folder: Path) -> None:
    damage(folder / "hot.xyz")
    with pytest.raises(UserError, match=r"hot\.xyz"):
        AseFrames(FILES, root=str(folder)).preview()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("notes.txt", "a text\n"),
        ("program.py", "atoms = []\n"),
        ("broken.db", "not a database\n"),
        ("broken.traj", "not a trajectory\n"),
        ("broken.json", "{"),
    ],
)
def test_files_without_frames_are_named(name: str, text: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(UserError, match=name.replace(".", r"\.")):
        AseFrames((name,), root=str(tmp_path)).recipe()


@pytest.mark.parametrize("name", ["frames.dat", "frames.txt", "frames"])
def test_extended_xyz_is_known_by_its_first_line(name: str, tmp_path: Path) -> None:
    write_frames(tmp_path / name, water_frames(3))
    assert AseFrames((name,), root=str(tmp_path)).load(tmp_path / "cache").energies.shape == (3,)


def test_half_a_trajectory_file_is_refused(folder: Path, tmp_path: Path) -> None:
    ase.io.write(folder / "half.traj", water_frames(20))
    whole = (folder / "half.traj").read_bytes()
    (folder / "half.traj").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UserError, match=r"half\.traj"):
        AseFrames(("half.traj",), root=str(folder)).load(tmp_path)


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
        AseFrames(**options, root=str(folder)).recipe()


def test_files_of_two_molecules_are_refused(folder: Path, tmp_path: Path) -> None:
    ammonia = Atoms("NHHH", np.eye(4, 3))
    ammonia.calc = SinglePointCalculator(ammonia, energy=0.0, forces=np.ones((4, 3)))
    write_frames(folder / "other.xyz", [ammonia])
    with pytest.raises(UserError, match=r"other\.xyz is H3N"):
        AseFrames(("cold.xyz", "other.xyz"), root=str(folder)).load(tmp_path / "cache")


def test_a_file_in_another_unit_is_named(tmp_path: Path) -> None:
    for name, scale in (("first", 1.0), ("second", EV_PER_KCAL_PER_MOL)):
        images = spring_frames(60, ["CH4"], seed=len(name))
        for atoms in images:
            atoms.calc.results["forces"] = atoms.get_forces() * scale
        write_frames(tmp_path / f"{name}.xyz", images)
    source = AseFrames(("first.xyz", "second.xyz"), root=str(tmp_path))
    with pytest.raises(UserError, match=r"file second.*force constant"):
        check_trajectory(source.load(tmp_path), "eV")


def test_energies_of_two_units_in_a_file_are_refused(tmp_path: Path) -> None:
    images = spring_frames(60, ["CH4"])
    images[7].calc.results["energy"] /= EV_PER_KCAL_PER_MOL
    path = write_frames(tmp_path / "mixed.xyz", images)
    with pytest.raises(UserError, match=r"energies .*1 of 60 frames: row 7 .*file mixed"):
        check_trajectory(AseFrames((str(path),)).load(tmp_path), "eV")


def test_published_acetylacetone_is_read(data_dir: Path, tmp_path: Path) -> None:
    files = [f"acac/{name}.xyz" for name in ("train_300K", "test_MD_600K", "test_dihedral")]
    source = AseFrames(files, root=str(data_dir))  # type: ignore[arg-type]
    trajectory = source.load(tmp_path)
    assert len(trajectory.energies) == 500 + 650 + 45 and source.name == "C5H8O2"
    check_trajectory(trajectory, "eV")
    last = ase.io.read(data_dir / files[1], -1)
    assert trajectory.energies[1149] == last.get_potential_energy()
    np.testing.assert_array_equal(trajectory.forces[1149], last.get_forces())
