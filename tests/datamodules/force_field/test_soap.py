from __future__ import annotations

import importlib
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from dscribe.descriptors import SOAP
from imported_anew import imported_anew
from scipy.spatial.transform import Rotation

from saibench.datamodules.force_field.rmd17 import RMD17
from saibench.datamodules.force_field.soap import (
    NearestFrames,
    SoapSettings,
    centred_on,
    mean_unit_vector,
    similarity_to,
    soap_unit_vectors,
)
from saibench.datamodules.force_field.trajectory import Trajectory


def every(step: int, data_dir: Path, root: Path) -> RMD17:
    """Each `step`-th frame of real aspirin."""
    published = np.load(data_dir / "rmd17/npz_data/rmd17_aspirin.npz")
    root.mkdir(exist_ok=True)
    np.savez(
        root / "rmd17_aspirin.npz",
        nuclear_charges=published["nuclear_charges"],
        **{key: published[key][::step] for key in ("coords", "energies", "forces", "old_indices")},
    )
    return RMD17("aspirin", root=str(root))


@pytest.fixture(scope="module")
def aspirin(data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Trajectory, Path]:
    root = tmp_path_factory.mktemp("aspirin")
    return every(100, data_dir, root).load(root / "cache"), root / "cache"


@pytest.fixture(scope="module")
def vectors(aspirin: tuple[Trajectory, Path]) -> np.ndarray:
    return soap_unit_vectors(*aspirin)


@pytest.fixture(scope="module")
def descriptors(data_dir: Path) -> np.ndarray:
    """SOAP of the same frames straight from the published file, one frame at a time."""
    published = np.load(data_dir / "rmd17/npz_data/rmd17_aspirin.npz")
    soap = SOAP(species=["C", "H", "O"], r_cut=5, n_max=8, l_max=6, sigma=0.5, average="inner")
    atoms = [
        Atoms(published["nuclear_charges"], positions) for positions in published["coords"][::100]
    ]
    return np.array([soap.create(frame) for frame in atoms])


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.dot(a, b) / np.sqrt(np.dot(a, a) * np.dot(b, b)))


def test_each_frame_has_a_unit_vector_along_its_descriptor(
    vectors: np.ndarray, descriptors: np.ndarray
) -> None:
    assert vectors.shape == (97, 2100)
    assert vectors.dtype == np.float32
    assert isinstance(vectors, np.memmap)
    lengths = np.linalg.norm(descriptors, axis=1, keepdims=True)
    np.testing.assert_allclose(vectors, descriptors / lengths, atol=2e-7)


def test_similarity_to_a_mean_is_the_mean_over_all_pairs(
    vectors: np.ndarray, descriptors: np.ndarray
) -> None:
    window, test = np.arange(0, 29), np.arange(87, 97)

    similarity = similarity_to(vectors[test], mean_unit_vector(vectors, window))

    pairs = [[cosine(descriptors[i], descriptors[j]) for j in window] for i in test]
    np.testing.assert_allclose(similarity, np.mean(pairs, axis=1), atol=1e-7)
    assert np.ptp(similarity) > 1e-4  # so that the tolerance tells frames apart


def test_centred_similarity_is_the_mean_over_all_pairs_about_the_reference(
    vectors: np.ndarray, descriptors: np.ndarray
) -> None:
    reference, window, test = np.arange(0, 87), np.arange(29, 58), np.arange(87, 97)

    centred = centred_on(mean_unit_vector(vectors, reference), vectors)
    similarity = similarity_to(centred[test], centred[window].mean(axis=0))

    units = descriptors / np.linalg.norm(descriptors, axis=1, keepdims=True)
    offsets = units - units[reference].mean(axis=0)
    pairs = [[cosine(offsets[i], offsets[j]) for j in window] for i in test]
    np.testing.assert_allclose(similarity, np.mean(pairs, axis=1), atol=2e-5)
    np.testing.assert_allclose(np.linalg.norm(centred, axis=1), 1, rtol=1e-6)
    assert np.ptp(similarity) > 0.05


def test_chunks_do_not_change_a_mean() -> None:
    vectors = np.random.default_rng(0).normal(size=(1700, 5)).astype(np.float32)
    rows = np.arange(100, 1650)

    np.testing.assert_allclose(
        mean_unit_vector(vectors, rows), vectors[rows].astype(float).mean(axis=0), atol=1e-12
    )
    mean = mean_unit_vector(vectors, rows)
    np.testing.assert_allclose(similarity_to(vectors, mean), vectors.astype(float) @ mean)


def test_a_vector_at_the_reference_mean_has_no_direction() -> None:
    vectors = np.array([[1, 0], [0, 1], [0.5, 0.5]], dtype=np.float32)

    centred = centred_on(np.array([0.5, 0.5]), vectors)

    np.testing.assert_allclose(centred[0], [np.sqrt(0.5), -np.sqrt(0.5)], rtol=1e-6)
    assert np.isnan(centred[2]).all()


def test_a_rotated_molecule_with_other_numbering_is_the_same_frame(
    aspirin: tuple[Trajectory, Path], tmp_path: Path, vectors: np.ndarray
) -> None:
    trajectory = aspirin[0]
    order = np.random.default_rng(2).permutation(21)
    positions = np.array(trajectory.positions[:3]).reshape(-1, 3)
    turned = Rotation.from_rotvec([0.3, -1.1, 0.7]).apply(positions)
    other = Trajectory(
        name="turned",
        symbols=tuple(trajectory.symbols[atom] for atom in order),
        atomic_numbers=trajectory.atomic_numbers[order],
        positions=turned.reshape(3, 21, 3)[:, order],
        energies=trajectory.energies[:3],
        forces=trajectory.forces[:3],
        sample_id=trajectory.sample_id[:3],
        time=trajectory.time[:3],
        data_hash="turned",
    )

    np.testing.assert_allclose(soap_unit_vectors(other, tmp_path), vectors[:3], atol=1e-6)


def test_other_settings_have_other_vectors(
    aspirin: tuple[Trajectory, Path], vectors: np.ndarray
) -> None:
    trajectory, cache = aspirin
    small = soap_unit_vectors(trajectory, cache, SoapSettings(n_max=2, l_max=1, average="outer"))

    assert small.shape == (97, 6 * 7 // 2 * 2)
    assert vectors.shape == (97, 2100)


def test_a_cached_descriptor_needs_no_dscribe(
    aspirin: tuple[Trajectory, Path], vectors: np.ndarray
) -> None:
    cache = aspirin[1]
    with imported_anew(without="dscribe"):
        rmd17 = importlib.import_module("saibench.datamodules.force_field.rmd17")
        soap = importlib.import_module("saibench.datamodules.force_field.soap")
        trajectory = rmd17.RMD17("aspirin", root=cache.parent).load(cache)
        assert soap.soap_unit_vectors(trajectory, cache).shape == (97, 2100)


def test_windows_of_real_aspirin_have_the_similarities_found_before(
    data_dir: Path, tmp_path: Path
) -> None:
    """Against an earlier script that used dscribe alone, on every fourth frame.

    Windows hold 30 % of the first 90 % of the frames; the test is the last 10 %.
    """
    trajectory = every(4, data_dir, tmp_path).load(tmp_path / "cache")
    vectors = soap_unit_vectors(trajectory, tmp_path / "cache")
    end = int(0.9 * len(vectors))
    test = np.arange(end, len(vectors))
    windows = [
        np.arange(int(start * end), int((start + 0.3) * end))
        for start in (0, 0.15, 0.3, 0.45, 0.6, 0.7)
    ]

    def to_test(of: np.ndarray) -> list[float]:
        return [float(similarity_to(of[test], mean_unit_vector(of, at)).mean()) for at in windows]

    np.testing.assert_allclose(
        to_test(vectors), [0.99864, 0.99858, 0.99849, 0.99846, 0.99848, 0.99855], atol=1.1e-5
    )
    np.testing.assert_allclose(
        to_test(centred_on(mean_unit_vector(vectors, np.arange(end)), vectors)),
        [0.019, 0.015, -0.001, -0.027, -0.017, 0.008],
        atol=1e-3,
    )


def test_distance_to_the_nearest_is_that_of_all_pairs() -> None:
    random = np.random.default_rng(0)
    vectors, others = random.normal(size=(700, 6)), random.normal(size=(40, 6))
    origin = np.full(6, 0.1)
    nearest = NearestFrames(origin, others - origin)
    apart = np.sort(np.linalg.norm(vectors[:, None] - others[None], axis=2), axis=1)
    for count in (1, 5, 40, 60):
        expected = apart[:, :count].mean(axis=1)
        np.testing.assert_allclose(nearest.distance(vectors, count), expected)
        alone = nearest.distance(vectors[:1], count)
        np.testing.assert_allclose(alone, expected[:1])


def test_distance_of_a_frame_to_itself_is_nothing() -> None:
    others = np.random.default_rng(0).normal(size=(40, 6))
    nearest = NearestFrames(np.zeros(6), others)
    np.testing.assert_allclose(nearest.distance(others[:3], 1), 0, atol=1e-7)
