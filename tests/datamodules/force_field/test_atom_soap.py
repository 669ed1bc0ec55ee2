"""SOAP distances of atoms, against dscribe and scikit-learn."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from dscribe.descriptors import SOAP
from sklearn.decomposition import PCA
from sklearn.neighbors import NearestNeighbors

from saibench.datamodules.force_field import atom_soap
from saibench.datamodules.force_field.atom_soap import SETTINGS, AtomDistances, AtomSoap
from saibench.datamodules.force_field.soap import NEAREST, SoapDescriptor
from saibench.datamodules.force_field.trajectory import Trajectory

SYMBOLS = ("C", "H", "O", "H", "H", "H")
FRAMES = 80


@pytest.fixture(scope="module")
def trajectory() -> Trajectory:
    random = np.random.default_rng(0)
    place = np.array(
        [[0, 0, 0], [1.1, 0, 0], [0, 1.4, 0], [0, 0, 1.1], [-0.6, -0.6, -0.6], [0, 2, 1]]
    )
    positions = place + 0.1 * random.normal(size=(FRAMES, 6, 3))
    return Trajectory(
        name="methanol",
        symbols=SYMBOLS,
        atomic_numbers=np.array([6, 1, 8, 1, 1, 1]),
        positions=positions,
        energies=np.zeros(FRAMES),
        forces=np.zeros_like(positions),
        time=np.arange(FRAMES, dtype=float),
        sample_id=np.arange(FRAMES),
        data_hash="made",
    )


@pytest.fixture(scope="module")
def descriptors(trajectory: Trajectory) -> np.ndarray:
    """`(T, A, D)` of length 1, one frame at a time."""
    soap = SOAP(species=["C", "H", "O"], periodic=False, **asdict(SETTINGS))
    found = np.array([soap.create(Atoms(SYMBOLS, one)) for one in trajectory.positions])
    return found / np.linalg.norm(found, axis=2, keepdims=True)


def test_vectors_are_the_principal_components_of_dscribes_descriptors(
    trajectory: Trajectory, descriptors: np.ndarray, tmp_path: Path
) -> None:
    """All frames are fitted. Distances do not depend on the signs of the components."""
    soap = AtomSoap.of(trajectory, tmp_path)
    flat = descriptors.reshape(-1, descriptors.shape[2])
    expected = PCA(atom_soap.COMPONENTS, svd_solver="full").fit_transform(flat)
    found = soap.vectors.reshape(len(flat), -1).astype(float)
    np.testing.assert_allclose(found @ found.T, expected @ expected.T, atol=1e-5)
    own = soap.project(SoapDescriptor(SYMBOLS, SETTINGS), trajectory.positions[:3])
    np.testing.assert_allclose(own, soap.vectors[:3], atol=1e-6)


def test_distances_are_those_of_scikit_learn(trajectory: Trajectory, tmp_path: Path) -> None:
    soap, rows = AtomSoap.of(trajectory, tmp_path), np.arange(0, 40)
    found = AtomDistances.to(soap, rows).of(SYMBOLS, soap.vectors)
    vectors, symbols = soap.vectors.astype(float), np.array(SYMBOLS)
    by_atom = np.empty((FRAMES, len(SYMBOLS)))
    for atom, species in enumerate(SYMBOLS):
        training = vectors[rows][:, symbols == species].reshape(-1, vectors.shape[2])
        near, _ = NearestNeighbors(n_neighbors=NEAREST).fit(training).kneighbors(vectors[:, atom])
        by_atom[:, atom] = near.mean(axis=1)
    np.testing.assert_allclose(found["soap_distance_atom"], by_atom.mean(axis=1), rtol=1e-6)
    np.testing.assert_allclose(found["soap_distance_atom_max"], by_atom.max(axis=1), rtol=1e-6)


def test_order_of_the_atoms_does_not_matter(trajectory: Trajectory, tmp_path: Path) -> None:
    soap = AtomSoap.of(trajectory, tmp_path)
    distances = AtomDistances.to(soap, np.arange(40))
    order = np.array([5, 2, 0, 1, 4, 3])
    symbols = [SYMBOLS[i] for i in order]
    descriptor = SoapDescriptor(symbols, SETTINGS)
    moved = soap.project(descriptor, trajectory.positions[50:60][:, order])
    expected = distances.of(SYMBOLS, soap.vectors[50:60])
    for name, values in distances.of(symbols, moved).items():
        np.testing.assert_allclose(values, expected[name], rtol=1e-4)


def test_without_training_frames_distances_are_undefined(
    trajectory: Trajectory, tmp_path: Path
) -> None:
    soap = AtomSoap.of(trajectory, tmp_path)
    found = AtomDistances.to(soap, np.array([], int)).of(SYMBOLS, soap.vectors[:4])
    assert all(np.isnan(values).all() for values in found.values())


def test_a_molecule_of_21_atoms_takes_less_than_300_mb_for_9633_frames() -> None:
    assert 9633 * 21 * atom_soap.COMPONENTS * np.dtype(np.float32).itemsize < 300e6
