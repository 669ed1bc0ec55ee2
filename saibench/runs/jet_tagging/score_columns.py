"""Columns of one number per jet in a file: Parquet, ROOT, npz or HDF5.

An array (N, K) of one number per jet and class is K columns, with the names of the classes behind
its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
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
        widths: of the arrays (N, K) of another K than that of the classes, by name: K.
    """

    names: tuple[str, ...]
    read: Callable[[str], np.ndarray]
    widths: Mapping[str, int] = field(default_factory=dict)


@contextmanager
def opened_columns(
    path: Path, tree: str | None = None, classes: Sequence[str] = ()
) -> Iterator[ScoreColumns]:
    """Yield the columns of a file, whose format is found from its content.

    Args:
        path: the file.
        tree: of a ROOT file; by default the only or usual one.
        classes: of the columns of an array (N, K), K names.

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
                nodes = {name: node(hdf5, name) for name in hdf5}
                yield _of_arrays(nodes, classes)
        else:
            with NpzArrays(path) as archive:
                arrays = {name: archive[name] for name in archive.names}
            yield _of_arrays(arrays, classes)
    except _DAMAGE as error:
        raise UserError(f"{path} cannot be read ({first_line(error)}).") from error


def _of_arrays(arrays: Mapping[str, Any], classes: Sequence[str]) -> ScoreColumns:
    """Those of arrays (N,), and of arrays (N, K) of K classes."""
    shapes: dict[str, tuple[int, ...]] = {
        name: getattr(one, "shape", ()) for name, one in arrays.items()
    }
    found: dict[str, Callable[[], np.ndarray]] = {}
    for name, shape in shapes.items():
        if len(shape) == 1:
            found[name] = partial(_values, arrays[name])
        elif len(shape) == 2 and shape[1] == len(classes):
            for place, of_class in enumerate(classes):
                found[f"{name}_{of_class}"] = partial(_values, arrays[name], place)
    widths = {
        name: shape[1]
        for name, shape in shapes.items()
        if len(shape) == 2 and shape[1] != len(classes)
    }
    return ScoreColumns(tuple(found), lambda name: found[name](), widths)


def _values(array: Any, place: int | None = None) -> np.ndarray:
    return np.asarray(array[...] if place is None else array[:, place])


def _of_parquet(path: Path) -> ScoreColumns:
    table = polars.scan_parquet(path)
    kinds = table.collect_schema()
    names: Sequence[str] = [name for name, kind in kinds.items() if kind.is_numeric()]

    def read(name: str) -> np.ndarray:
        return table.select(name).collect()[name].cast(polars.Float64).to_numpy()

    return ScoreColumns(tuple(names), read)
