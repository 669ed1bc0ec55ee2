"""Periodic frames, compared with what ASE and dscribe compute for them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import ase.io
import numpy as np
import pytest
import torch
from ase import Atoms
from ase.build import bulk
from ase.geometry import find_mic
from ase.neighborlist import neighbor_list
from ase.stress import full_3x3_to_voigt_6_stress
from crystal_files import crystal_frames
from dscribe.descriptors import SOAP
from molecule_files import water_frames, write_frames

from saibench.datamodules.force_field.ase_files import AseFrames
from saibench.datamodules.force_field.ase_frames import frames_of_atoms
from saibench.datamodules.force_field.cells import minimum_image, unwrapped
from saibench.datamodules.force_field.checks import check_trajectory
from saibench.datamodules.force_field.periodic_neighbors import periodic_edges
from saibench.datamodules.force_field.soap import SoapDescriptor, SoapSettings
from saibench.datamodules.force_field.transforms import RandomRotation, transformed_tensors
from saibench.errors import UserError


@pytest.fixture(scope="module")
def images() -> list[Atoms]:
    return crystal_frames(12, sizes=2)


def source(folder: Path, images: list[Atoms], **options: object) -> AseFrames:
    write_frames(folder / "crystal.xyz", images)
    return AseFrames(("crystal.xyz",), root=str(folder), one_molecule=False, **options)  # type: ignore[arg-type]


def cell_of(atoms: Atoms) -> np.ndarray:
    return np.where(atoms.pbc[:, None], atoms.cell.array, 0.0)


@pytest.mark.parametrize("pbc", [True, (True, True, False), (False, True, False), False])
@pytest.mark.parametrize("r_max", [0.9, 2.9, 5.6])
def test_neighbours_are_those_of_ase(pbc: bool | tuple[bool, ...], r_max: float) -> None:
    random = np.random.default_rng(0)
    batch = [bulk("Cu") * (2, 1, 1), bulk("Cu"), bulk("Fe", cubic=True)]
    for atoms in batch:
        atoms.set_cell(atoms.cell.array + 0.3 * random.normal(size=(3, 3)))
        atoms.positions += 8 * random.normal(size=atoms.positions.shape)  # outside of the cell
        atoms.pbc = pbc
    positions = torch.zeros(len(batch), 2, 3, dtype=torch.float64)
    is_atom = torch.zeros(len(batch), 2, dtype=torch.bool)
    for row, atoms in enumerate(batch):
        positions[row, : len(atoms)] = torch.from_numpy(atoms.positions)
        is_atom[row, : len(atoms)] = True
    cells = torch.from_numpy(np.stack([cell_of(atoms) for atoms in batch]))
    edges, shifts = periodic_edges(positions, cells, r_max, is_atom)
    found = {(*edge, *shift) for edge, shift in zip(edges.T.tolist(), shifts.tolist(), strict=True)}
    assert len(found) == edges.shape[1], "edges are unique"
    expected, first = set(), 0
    for atoms in batch:
        center, neighbor, shift = neighbor_list("ijS", atoms, r_max)
        expected |= {
            (i + first, j + first, *own)
            for i, j, own in zip(center, neighbor, shift.astype(float).tolist(), strict=True)
        }
        first += len(atoms)
    assert found == expected


@pytest.mark.parametrize("size", [2, 3])
def test_neighbours_in_cells_below_and_above_twice_the_cutoff(size: int) -> None:
    atoms = bulk("Cu", cubic=True) * size
    random = np.random.default_rng(1)
    atoms.set_cell(atoms.cell.array + 0.5 * random.normal(size=(3, 3)), scale_atoms=True)
    atoms.positions += 30 * random.normal(size=(1, 3))
    atoms.rattle(0.2, seed=0)
    given = (torch.from_numpy(values)[None] for values in (atoms.positions, atoms.cell.array))
    edges, shifts = periodic_edges(*given, 4.2)
    found = {(*edge, *shift) for edge, shift in zip(edges.T.tolist(), shifts.tolist(), strict=True)}
    center, neighbor, shift = neighbor_list("ijS", atoms, 4.2)
    assert found == set(zip(center, neighbor, *shift.T, strict=True))


def test_frames_are_those_that_ase_reads(images: list[Atoms], tmp_path: Path) -> None:
    found = source(tmp_path, images)
    trajectory = found.load(tmp_path / "cache")
    assert trajectory.is_mixed and trajectory.system == "structures of Cu"
    assert trajectory.cells is not None and trajectory.stress is not None
    read = ase.io.read(tmp_path / "crystal.xyz", ":")
    for row, atoms in enumerate(read):
        np.testing.assert_allclose(trajectory.positions[row, : len(atoms)], atoms.positions)
        np.testing.assert_allclose(trajectory.cells[row], atoms.cell.array)
        np.testing.assert_allclose(trajectory.stress[row], atoms.get_stress(voigt=False))
    assert "stress 'stress'" in found.describe()
    check_trajectory(trajectory, "eV")
    alike = frames_of_atoms(read[::2], "crystal.xyz")
    np.testing.assert_allclose(alike["cells"], trajectory.cells[::2])
    np.testing.assert_allclose(alike["stress"], trajectory.stress[::2], atol=1e-9)


def test_every_format_gives_the_same_cells(images: list[Atoms], tmp_path: Path) -> None:
    expected = source(tmp_path, images).load(tmp_path / "cache")
    ase.io.write(tmp_path / "other.traj", images)
    other = AseFrames(("other.traj",), root=str(tmp_path), one_molecule=False)
    found = other.load(tmp_path / "cache")
    for name in ("cells", "stress", "positions"):
        np.testing.assert_allclose(getattr(found, name), getattr(expected, name), atol=1e-7)


def as_virial(atoms: Atoms, stress: np.ndarray) -> None:
    atoms.info["REF_virial"] = -stress * atoms.get_volume()


def as_voigt(atoms: Atoms, stress: np.ndarray) -> None:
    atoms.info["dft_stress"] = full_3x3_to_voigt_6_stress(stress)


def in_gigapascal(atoms: Atoms, stress: np.ndarray) -> None:
    atoms.info["pressure_tensor"] = stress * 160.21766208


@pytest.mark.parametrize(
    ("write", "options"),
    [
        (as_virial, {}),
        (as_voigt, {}),
        (in_gigapascal, {"stress_key": "pressure_tensor", "stress_unit": "GPa"}),
    ],
)
def test_names_signs_and_units_of_stress(
    write: Callable[[Atoms, np.ndarray], None], options: dict, tmp_path: Path
) -> None:
    images = crystal_frames(2, stress=False)
    stresses = [atoms.get_stress(voigt=False) for atoms in crystal_frames(2)]
    for atoms, stress in zip(images, stresses, strict=True):
        write(atoms, stress)
    found = source(tmp_path, images, **options).load(tmp_path / "cache")
    assert found.stress is not None
    np.testing.assert_allclose(found.stress, stresses, atol=1e-7)


def test_stress_is_unknown_unless_all_directions_are_periodic(tmp_path: Path) -> None:
    images = crystal_frames(3)
    images[1].pbc = (True, True, False)
    images[2].calc.results.pop("stress")
    found = source(tmp_path, images).load(tmp_path / "cache")
    assert found.stress is not None and found.cells is not None
    assert np.isnan(found.stress).all(axis=(1, 2)).tolist() == [False, True, True]
    assert not found.cells[1, 2].any() and found.cells[1, :2].any()


def test_molecules_and_cells_in_one_file(tmp_path: Path) -> None:
    atom = Atoms("Cu", cell=[20, 20, 20], pbc=True, info={"energy": 0.0})
    found = source(tmp_path, [atom, *water_frames(2), *crystal_frames(2)]).load(tmp_path / "cache")
    assert (
        found.cells is not None
        and found.cells.any(axis=(1, 2)).tolist() == [False] * 2 + [True] * 2
    )
    np.testing.assert_allclose(found.positions[0, :3].mean(axis=0), 0, atol=1e-9)


def skewed(atoms: Atoms) -> None:
    atoms.info["stress_of_mine"] = np.arange(9.0)


def not_finite(atoms: Atoms) -> None:
    atoms.info["stress_of_mine"] = np.full(9, np.inf)


def nothing(atoms: Atoms) -> None:
    pass


@pytest.mark.parametrize(
    ("damage", "named"),
    [
        (skewed, "frame 1.*not symmetric"),
        (not_finite, "frame 1 has NaN"),
        (nothing, "stress_of_mine"),
    ],
)
def test_faulty_stress_is_named(
    damage: Callable[[Atoms], None], named: str, tmp_path: Path
) -> None:
    images = crystal_frames(3, stress=False)
    damage(images[1])
    with pytest.raises(UserError, match=named):
        source(tmp_path, images, stress_key="stress_of_mine").load(tmp_path / "cache")


def test_two_stresses_are_refused(tmp_path: Path) -> None:
    images = crystal_frames(2)
    images[1].info["REF_stress"] = images[1].get_stress(voigt=False)
    with pytest.raises(UserError, match=r"frame 1 has stress and REF_stress.*stress_key"):
        source(tmp_path, images).load(tmp_path / "cache")


def test_the_minimum_image_is_that_of_ase() -> None:
    random = np.random.default_rng(1)
    vectors = 20 * random.normal(size=(50, 3))
    for pbc in ((True, True, True), (True, False, True)):
        cell = np.diag([5.0, 7.0, 9.0])
        expected, _ = find_mic(vectors, cell, pbc)
        periodic = np.where(np.array(pbc)[:, None], cell, 0.0)
        np.testing.assert_allclose(minimum_image(vectors, periodic), expected, atol=1e-9)


def test_a_wrapped_trajectory_is_unwrapped() -> None:
    random = np.random.default_rng(2)
    cell = np.diag([6.0, 7.0, 8.0]) + 0.5 * random.normal(size=(3, 3))
    path = np.cumsum(0.4 * random.normal(size=(200, 5, 3)), axis=0)
    wrapped = np.stack(
        [Atoms("H5", at, cell=cell, pbc=True).get_positions(wrap=True) for at in path]
    )
    found = unwrapped(wrapped, np.broadcast_to(cell, (200, 3, 3)))
    np.testing.assert_allclose(found - found[0], path - path[0], atol=1e-9)


def test_atoms_that_coincide_with_an_image_are_refused(tmp_path: Path) -> None:
    trajectory = source(tmp_path, crystal_frames(5)).load(tmp_path / "cache")
    assert trajectory.cells is not None
    positions = np.array(trajectory.positions)
    positions[3, 1] = positions[3, 0] + trajectory.cells[3, 2]
    with pytest.raises(UserError, match=r"two atoms nearer .*row 3"):
        check_trajectory(replace(trajectory, positions=positions), "eV")


def test_forces_of_another_unit_are_found_in_a_wrapped_trajectory(tmp_path: Path) -> None:
    """Atoms of springs in a cell that they leave."""
    random = np.random.default_rng(3)
    time = np.arange(200) * 5e-4
    phase = 2 * np.pi * random.uniform(size=(1, 4, 3))
    phase = np.concatenate([phase, phase + np.pi], axis=1)  # the centre of mass is at rest
    moved = 0.1 * np.cos(60 * time[:, None, None] + phase)
    atoms = bulk("Cu") * 2
    trajectory = source(tmp_path, crystal_frames(1)).load(tmp_path / "cache")
    # m a = -m w^2 x, with 63.546 amu and 1.0364e-4 eV per amu (Å/ps)^2
    stiffness = 63.546 * 3600 * 1.0364e-4
    positions = [
        Atoms("Cu8", atoms.positions + at, cell=atoms.cell, pbc=True).get_positions(wrap=True)
        for at in moved
    ]
    frames = replace(
        trajectory,
        positions=np.stack(positions),
        energies=stiffness / 2 * np.square(moved).sum(axis=(1, 2)),
        forces=-stiffness * moved,
        time=time,
        sample_id=np.arange(200),
        cells=np.broadcast_to(atoms.cell.array, (200, 3, 3)),
        stress=None,
        has_forces=None,
        columns={},
    )
    check_trajectory(frames, "eV")
    for factor in (23.06, 1 / 23.06):
        scaled = replace(frames, forces=factor * frames.forces, energies=factor * frames.energies)
        with pytest.raises(UserError, match="acceleration"):
            check_trajectory(scaled, "eV")


@pytest.mark.parametrize(
    ("factor", "named"),
    [(1.0, ""), (-1.0, "wrong sign"), (160.2, "stress_unit=GPa"), (1602.0, "stress_unit")],
)
def test_another_unit_or_sign_of_the_stress_is_refused(
    factor: float, named: str, tmp_path: Path
) -> None:
    trajectory = source(tmp_path, crystal_frames(40, displaced=0.01)).load(tmp_path / "cache")
    assert trajectory.stress is not None
    scaled = replace(trajectory, stress=factor * trajectory.stress)
    if not named:
        check_trajectory(scaled, "eV")
        return
    with pytest.raises(UserError, match=named):
        check_trajectory(scaled, "eV")


def test_descriptors_see_the_images_of_atoms() -> None:
    """Those of a cell are those of the atoms in the middle of many explicit cells."""
    (atoms,) = crystal_frames(1, seed=4)
    settings = SoapSettings(r_cut=3.5, n_max=3, l_max=2, average="off")
    cells = atoms.cell.array[None]
    shifted = atoms.positions + np.array([30.0, -17.0, 4.0])
    found = SoapDescriptor(["Cu"] * 8, settings, periodic=True).atom_vectors(
        shifted[None], None, cells
    )
    many = atoms.repeat(3)
    middle = 13 * len(atoms) + np.arange(len(atoms))
    cluster = Atoms(many.numbers, many.positions)
    expected = SOAP(species=["Cu"], periodic=False, **asdict(settings)).create(
        cluster, list(middle)
    )
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    np.testing.assert_allclose(found[0], expected, atol=1e-6)


def test_a_rotation_turns_both_axes_of_a_stress() -> None:
    rotation, ids = RandomRotation(3), np.array([4, 9])
    stress = np.random.default_rng(5).normal(size=(2, 3, 3))
    turns = rotation.matrices(ids)
    found = transformed_tensors(rotation, torch.from_numpy(stress), torch.from_numpy(ids))
    np.testing.assert_allclose(found, turns @ stress @ turns.transpose(0, 2, 1), atol=1e-12)
