"""What every contestant trains: one Particle Transformer, one optimizer, the same jets."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

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
"""Of a jet in TopLandscape's files, by falling pT."""
MAX_CONSTITUENTS = 128
"""That are kept; batches are trimmed to their longest jet by every contestant."""
SEED = 0


@dataclass(frozen=True)
class Task:
    """One training to be timed.

    Args:
        folder: of TopLandscape's files train.h5, val.h5 and test.h5.
        size: of the net, a key of `SIZES`.
        batch_size: jets a step.
        warm_up_steps: first steps, which are not timed.
        timed_steps: steps after those.
        device: `cpu` or `cuda`.
        mixed: whether in mixed precision (bfloat16).
    """

    folder: str
    size: str
    batch_size: int
    warm_up_steps: int
    timed_steps: int
    device: str
    mixed: bool

    @property
    def total_steps(self) -> int:
        return self.warm_up_steps + self.timed_steps

    @property
    def net(self) -> dict[str, Any]:
        return SIZES[self.size]

    def save(self, path: Path) -> None:
        path.write_text(json.dumps(asdict(self)))

    @classmethod
    def load(cls, path: Path) -> Task:
        return cls(**json.loads(path.read_text()))


def load_jets(folder: str) -> tuple[np.ndarray, np.ndarray]:
    """Four-momenta E, px, py, pz `(N, 128, 4)` float32 and labels `(N,)` of train.h5, by pandas."""
    import pandas

    table = pandas.read_hdf(Path(folder) / "train.h5", key="table")
    momenta = table.iloc[:, : 4 * STORED_CONSTITUENTS].to_numpy(np.float32)
    label = table["is_signal_new"].to_numpy(np.int64)
    momenta = momenta.reshape(len(table), STORED_CONSTITUENTS, 4)
    return np.ascontiguousarray(momenta[:, :MAX_CONSTITUENTS]), label
