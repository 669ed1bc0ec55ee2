"""Scores of jets in files: one number per jet, by name of the column or array."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars

from saibench.errors import UserError, first_line
from saibench.files.hdf5 import is_hdf5, node, opened_hdf5
from saibench.files.npz import DamagedArray, NpzArrays
from saibench.formatting import joined

SCORE, LOGIT = "score", "logit"
ID = "sample_id"
_DAMAGE = (DamagedArray, OSError, polars.exceptions.PolarsError)


@dataclass(frozen=True, eq=False)
class Scores:
    """Scores of one model.

    Args:
        model: its name.
        column: in the file.
        kind: `score`, the probability of the signal, or `logit`, its log odds.
        values: (N,) float64, in the order of the file.
        ids: (N,) `sample_id` of the values; None if the file has none.
    """

    model: str
    column: str
    kind: str
    values: np.ndarray
    ids: np.ndarray | None = None

    def of_jets(self, rows: np.ndarray, path: Path) -> np.ndarray:
        """The values of the jets in these rows (N,), by `sample_id` if there is one, else in order.

        Raises:
            UserError: the ids are not those of the jets, each once.
        """
        if self.ids is None:
            return self.values
        order = np.argsort(self.ids, kind="stable")
        if not np.array_equal(self.ids[order], np.sort(rows)):
            raise UserError(
                f"{path}: sample_id is not that of each jet once, {rows.min()} to {rows.max()}. "
                "Use the row of each jet in its file, or leave sample_id out if the scores "
                "are in the order of the jets."
            )
        return self.values[order][np.searchsorted(self.ids[order], rows)]


def read_scores(path: Path, prefixes: Sequence[str]) -> list[Scores]:
    """The scores in a file: Parquet, npz or HDF5.

    Args:
        path: of the file.
        prefixes: of the columns, one per model; without, columns with `score` or `logit` in their
            names.

    Raises:
        UserError: the file cannot be read or has no scores; a score is NaN or no probability, with
            its row.
    """
    columns = _columns(path)
    if prefixes:
        chosen = {prefix.strip("_-. "): _only(path, prefix, list(columns)) for prefix in prefixes}
    else:
        chosen = {_model(name, path): name for name in columns if _kind(name)}
    if not chosen:
        raise UserError(
            f"{path} has no scores: no array of one number per jet has '{SCORE}' or '{LOGIT}' in "
            f"its name. Set --prediction-prefix, or name their file by --predictions; it has "
            f"{joined(list(columns)) or 'none'}."
        )
    found = [
        Scores(model, name, _kind(name) or SCORE, columns[name].astype(np.float64), columns.get(ID))
        for model, name in chosen.items()
    ]
    for one in found:
        _refuse_faulty(one, path)
    return found


def _columns(path: Path) -> dict[str, np.ndarray]:
    """Arrays of one number per jet, by name."""
    try:
        with path.open("rb") as file:
            head = file.read(4)
        if head == b"PAR1":
            table = polars.scan_parquet(path)
            schema = table.collect_schema()
            names = [name for name, kind in schema.items() if kind.is_numeric()]
            read = table.select(names).collect()
            return {name: read[name].cast(polars.Float64).to_numpy() for name in names}
        if is_hdf5(path):
            with opened_hdf5(path, "jets") as file:
                nodes: dict[str, Any] = {name: node(file, name) for name in file}
                return {
                    name: array[...]
                    for name, array in nodes.items()
                    if len(getattr(array, "shape", ())) == 1
                }
        if head == b"root":
            raise UserError(
                f"{path}: scores are read from Parquet, npz and HDF5. Write them to such a file, "
                "one per jet in the same order, and name it by --predictions."
            )
        with NpzArrays(path) as arrays:
            found = {name: arrays[name] for name in arrays.names}
            return {name: one for name, one in found.items() if one.ndim == 1}
    except _DAMAGE as error:
        raise UserError(f"{path} cannot be read ({first_line(error)}).") from error


def _kind(name: str) -> str | None:
    lowered = name.lower()
    if LOGIT in lowered or "log_odds" in lowered:
        return LOGIT
    return SCORE if SCORE in lowered or "prob" in lowered else None


def _model(name: str, path: Path) -> str:
    """The rest of a column's name, as `ParT` of `score_ParT`; else the name of the file."""
    parts = name.split("_")
    rest = "_".join(part for part in parts if not _kind(part) and part not in ("log", "odds"))
    return rest or path.stem


def _only(path: Path, prefix: str, names: Sequence[str]) -> str:
    fitting = [name for name in names if name.startswith(prefix)]
    if len(fitting) != 1:
        raise UserError(
            f"{path} has {joined(fitting) or 'no name'} with the prefix '{prefix}'. Use the prefix "
            f"of one of {joined(list(names)) or 'none'}."
        )
    return fitting[0]


def _refuse_faulty(scores: Scores, path: Path) -> None:
    faulty = ~np.isfinite(scores.values)
    fault, remedy = "NaN or Inf", "Correct it, or remove the jet"
    if scores.kind == SCORE and not faulty.any():
        faulty = (scores.values < 0) | (scores.values > 1)
        fault = "no probability"
        remedy = f"Use 0 to 1, or log odds with '{LOGIT}' in their name"
    rows = np.flatnonzero(faulty)
    if rows.size:
        raise UserError(
            f"{path}: '{scores.column}' is {scores.values[rows[0]]:g} in row {rows[0]}, {fault} "
            f"({rows.size:,} of {faulty.size:,} rows). {remedy}."
        )
