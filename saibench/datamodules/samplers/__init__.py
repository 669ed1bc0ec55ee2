"""Structural samplers: pure, frozen functions from an index to row positions.

An index is a `polars.DataFrame` with one row per sample: `sample_id` (int64, the same on every
machine) and the data features known before training. Its rows may be in any order. Samplers
compose with `|`, have a hash, and describe themselves in one English clause:

>>> import polars
>>> index = polars.DataFrame({"sample_id": range(10), "time": [i / 10 for i in range(10)]})
>>> sampler = Window(start=0, size=0.5) | Where(by="time", at_least=0.2)
>>> sampler.select(index).tolist()
[2, 3, 4]
>>> sampler.describe()
'samples from 0 % to 50 % in order of time, then samples whose time is at least 0.2'
"""

from __future__ import annotations

from saibench.datamodules.samplers.bins import OUTSIDE, Bins
from saibench.datamodules.samplers.keys import sample_keys
from saibench.datamodules.samplers.sampler import Chain, Sampler
from saibench.datamodules.samplers.subset import Subset
from saibench.datamodules.samplers.where import Where
from saibench.datamodules.samplers.window import Tail, Window
from saibench.datamodules.samplers.without import Without

__all__ = [
    "OUTSIDE",
    "Bins",
    "Chain",
    "Sampler",
    "Subset",
    "Tail",
    "Where",
    "Window",
    "Without",
    "sample_keys",
]
