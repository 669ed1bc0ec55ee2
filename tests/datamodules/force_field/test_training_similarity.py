"""Similarity to training sets against all pairs of frames."""

import numpy as np
from scipy.spatial.distance import cdist

from saibench.datamodules.force_field.similarity import TrainingSimilarity


def units(values: np.ndarray) -> np.ndarray:
    return values / np.linalg.norm(values, axis=1, keepdims=True)


def test_similarities_are_means_over_all_pairs() -> None:
    random = np.random.default_rng(0)
    vectors = units(5 + random.normal(size=(1300, 6))).astype(np.float32)
    sets = {"near": np.arange(0, 40), "window": np.arange(0, 700)}
    reference = np.arange(0, 1200)

    similarity = TrainingSimilarity.to(vectors, sets, reference, {"apart": np.arange(40)})
    frames = vectors[1200:]
    found = similarity.of(frames)

    exact = vectors.astype(np.float64)
    offsets = units(exact - exact[reference].mean(axis=0))
    for name, rows in sets.items():
        np.testing.assert_allclose(found[name], (exact[1200:] @ exact[rows].T).mean(axis=1))
        np.testing.assert_allclose(
            found[f"{name}_centred"], (offsets[1200:] @ offsets[rows].T).mean(axis=1), atol=1e-12
        )
    apart = np.sort(cdist(exact[1200:], exact[:40]), axis=1)[:, :5].mean(axis=1)
    np.testing.assert_allclose(found["apart"], apart)
    assert tuple(found) == similarity.names
    assert np.ptp(found["near_centred"]) > 0.1


def test_similarity_of_a_frame_does_not_depend_on_the_others() -> None:
    vectors = units(np.random.default_rng(1).normal(size=(600, 4))).astype(np.float32)
    similarity = TrainingSimilarity.to(
        vectors, {"near": np.arange(9)}, np.arange(300), {"apart": np.arange(9)}
    )

    whole = similarity.of(vectors)
    alone = similarity.of(vectors[555:556])

    for name, values in whole.items():
        np.testing.assert_allclose(alone[name][0], values[555], rtol=1e-12)
