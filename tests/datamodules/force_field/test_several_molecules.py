"""Frames of molecules of different size, compared with each molecule alone."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

import ase.io
import numpy as np
import pytest
from ase import Atoms
from dscribe.descriptors import SOAP
from molecule_files import ATOMIC_ENERGIES, spring_frames, write_frames

from saibench.datamodules.force_field.ase_files import AseFrames
from saibench.datamodules.force_field.atom_soap import SETTINGS, AtomDistances, AtomSoap
from saibench.datamodules.force_field.atomic_energies import fitted_atomic_energies
from saibench.datamodules.force_field.checks import check_trajectory
from saibench.datamodules.force_field.soap import SoapDescriptor, SoapSettings, soap_unit_vectors
from saibench.datamodules.force_field.trajectory import Trajectory
from saibench.errors import UserError
from saibench.units import EV_PER_KCAL_PER_MOL

COUNT = 90


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> list[Atoms]:
    path = write_frames(tmp_path_factory.mktemp("frames") / "mixed.xyz", spring_frames(COUNT))
    return ase.io.read(path, ":")


@pytest.fixture(scope="module")
def trajectory(images: list[Atoms], tmp_path_factory: pytest.TempPathFactory) -> Trajectory:
    folder = tmp_path_factory.mktemp("data")
    write_frames(folder / "mixed.xyz", images)
    return AseFrames(("mixed.xyz",), root=str(folder), one_molecule=False).load(folder / "cache")


def test_frames_are_those_that_ase_reads(trajectory: Trajectory, images: list[Atoms]) -> None:
    assert trajectory.is_mixed and trajectory.elements == ("C", "H", "O")
    assert trajectory.positions.shape == (COUNT, 6, 3)
    for row, atoms in enumerate(images):
        size = len(atoms)
        assert trajectory.atomic_numbers[row].tolist() == [*atoms.numbers, *(6 - size) * [0]]
        centre = atoms.positions.mean(axis=0)
        np.testing.assert_allclose(
            trajectory.positions[row, :size], atoms.positions - centre, atol=1e-12
        )
        np.testing.assert_array_equal(trajectory.forces[row, :size], atoms.get_forces())
        assert not trajectory.forces[row, size:].any()
        assert trajectory.energies[row] == atoms.get_potential_energy()
    index = trajectory.index()
    assert index["formula"].to_list() == [one.get_chemical_formula() for one in images]
    assert index["num_atoms"].to_list() == [len(one) for one in images]
    check_trajectory(trajectory, "eV")


def test_molecules_are_those_of_the_frames(trajectory: Trajectory) -> None:
    found = list(trajectory.molecules())
    assert sorted(one.system for one in found) == ["CH4", "CH4O", "H2O"]
    rows = np.concatenate([one.sample_id for one in found])
    assert sorted(rows) == list(range(COUNT))
    for one in found:
        size = len(one.symbols)
        np.testing.assert_array_equal(one.forces, trajectory.forces[one.sample_id, :size])


def test_coinciding_atoms_are_named_by_their_row(trajectory: Trajectory) -> None:
    positions = np.array(trajectory.positions)
    positions[7, 1] = positions[7, 0]
    with pytest.raises(UserError, match=r"two atoms nearer .*1 of 90 frames: row 7 .sample_id 7,"):
        check_trajectory(replace(trajectory, positions=positions), "eV")


def test_frames_of_one_molecule_are_not_padded(tmp_path: Path) -> None:
    write_frames(tmp_path / "one.xyz", spring_frames(5, ["CH4"]))
    found = AseFrames(("one.xyz",), root=str(tmp_path), one_molecule=False).load(tmp_path)
    assert not found.is_mixed and found.symbols == tuple("CHHHH")


def test_several_molecules_are_refused_unless_requested(tmp_path: Path) -> None:
    write_frames(tmp_path / "mixed.xyz", spring_frames(3))
    with pytest.raises(UserError, match=r"mixed\.xyz, frame 1 is CH4.*data=ase"):
        AseFrames(("mixed.xyz",), root=str(tmp_path)).load(tmp_path)


@pytest.mark.parametrize("factor", [EV_PER_KCAL_PER_MOL, 1 / EV_PER_KCAL_PER_MOL])
def test_another_unit_is_refused(factor: float, tmp_path: Path) -> None:
    images = spring_frames(COUNT)
    for atoms in images:
        for name in ("energy", "forces"):
            atoms.calc.results[name] = factor * np.array(atoms.calc.results[name])
    write_frames(tmp_path / "mixed.xyz", images)
    found = AseFrames(("mixed.xyz",), root=str(tmp_path), one_molecule=False).load(tmp_path)
    with pytest.raises(UserError, match="force constant"):
        check_trajectory(found, "eV")


def test_atomic_energies_are_those_of_numpy(caplog: pytest.LogCaptureFixture) -> None:
    names = ["C", "H", "O"]
    counts = np.array([[0, 2, 1], [1, 4, 0], [1, 4, 1], [0, 0, 2]])
    expected = np.array([ATOMIC_ENERGIES[name] for name in names])
    found = fitted_atomic_energies(counts, counts @ expected, names)
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    assert not caplog.records
    few = fitted_atomic_energies(counts[:1], counts[:1] @ expected, names)
    np.testing.assert_allclose(counts[:1] @ few, counts[:1] @ expected, rtol=1e-12)
    assert "do not determine" in caplog.text


def test_descriptors_are_those_of_each_frame_alone(
    trajectory: Trajectory, images: list[Atoms], tmp_path: Path
) -> None:
    found = soap_unit_vectors(trajectory, tmp_path)
    of_atoms = AtomSoap.of(trajectory, tmp_path)
    plain, single = (
        SOAP(species=["C", "H", "O"], periodic=False, **asdict(settings))
        for settings in (SoapSettings(), SETTINGS)
    )
    for row in (0, 1, 2, COUNT - 1):
        atoms = Atoms(images[row].numbers, images[row].positions)
        expected = plain.create(atoms).reshape(-1)
        np.testing.assert_allclose(found[row], expected / np.linalg.norm(expected), atol=1e-5)
        own = single.create(atoms)
        own = (own / np.linalg.norm(own, axis=1, keepdims=True) - of_atoms.centre) @ of_atoms.basis
        np.testing.assert_allclose(of_atoms.vectors[row, : len(atoms)], own, atol=1e-5)


def test_distances_of_atoms_do_not_see_padding(trajectory: Trajectory, tmp_path: Path) -> None:
    soap, rows = AtomSoap.of(trajectory, tmp_path), np.arange(60)
    distances = AtomDistances.to(soap, rows)
    found = distances.of(soap.symbols_of(np.arange(COUNT)), soap.vectors)
    for row in (60, 61, 62):
        symbols = [symbol for symbol in soap.symbols[row] if symbol]
        alone = distances.of(symbols, soap.vectors[row : row + 1, : len(symbols)])
        for name, values in alone.items():
            assert found[name][row] == pytest.approx(values[0], rel=1e-9)


def test_a_single_frame_has_descriptors(trajectory: Trajectory) -> None:
    descriptor = SoapDescriptor(trajectory.elements, SETTINGS)
    numbers = trajectory.numbers_of(np.array([0]))
    vectors = descriptor.atom_vectors(trajectory.positions[:1], numbers)
    assert vectors.shape == (1, 6, descriptor.size) and not vectors[0, 3:].any()
    np.testing.assert_allclose(np.linalg.norm(vectors[0, :3], axis=1), 1)
