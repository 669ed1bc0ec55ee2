"""Random keys that order samples in a draw, as pure functions of sample_id and seed.

Unlike the streams of numpy's generators, integer arithmetic modulo 2^64 never changes with the
version. All users with the same samples draw the same ones, and a larger draw contains a smaller.
"""

from __future__ import annotations

import numpy as np


def splitmix64(state: np.ndarray) -> np.ndarray:
    """The output of SplitMix64 for each uint64 state, a bijection of 64-bit integers.

    Source: Steele, Lea, Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014;
    constants of Vigna's reference implementation, https://prng.di.unimi.it/splitmix64.c
    """
    mixed = state + np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))


def sample_keys(sample_ids: np.ndarray, seed: int, stream: int = 0) -> np.ndarray:
    """One uint64 key per sample, of the shape of the ids; distinct ids have distinct keys.

    Successive draws need different streams: samples that `Bins` draws from a large bin have the
    smallest keys, so that a second draw by the same keys would favour the large bins.
    """
    seed_state = splitmix64(np.array([seed], dtype=np.uint64)) + np.uint64(stream)
    return splitmix64(sample_ids.astype(np.int64).view(np.uint64) ^ splitmix64(seed_state))


def rows_by_key(sample_ids: np.ndarray, seed: int, stream: int = 0) -> np.ndarray:
    """Row positions, int64, ascending by key, ties by id."""
    return np.lexsort((sample_ids, sample_keys(sample_ids, seed, stream))).astype(np.int64)
