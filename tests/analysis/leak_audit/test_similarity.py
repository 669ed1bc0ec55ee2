from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from jet_files import jet_features

from saibench.datamodules.jet_tagging.jets import Jets
from saibench.datamodules.jet_tagging.near_duplicates import jet_similarity
from saibench.datamodules.near_duplicates import NOTHING
from saibench.datamodules.nowcasting.event import FRAMES, RainEvent
from saibench.datamodules.nowcasting.near_duplicates import event_similarity


def jets_of(momenta: np.ndarray) -> Jets:
    """Padded jets `(N, P, 4)`, all slots filled."""
    count, width, _ = momenta.shape
    features = jet_features(momenta)
    nothing = np.zeros(count, np.int8)
    end = width * np.arange(1, count + 1)
    return Jets(momenta.reshape(-1, 4), end, nothing, nothing, data_hash="", **features)


def some_jets(count: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    pt = np.sort(rng.exponential(40, (count, 12)), axis=1)[:, ::-1] + 1
    eta = rng.uniform(-1, 1, (count, 1)) + rng.normal(0, 0.2, (count, 12))
    phi = rng.uniform(-3, 3, (count, 1)) + rng.normal(0, 0.2, (count, 12))
    columns = [pt * np.cosh(eta), pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta)]
    return np.stack(columns, axis=-1).astype(np.float32)


def rotated(momenta: np.ndarray, angle: float) -> np.ndarray:
    energy, px, py, pz = np.moveaxis(momenta, -1, 0)
    cosine, sine = np.cos(angle), np.sin(angle)
    return np.stack([energy, cosine * px - sine * py, sine * px + cosine * py, pz], axis=-1)


def test_a_rotated_jet_is_similar_and_a_copy_is_the_same() -> None:
    own = some_jets(40, seed=0)
    momenta = np.concatenate([own, own[:5], rotated(own[:5], 2.0).astype(np.float32)])
    similarity = jet_similarity(jets_of(momenta))
    every = np.arange(50)
    vectors = similarity.vectors(every)
    pairs = np.linalg.norm(vectors[:40, None] - vectors[None, :40], axis=2)
    typical = np.median(pairs[np.triu_indices(40, 1)])
    for copy in (vectors[40:45], vectors[45:]):
        assert np.linalg.norm(copy - vectors[:5], axis=1).max() < 2e-3 * typical
    digests = similarity.contents(every)[:, 0]
    assert (digests[40:45] == digests[:5]).all()
    assert len(np.unique(digests)) == 45  # rotated jets are not the same


def test_jets_of_few_constituents_have_descriptors() -> None:
    vectors = jet_similarity(jets_of(some_jets(3, seed=1)[:, :2])).vectors(np.arange(3))
    assert vectors.shape[1] == 35 and np.isfinite(vectors).all()


@dataclass
class Events:
    """Events in memory."""

    rates: list[np.ndarray]

    def read(self, row: int) -> RainEvent:
        return RainEvent(self.rates[row], np.ones_like(self.rates[row], dtype=bool))


def rain(seed: int, side: int = 40) -> np.ndarray:
    rng = np.random.default_rng(seed)
    field = np.clip(rng.gamma(0.3, 4, (FRAMES, side // 8, side // 8)) - 1, 0, None)
    return np.kron(field, np.ones((8, 8))).astype(np.float32)


def test_events_that_overlap_in_time_share_frames() -> None:
    first, other, dry = rain(0), rain(1), np.zeros_like(rain(2))
    later = np.concatenate([first[10:], rain(3)[:10]])  # the same storm, 100 minutes later
    similarity = event_similarity(Events([first, later, other, dry, dry]))  # type: ignore[arg-type]
    digests = similarity.contents(np.arange(5))
    assert len(set(digests[0]) & set(digests[1])) == FRAMES - 10
    assert not set(digests[0]) & set(digests[2])
    assert (digests[3] == NOTHING).all()


def test_coarse_fields_are_means_over_cells() -> None:
    event = rain(4, side=64)
    (vector,) = event_similarity(Events([event])).vectors(np.array([0]))  # type: ignore[arg-type]
    first = np.log1p(event[0]).reshape(16, 4, 16, 4).mean(axis=(1, 3))
    assert vector[:256].tolist() == pytest.approx(first.ravel().tolist(), rel=1e-5)
    assert vector.shape == (4 * 256,)
