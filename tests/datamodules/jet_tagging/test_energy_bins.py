"""The paper's bins of energy, and what records tell of a partition's jets."""

from __future__ import annotations

import numpy as np
import polars as pl

from saibench.datamodules.jet_tagging.energy_bins import EDGES, class_counts, energy_bin
from saibench.datamodules.samplers import Bins


def test_bins_are_those_of_the_sampler() -> None:
    rng = np.random.default_rng(0)
    energy = np.concatenate([rng.uniform(400, 2600, 500), EDGES])
    index = pl.DataFrame({"sample_id": np.arange(len(energy)), "jet_energy": energy})
    sampler = Bins("jet_energy", start=550, width=236.25, count=8)
    assert energy_bin(energy).tolist() == sampler.assign(index).tolist()


def test_every_jet_is_counted_once_in_its_class() -> None:
    rng = np.random.default_rng(1)
    energy, label = rng.uniform(400, 2600, 300), rng.integers(0, 2, 300)
    counts = class_counts(energy, label)
    assert sum(counts["top_jets"]) == (label == 1).sum()
    assert sum(counts["qcd_jets"]) == (label == 0).sum()
    third = (energy >= EDGES[2]) & (energy < EDGES[3]) & (label == 1)
    assert counts["top_jets"][2] == third.sum()
    assert counts["qcd_jets"][8] == (((energy < 550) | (energy >= 2440)) & (label == 0)).sum()
