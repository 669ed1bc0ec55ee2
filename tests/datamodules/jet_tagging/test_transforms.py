"""Transforms of jets keep what they must, and do to a jet the same in every batch."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from jet_files import jet_features

from saibench.datamodules.jet_tagging.batch import JetBatch
from saibench.datamodules.jet_tagging.transforms import (
    BeamBoost,
    BeamRotations,
    ConstituentSmearing,
    JetTransform,
    Permutation,
    RandomRotation3D,
)
from saibench.errors import UserError

CHANGING: list[JetTransform] = [
    BeamBoost(0.7),
    RandomRotation3D(seed=2),
    ConstituentSmearing(energy=0.1, angle=0.02, seed=3),
    ConstituentSmearing(energy=0.0, angle=0.1),
    Permutation(seed=4),
]


@pytest.fixture
def batch(make_jets: Any) -> JetBatch:
    momenta, label = make_jets(40, seed=1, slots=64)
    return JetBatch(
        sample_id=torch.arange(100, 140),
        momenta=torch.from_numpy(momenta),
        mask=torch.from_numpy(momenta[..., 0] > 0),
        label=torch.from_numpy(label),
    )


def part(batch: JetBatch, rows: list[int], slots: int) -> JetBatch:
    return JetBatch(
        batch.sample_id[rows],
        batch.momenta[rows, :slots],
        batch.mask[rows, :slots],
        batch.label[rows],
    )


def constituents(batch: JetBatch, row: int) -> np.ndarray:
    return batch.momenta[row][batch.mask[row]].double().numpy()


@pytest.mark.parametrize("transform", CHANGING, ids=lambda transform: transform.hash())
def test_neither_batch_nor_padding_matters(batch: JetBatch, transform: JetTransform) -> None:
    whole = transform.apply(batch)
    assert not torch.equal(whole.momenta, batch.momenta)
    rows = [31, 4, 7]
    slots = int(batch.mask[rows].sum(dim=1).max())
    alone = transform.apply(part(batch, rows, slots))
    torch.testing.assert_close(alone.momenta, whole.momenta[rows, :slots], rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("transform", CHANGING, ids=lambda transform: transform.hash())
def test_padding_and_everything_beside_momenta_stay(
    batch: JetBatch, transform: JetTransform
) -> None:
    changed = transform.apply(batch)
    assert changed.momenta.dtype == torch.float32
    assert not changed.momenta[~batch.mask].any()
    assert (changed.momenta[..., 0][batch.mask] > 0).all()
    for name in ("sample_id", "mask", "label"):
        assert torch.equal(getattr(changed, name), getattr(batch, name))


def test_a_boost_adds_to_rapidity_and_keeps_pt_and_mass(batch: JetBatch) -> None:
    before = jet_features(batch.momenta.numpy())
    boosted = BeamBoost(0.7).apply(batch).momenta.numpy()
    after = jet_features(boosted)
    np.testing.assert_allclose(after["jet_pt"], before["jet_pt"], rtol=1e-6)
    np.testing.assert_allclose(after["jet_mass"], before["jet_mass"], rtol=1e-3, atol=1e-2)
    for row in range(len(batch)):
        rapidity = [
            np.arctanh(one[:, 3] / one[:, 0])
            for one in (constituents(batch, row), boosted[row][batch.mask[row]].astype(float))
        ]
        np.testing.assert_allclose(rapidity[1] - rapidity[0], 0.7, atol=1e-5)


def test_a_rotation_keeps_energies_and_angles_between_constituents(batch: JetBatch) -> None:
    rotated = RandomRotation3D().apply(batch)
    torch.testing.assert_close(rotated.momenta[..., 0], batch.momenta[..., 0], rtol=0, atol=0)
    directions = []
    for row in range(len(batch)):
        before, after = constituents(batch, row)[:, 1:], constituents(rotated, row)[:, 1:]
        np.testing.assert_allclose(after @ after.T, before @ before.T, rtol=1e-4, atol=1e-2)
        directions.append(after.sum(axis=0) / np.linalg.norm(after.sum(axis=0)))
    assert np.linalg.norm(np.mean(directions, axis=0)) < 0.5  # though all jets were near η = 1


def test_smearing_has_the_given_resolution(make_jets: Any) -> None:
    momenta, label = make_jets(600, seed=5, slots=64)
    batch = JetBatch(
        torch.arange(600),
        torch.from_numpy(momenta),
        torch.from_numpy(momenta[..., 0] > 0),
        torch.from_numpy(label),
    )
    smeared = ConstituentSmearing(energy=0.2, angle=0.05, seed=1).apply(batch)
    there = batch.mask.numpy()
    before, after = momenta[there].astype(float), smeared.momenta.numpy()[there].astype(float)
    pt = [np.hypot(one[:, 1], one[:, 2]) for one in (before, after)]
    ratio = pt[1] / pt[0]
    assert ratio.mean() == pytest.approx(1, abs=0.01)
    assert np.log(ratio).std() == pytest.approx(0.2, rel=0.05)
    eta = [np.arcsinh(one[:, 3] / p) for one, p in zip((before, after), pt, strict=True)]
    phi = [np.arctan2(one[:, 2], one[:, 1]) for one in (before, after)]
    turn = np.remainder(phi[1] - phi[0] + np.pi, 2 * np.pi) - np.pi
    for shift in (eta[1] - eta[0], turn):
        assert shift.mean() == pytest.approx(0, abs=0.003)
        assert shift.std() == pytest.approx(0.05, rel=0.05)
    assert abs(np.corrcoef(eta[1] - eta[0], turn)[0, 1]) < 0.05
    mass = [
        one[:, 0] ** 2 - p**2 - one[:, 3] ** 2 for one, p in zip((before, after), pt, strict=True)
    ]
    assert np.median(mass[1]) == pytest.approx(np.median(mass[0]), rel=0.2)


def test_a_permutation_keeps_the_set_of_constituents(batch: JetBatch) -> None:
    permuted = Permutation(seed=4).apply(batch)
    moved = 0
    for row in range(len(batch)):
        before, after = constituents(batch, row), constituents(permuted, row)
        assert sorted(map(tuple, before)) == sorted(map(tuple, after))
        moved += not np.array_equal(before, after)
    assert moved > 30


def test_rotations_about_the_beam_are_angles_for_the_model(batch: JetBatch) -> None:
    rotated = BeamRotations().apply(batch)
    assert torch.equal(rotated.momenta, batch.momenta)
    assert rotated.angles is not None and len(rotated.angles) == 36
    np.testing.assert_allclose(np.degrees(rotated.angles.numpy()), np.arange(0, 180, 5))


@pytest.mark.parametrize("transform", [BeamRotations(), *CHANGING], ids=lambda t: t.hash())
def test_transforms_describe_themselves(transform: JetTransform) -> None:
    assert transform.describe() and not transform.describe().endswith(".")
    assert hash(transform) == hash(type(transform)(**vars(transform)))


def test_other_settings_have_other_hashes() -> None:
    transforms: list[JetTransform] = [
        *(BeamRotations(5, 36), BeamRotations(10, 36), BeamRotations(5, 18)),
        *(BeamBoost(0.1), BeamBoost(-0.1), RandomRotation3D(0), RandomRotation3D(1)),
        *(ConstituentSmearing(), ConstituentSmearing(0.2), ConstituentSmearing(angle=0.1)),
        *(ConstituentSmearing(seed=1), Permutation(0), Permutation(1)),
    ]
    assert len({transform.hash() for transform in transforms}) == len(transforms)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: BeamRotations(count=1), "BeamRotations.count=1"),
        (lambda: BeamRotations(step_degrees=0), "BeamRotations.step_degrees=0"),
        (lambda: BeamBoost(9), "BeamBoost.rapidity=9"),
        (lambda: BeamBoost(float("nan")), "BeamBoost.rapidity=nan"),
        (lambda: ConstituentSmearing(energy=-0.1), "ConstituentSmearing.energy=-0.1"),
        (lambda: ConstituentSmearing(0, 0), "energy and angle"),
    ],
)
def test_settings_out_of_range_are_refused(make: Any, says: str) -> None:
    with pytest.raises(UserError, match=says):
        make()
