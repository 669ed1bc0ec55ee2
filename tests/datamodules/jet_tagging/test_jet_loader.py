"""Batches hold the jets they name, every jet is in one batch, and a stream resumes."""

from __future__ import annotations

from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from saibench.datamodules.jet_tagging.batch import JetBatch
from saibench.datamodules.jet_tagging.jets import Jets, JetWriter
from saibench.datamodules.jet_tagging.loader import BucketedBatches, JetArrays, jet_loader
from saibench.datamodules.jet_tagging.transforms import BeamBoost, BeamRotations
from saibench.datamodules.loader import Loader
from saibench.datamodules.stream import EvaluationBatches, Ranks, TrainingBatches, rows_of_steps

NUM_JETS = 90


@pytest.fixture
def padded(make_jets: Any) -> tuple[np.ndarray, np.ndarray]:
    return make_jets(NUM_JETS, seed=8)


@pytest.fixture
def jets(padded: tuple[np.ndarray, np.ndarray], tmp_path: Path) -> Jets:
    writer = JetWriter(tmp_path)
    writer.append(padded[0][:50], padded[1][:50], 0)
    writer.append(padded[0][50:], padded[1][50:], 2)
    return Jets(data_hash="", **writer.closed())


def training(jets: Jets, bucketed: bool = True, **changed: Any) -> Loader[JetBatch]:
    settings: dict[str, Any] = {
        "rows": np.arange(10, NUM_JETS),
        "batch_size": 8,
        "steps": 30,
        "seed": 1,
        "first_step": lambda: 0,
        "ranks": Ranks(),
    } | changed
    arrays = JetArrays(jets, 128)
    if not bucketed:
        return jet_loader(arrays, TrainingBatches(**settings))
    return jet_loader(arrays, BucketedBatches(**settings, lengths=arrays.lengths))


def evaluated(jets: Jets, rows: np.ndarray, size: int, ranks: Ranks, transform: Any = None) -> Any:
    return jet_loader(JetArrays(jets, 128), EvaluationBatches(rows, size, ranks), transform)


def ids(batches: Any) -> list[list[int]]:
    return [batch.sample_id.tolist() for batch in batches]


def test_batches_hold_the_jets_they_name(jets: Jets, padded: Any) -> None:
    rows = np.array([61, 3, 88, 3])
    batch = JetArrays(jets, 128).batch(rows, sample_weight=0.25)
    longest = int((padded[0][rows][..., 0] > 0).sum(axis=1).max())
    assert batch.sample_id.tolist() == rows.tolist() and batch.sample_weight == 0.25
    np.testing.assert_array_equal(batch.momenta.numpy(), padded[0][rows, :longest])
    np.testing.assert_array_equal(batch.mask.numpy(), padded[0][rows, :longest, 0] > 0)
    np.testing.assert_array_equal(batch.label.numpy(), padded[1][rows])
    assert batch.momenta.dtype == torch.float32 and batch.label.dtype == torch.int64


def test_only_the_hardest_constituents_are_kept(jets: Jets, padded: Any) -> None:
    batch = JetArrays(jets, 5).batch(np.arange(NUM_JETS))
    for momenta, whole in zip(batch.momenta.numpy(), padded[0], strict=True):
        hardest = np.sort(np.hypot(whole[:, 1], whole[:, 2]))[::-1][:5]
        np.testing.assert_allclose(np.hypot(momenta[:, 1], momenta[:, 2]), hardest)


def test_no_jet_is_a_batch_of_none(jets: Jets) -> None:
    batch = JetArrays(jets, 5).batch(np.array([], dtype=np.int64))
    assert batch.momenta.shape == (0, 0, 4) and len(batch) == 0


@pytest.mark.parametrize("bucketed", [False, True])
def test_any_number_of_ranks_trains_on_the_same_global_batches(jets: Jets, bucketed: bool) -> None:
    def global_batches(world_size: int) -> list[list[int]]:
        streams = [
            ids(training(jets, bucketed=bucketed, ranks=Ranks(rank, world_size)))
            for rank in range(world_size)
        ]
        return [sorted(chain(*parts)) for parts in zip(*streams, strict=True)]

    assert global_batches(1) == global_batches(2) == global_batches(4)


@pytest.mark.parametrize("bucketed", [False, True])
def test_a_round_continues_the_one_before(jets: Jets, bucketed: bool) -> None:
    whole = ids(training(jets, bucketed=bucketed))
    for first in (0, 1, 7, 16, 23):
        later = training(jets, bucketed=bucketed, steps=30 - first, first_step=lambda f=first: f)
        assert ids(later) == whole[first:]


def test_weights_of_a_global_batch_sum_to_one(jets: Jets) -> None:
    """Gradients are averaged over ranks."""
    ranks = [training(jets, steps=1, ranks=Ranks(rank, 4)) for rank in range(4)]
    weights = [batch.sample_weight * len(batch) for (batch,) in ranks]
    assert np.mean(weights) == 1.0


def test_bucketing_uses_the_same_jets_with_less_padding(jets: Jets) -> None:
    rows = rows_of_steps(80, 8, 32, 0, 1) + 10
    plain = list(training(jets, bucketed=False, steps=32))
    bucketed = list(training(jets, steps=32))
    assert ids(plain) == rows.tolist()
    for group in (slice(0, 16), slice(16, 32)):
        assert sorted(chain(*ids(bucketed[group]))) == sorted(rows[group].ravel().tolist())

    def padding(batches: list[JetBatch]) -> int:
        return sum(int((~batch.mask).sum()) for batch in batches)

    assert padding(bucketed) < 0.25 * padding(plain)
    lengths = [batch.mask.shape[1] for batch in bucketed]
    assert lengths[:16] != sorted(lengths[:16])


@pytest.mark.parametrize("world_size", [1, 3, 7])
def test_ranks_together_see_every_jet_once(jets: Jets, world_size: int) -> None:
    rows = np.array([4, 80, 17, 33, 2])
    seen = []
    for rank in range(world_size):
        loader = evaluated(jets, rows, 2, Ranks(rank, world_size))
        batches = list(loader)
        assert len(batches) == len(loader)
        seen += chain(*ids(batches))
    assert sorted(seen) == sorted(rows.tolist())


def test_transforms_are_applied_to_each_batch(jets: Jets) -> None:
    rows = np.arange(12)
    boosted = list(evaluated(jets, rows, 5, Ranks(), BeamBoost(0.3)))
    plain = list(evaluated(jets, rows, 5, Ranks()))
    for one, other in zip(boosted, plain, strict=True):
        torch.testing.assert_close(one.momenta, BeamBoost(0.3).apply(other).momenta)
    (rotated, *_) = evaluated(jets, rows, 5, Ranks(), BeamRotations(90, 4))
    assert rotated.angles is not None and rotated.angles.tolist() == pytest.approx(
        [0, np.pi / 2, np.pi, 3 * np.pi / 2]
    )


def test_an_error_while_reading_ahead_comes_to_the_reader(jets: Jets) -> None:
    def broken(batch: JetBatch) -> JetBatch:
        raise OSError("the disk is gone")

    transform = BeamBoost(0.1)
    object.__setattr__(transform, "apply", broken)
    with pytest.raises(OSError, match="the disk is gone"):
        list(evaluated(jets, np.arange(4), 2, Ranks(), transform))
