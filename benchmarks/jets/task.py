"""The task of every contestant: one Particle Transformer, one optimizer, the same jets."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.measurement import TrainingTask

SIZES: dict[str, dict[str, Any]] = {
    "published": {
        "embed_dims": [128, 512, 128],
        "pair_embed_dims": [64, 64, 64],
        "num_heads": 8,
        "num_layers": 8,
        "num_cls_layers": 2,
        "dropout": 0.1,
    },
    "small": {
        "embed_dims": [32, 64, 32],
        "pair_embed_dims": [16, 16],
        "num_heads": 4,
        "num_layers": 3,
        "num_cls_layers": 1,
        "dropout": 0.1,
    },
}
"""Settings of the net, those of conf/model/particle_transformer*.yaml."""

RANGER: dict[str, Any] = {"lr": 0.001, "weight_decay": 0.01}
STORED_CONSTITUENTS = 200
"""Constituents per jet in TopLandscape's files, by descending pT."""
MAX_CONSTITUENTS = 128
"""Constituents used; every contestant trims batches to their longest jet."""
SEED = 0


@dataclass(frozen=True, kw_only=True)
class Task(TrainingTask):
    """A training on jets.

    Args:
        folder: of TopLandscape's files train.h5, val.h5 and test.h5.
        size: of the net, a key of `SIZES`.
        mixed: whether in mixed precision (bfloat16).
    """

    folder: str
    size: str
    mixed: bool

    @property
    def net(self) -> dict[str, Any]:
        return SIZES[self.size]


def load_jets(folder: str) -> tuple[np.ndarray, np.ndarray]:
    """Four-momenta E, px, py, pz `(N, 128, 4)` float32 and labels `(N,)` of train.h5, by pandas."""
    import pandas

    table = pandas.read_hdf(Path(folder) / "train.h5", key="table")
    momenta = table.iloc[:, : 4 * STORED_CONSTITUENTS].to_numpy(np.float32)
    label = table["is_signal_new"].to_numpy(np.int64)
    momenta = momenta.reshape(len(table), STORED_CONSTITUENTS, 4)
    return np.ascontiguousarray(momenta[:, :MAX_CONSTITUENTS]), label
