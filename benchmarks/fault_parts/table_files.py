"""Tables of predictions, their schema, and prepared caches, with their readers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np


def _table() -> Any:
    import polars

    draw = np.random.default_rng(0)
    return polars.DataFrame(
        {
            "sample_id": np.arange(200),
            "target": draw.normal(size=200),
            "prediction": draw.normal(size=200),
            "group": draw.choice(["a", "b"], 200),
        }
    )


def csv(folder: Path) -> Path:
    _table().write_csv(folder / "predictions.csv")
    return folder / "predictions.csv"


def csv_gz(folder: Path) -> Path:
    import gzip

    path = folder / "predictions.csv.gz"
    path.write_bytes(gzip.compress(_table().write_csv().encode(), mtime=0))
    return path


def parquet(folder: Path) -> Path:
    _table().write_parquet(folder / "predictions.parquet")
    return folder / "predictions.parquet"


def parquet_with_checksums(folder: Path) -> Path:
    import pyarrow.parquet

    path = folder / "predictions.parquet"
    pyarrow.parquet.write_table(_table().to_arrow(), path, write_page_checksum=True)
    return path


def arrow(folder: Path) -> Path:
    _table().write_ipc(folder / "predictions.arrow")
    return folder / "predictions.arrow"


def root(folder: Path) -> Path:
    import uproot

    path = folder / "predictions.root"
    table = _table().drop("group")
    columns = {name: table[name].to_numpy() for name in table.columns}
    with uproot.recreate(path) as file:
        file.mktree("tree", {name: values.dtype for name, values in columns.items()})
        file["tree"].extend(columns)
    return path


def schema(folder: Path) -> Path:
    path = folder / "schema.yaml"
    path.write_text(
        "title: Yields\nsample: reaction\ncolumns:\n  sample_id: sample_id\n  target: truth\n"
        "  prediction: {role: prediction, unit: '%', title: predicted yield}\n  group: feature\n"
        "trust: {tolerance: 5}\n",
        encoding="utf-8",
    )
    return path


def cached(folder: Path) -> Path:
    return _cached(folder).folder / "values.npy"


def manifest(folder: Path) -> Path:
    return _cached(folder).folder / "manifest.json"


def read_table(path: Path) -> Any:
    from saibench.evidence.imported.reading import read_predictions

    return repr(read_predictions(path)[0].to_dict(as_series=False))


def read_schema(path: Path) -> Any:
    from saibench.evidence.imported.schema import read_schema

    return repr(read_schema(path))


def read_cached(path: Path) -> Any:
    """The arrays, built again where they are damaged."""
    found = _cached(path.parents[1])
    return np.array(found["values"]), json.dumps(dict(found.manifest["recipe"]))


def _cached(folder: Path) -> Any:
    from saibench.datamodules.cache import cached_arrays

    values = np.random.default_rng(0).normal(size=(50, 9, 3))
    return cached_arrays(folder, "values", {"seed": 0}, lambda _: {"values": values})
