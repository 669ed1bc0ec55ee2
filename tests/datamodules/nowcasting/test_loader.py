"""Every event is in one batch, crops are random, and batches hold the events."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from saibench.datamodules.nowcasting.loader import CropBatches, EventDataset, rain_loader
from saibench.datamodules.nowcasting.simulated import SimulatedEvents, SimulatedRain
from saibench.datamodules.stream import EvaluationBatches, Ranks, rows_of_steps


@pytest.fixture(scope="module")
def events(tmp_path_factory: pytest.TempPathFactory) -> SimulatedEvents:
    return SimulatedRain(events=7, size=64).load(tmp_path_factory.mktemp("rain"))


def test_ranks_together_see_every_event_once(events: SimulatedEvents) -> None:
    rows = np.array([6, 1, 4, 2, 0])
    seen = []
    for rank in range(3):
        batches = EvaluationBatches(rows, 2, Ranks(rank, 3))
        assert len(list(batches)) == len(batches)
        loader = rain_loader(EventDataset(events), batches, workers=0)
        seen += [int(sample) for batch in loader for sample in batch.sample_id]
    assert sorted(seen) == sorted(rows)


def test_batches_hold_the_events_they_name(events: SimulatedEvents) -> None:
    batches = EvaluationBatches(np.array([5, 3]), 2, Ranks())
    (batch,) = rain_loader(EventDataset(events), batches, workers=0)
    assert batch.sample_id.tolist() == [5, 3]
    event = events.read(3)
    np.testing.assert_array_equal(batch.observed[1], event.rate[:9])
    np.testing.assert_array_equal(batch.target[1], event.rate[9:])
    np.testing.assert_array_equal(batch.motion[1], event.motion)
    assert batch.mask.all() and batch.mask.shape == batch.target.shape


def test_workers_read_the_same(events: SimulatedEvents) -> None:
    def read(workers: int) -> torch.Tensor:
        batches = EvaluationBatches(np.arange(5), 2, Ranks())
        loader = rain_loader(EventDataset(events), batches, workers)
        return torch.cat([batch.target for batch in loader])

    assert torch.equal(read(0), read(1))


def test_any_number_of_ranks_trains_on_the_same_global_batches(events: SimulatedEvents) -> None:
    def draws(world_size: int) -> list[set[tuple[int, int]]]:
        streams = [
            CropBatches(np.arange(7), 4, 5, 1, lambda: 10, Ranks(rank, world_size))
            for rank in range(world_size)
        ]
        steps = zip(*streams, strict=True)
        return [{(d.row, d.key) for part in parts for d in part} for parts in steps]

    assert draws(1) == draws(2) == draws(4)


def test_a_round_continues_the_one_before() -> None:
    whole = rows_of_steps(7, 3, 10, 0, seed=1)
    np.testing.assert_array_equal(whole[4:], rows_of_steps(7, 3, 6, 4, seed=1))
    passes = whole.reshape(-1)[:28].reshape(4, 7)
    assert all(sorted(one) == list(range(7)) for one in passes)
    assert len({tuple(one) for one in passes}) > 1


def test_crops_are_parts_of_the_event_drawn_anew(events: SimulatedEvents) -> None:
    dataset = EventDataset(events, crop=32, seed=0)
    batches = CropBatches(np.array([2]), 6, 1, 0, lambda: 0, Ranks())
    (batch,) = rain_loader(dataset, batches, workers=0)
    (again,) = rain_loader(dataset, batches, workers=0)
    assert torch.equal(batch.target, again.target)
    assert batch.target.shape == (6, 20, 32, 32) and batch.motion.shape == (6, 2, 32, 32)
    motion = events.read(2).motion
    windows = np.lib.stride_tricks.sliding_window_view(motion, (32, 32), axis=(1, 2))
    places = set()
    for crop in batch.motion.numpy():
        same = (windows == crop[:, None, None]).all(axis=(0, 3, 4))
        assert same.sum() == 1
        places.add(tuple(np.argwhere(same)[0]))
    assert len(places) == 6
