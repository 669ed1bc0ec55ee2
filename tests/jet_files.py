"""Random jets, and files of them in the layout of TopLandscape."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from saibench.datamodules.jet_tagging.momenta import kinematics


def random_jets(count: int, seed: int, slots: int = 200) -> tuple[np.ndarray, np.ndarray]:
    """Return padded momenta (count, slots, 4) float32, descending in pT, and labels (count,)."""
    rng = np.random.default_rng(seed)
    momenta = np.zeros((count, slots, 4), np.float32)
    for jet in momenta:
        number = rng.integers(1, 60)
        pt = np.sort(rng.exponential(20, number) + 0.1)[::-1]
        eta, phi = rng.normal(1, 0.2, number), rng.normal(-2, 0.2, number)
        p = np.stack([pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta)], axis=1)
        jet[:number, 1:] = p
        jet[:number, 0] = np.sqrt(np.square(p).sum(axis=1) + 0.14**2)
    return momenta, rng.integers(0, 2, count)


def jet_features(momenta: np.ndarray) -> dict[str, np.ndarray]:
    """Return the features of padded jets by their column names.

    Constituents have energy > 0; sums are in float64.

    Args:
        momenta: (N, P, 4) E, px, py, pz of the constituents in GeV, padded with 0.

    Returns:
        energy, pT and mass (N,) float64 in GeV; pseudorapidity (N,) float64;
        num_constituents (N,) int64.
    """
    count = (momenta[..., 0] > 0).sum(axis=1, dtype=np.int64)
    return kinematics(momenta.sum(axis=1, dtype=np.float64)) | {"num_constituents": count}


def write_pytables(
    path: Path,
    momenta: np.ndarray,
    label: np.ndarray,
    key: str = "table",
    drop: tuple[str, ...] = (),
    reverse: bool = False,
    complib: str | None = "blosc",
    fletcher32: bool = False,
) -> Path:
    """Write a file with pandas that has the 806 columns of TopLandscape."""
    import pandas

    names = [f"{c}_{slot}" for slot in range(momenta.shape[1]) for c in ("E", "PX", "PY", "PZ")]
    momenta = momenta.reshape(len(momenta), -1)
    if reverse:
        names, momenta = names[::-1], momenta[:, ::-1]
    frame = pandas.DataFrame(momenta, columns=names)
    truth = [f"truth{c}" for c in ("E", "PX", "PY", "PZ")]
    frame = pandas.concat(
        [frame, pandas.DataFrame(0.0, index=frame.index, columns=truth, dtype=np.float32)], axis=1
    )
    integers = pandas.DataFrame({"ttv": 0, "is_signal_new": label}, index=frame.index)
    frame = pandas.concat([frame, integers], axis=1).drop(columns=list(drop))
    level = 1 if complib else 0
    with pandas.HDFStore(path, complib=complib, complevel=level, fletcher32=fletcher32) as store:
        store.put(key, frame, format="table", track_times=False)
    return path
