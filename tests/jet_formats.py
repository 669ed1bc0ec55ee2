"""Files of jets in the layouts of weaver, JetClass and EnergyFlow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

PARTS = ("part_energy", "part_px", "part_py", "part_pz")


def lists(momenta: np.ndarray) -> dict[str, list[list[float]]]:
    """The columns of weaver: for each coordinate a list per jet, without padding."""
    real = momenta[..., 0] > 0
    return {
        name: [jet[of, place].tolist() for jet, of in zip(momenta, real, strict=True)]
        for place, name in enumerate(PARTS)
    }


def write_parquet(path: Path, momenta: np.ndarray, **labels: Any) -> Path:
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = {
        name: pa.array(values, pa.list_(pa.float32())) for name, values in lists(momenta).items()
    }
    pq.write_table(pa.table({**columns, **labels}), path, row_group_size=11)
    return path


def write_root(path: Path, momenta: np.ndarray, name: str = "tree", **labels: np.ndarray) -> Path:
    """A TTree with jagged branches, as JetClass."""
    import awkward
    import uproot

    jagged = {
        key: awkward.values_astype(awkward.Array(values), np.float32)
        for key, values in lists(momenta).items()
    }
    with uproot.recreate(path) as file:
        branches = {key: values.type for key, values in {**jagged, **_awkward(labels)}.items()}
        file.mktree(name, {key: kind.content for key, kind in branches.items()})
        file[name].extend({**jagged, **labels})
    return path


def _awkward(labels: dict[str, np.ndarray]) -> dict[str, Any]:
    import awkward

    return {name: awkward.Array(values) for name, values in labels.items()}


def energyflow(momenta: np.ndarray, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """pt, y, φ and PDG number of constituents that are given a mass, and their E, px, py, pz.

    The energies are computed with the masses; momenta are those of `momenta`.

    Args:
        momenta: (N, P, 4), padded with 0.
    """
    rng = np.random.default_rng(seed)
    numbers = np.array([22, 211, -211, 130, 2212])
    masses = {22: 0.0, 211: 0.13957, 130: 0.497611, 2212: 0.938272}
    real = momenta[..., 0] > 0
    pid = np.where(real, rng.choice(numbers, real.shape), 0)
    mass = np.vectorize(lambda number: masses.get(abs(number), 0.0))(pid)
    p = momenta[..., 1:].astype(np.float64)
    energy = np.where(real, np.sqrt((p**2).sum(axis=-1) + mass**2), 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        rapidity = 0.5 * np.log((energy + p[..., 2]) / (energy - p[..., 2]))
    values = np.stack(
        [
            np.hypot(p[..., 0], p[..., 1]),
            np.where(real, rapidity, 0),
            np.arctan2(p[..., 1], p[..., 0]) % (2 * np.pi) * real,
            pid,
        ],
        axis=-1,
    )
    return values, np.concatenate([energy[..., None], p], axis=-1)
