"""Columns of one number per jet in a file: Parquet, ROOT, npz or HDF5."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars

from saibench.errors import UserError, first_line
from saibench.evidence.imported.reading import USUAL_TREES
from saibench.files.hdf5 import is_hdf5, node, opened_hdf5
from saibench.files.npz import DamagedArray, NpzArrays
from saibench.files.root import SIGNATURE, branches, is_flat, opened_tree

_DAMAGE = (DamagedArray, OSError, polars.exceptions.PolarsError)


@dataclass(frozen=True)
class ScoreColumns:
    """The columns of an open file.

    Args:
        names: of those with one number per jet.
        read: a name → values (N,).
    """

    names: tuple[str, ...]
    read: Callable[[str], np.ndarray]


@contextmanager
def opened_columns(path: Path, tree: str | None = None) -> Iterator[ScoreColumns]:
    """Yield the columns of a file, whose format is found from its content.

    Args:
        path: the file.
        tree: of a ROOT file; by default the only or usual one.

    Raises:
        UserError: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            head = file.read(4)
        if head == b"PAR1":
            yield _of_parquet(path)
        elif head == SIGNATURE:
            with opened_tree(path, tree, "data.tree", USUAL_TREES) as opened:
                names = [name for name in branches(opened) if is_flat(opened[name])]
                yield ScoreColumns(
                    tuple(names), lambda name: np.asarray(opened[name].array(library="np"))
                )
        elif is_hdf5(path):
            with opened_hdf5(path, "jets") as hdf5:
                nodes: dict[str, Any] = {name: node(hdf5, name) for name in hdf5}
                yield ScoreColumns(
                    tuple(n for n, one in nodes.items() if len(getattr(one, "shape", ())) == 1),
                    lambda name: np.asarray(nodes[name][...]),
                )
        else:
            with NpzArrays(path) as archive:
                arrays = {name: archive[name] for name in archive.names}
            names = [name for name, one in arrays.items() if one.ndim == 1]
            yield ScoreColumns(tuple(names), arrays.__getitem__)
    except _DAMAGE as error:
        raise UserError(f"{path} cannot be read ({first_line(error)}).") from error


def _of_parquet(path: Path) -> ScoreColumns:
    table = polars.scan_parquet(path)
    kinds = table.collect_schema()
    names: Sequence[str] = [name for name, kind in kinds.items() if kind.is_numeric()]

    def read(name: str) -> np.ndarray:
        return table.select(name).collect()[name].cast(polars.Float64).to_numpy()

    return ScoreColumns(tuple(names), read)
