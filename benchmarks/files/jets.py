"""Random jets in the layouts of JetClass (ROOT) and weaver (Parquet)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

NAMES = ("part_energy", "part_px", "part_py", "part_pz")
CONSTITUENTS = 50
CHUNK = 10_000


def _columns(jets: int) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]:
    """Momenta of all constituents, number of each jet's, and labels."""
    rng = np.random.default_rng(0)
    counts = rng.integers(CONSTITUENTS // 2, 3 * CONSTITUENTS // 2, jets)
    momenta = rng.normal(0, 10, (counts.sum(), 3)).astype(np.float32)
    energy = np.linalg.norm(momenta, axis=1).astype(np.float32)
    columns = dict(zip(NAMES, (energy, *momenta.T), strict=True))
    return columns, counts, rng.integers(0, 2, jets).astype(np.int32)


def write_root(folder: Path, jets: int) -> None:
    import awkward
    import uproot

    columns, counts, label = _columns(jets)
    lists = {name: awkward.unflatten(values, counts) for name, values in columns.items()}
    with uproot.recreate(folder / "jets") as file:
        file.mktree("tree", {**dict.fromkeys(NAMES, "var * float32"), "label": "int32"})
        for first in range(0, jets, CHUNK):
            rows = slice(first, first + CHUNK)
            parts = {name: values[rows] for name, values in lists.items()}
            file["tree"].extend({**parts, "label": label[rows]})


def write_parquet(folder: Path, jets: int) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns, counts, label = _columns(jets)
    ends = np.concatenate([[0], counts.cumsum()]).astype(np.int32)
    lists = {name: pa.ListArray.from_arrays(ends, pa.array(v)) for name, v in columns.items()}
    pq.write_table(pa.table({**lists, "label": label}), folder / "jets", row_group_size=CHUNK)


def uproot_alone() -> Callable[[Path], object]:
    import awkward
    import uproot

    def read(folder: Path) -> None:
        with uproot.open(folder / "jets") as file:
            for arrays in file["tree"].iterate([*NAMES, "label"], step_size=CHUNK):
                for name in NAMES:
                    awkward.to_numpy(awkward.flatten(arrays[name]))

    return read


def pyarrow_alone() -> Callable[[Path], object]:
    import pyarrow.parquet as pq

    def read(folder: Path) -> None:
        with pq.ParquetFile(folder / "jets") as file:
            for batch in file.iter_batches(batch_size=CHUNK):
                for name in NAMES:
                    batch.column(name).flatten().to_numpy()

    return read


def saibench() -> Callable[[Path], object]:
    import awkward  # noqa: F401  # as for the libraries, imports are not timed
    import uproot  # noqa: F401

    from saibench.datamodules.cache_root import cache_root
    from saibench.datamodules.jet_tagging.files.source import JetFiles

    return lambda folder: JetFiles(train=("jets",), root=str(folder)).load(cache_root())
