"""Scores of jets in files, by names of columns: one per jet, or one per jet and class."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from saibench.errors import UserError
from saibench.formatting import joined
from saibench.runs.jet_tagging.score_columns import ScoreColumns, opened_columns

SCORE, LOGIT = "score", "logit"
ID = "sample_id"
SUM_TOLERANCE = 1e-3
"""Largest distance of the sum of the probabilities of all classes from 1."""


@dataclass(frozen=True, eq=False)
class Scores:
    """Scores of one model.

    Args:
        model: its name.
        columns: in the file, one, or one per class.
        kind: `score`, a probability, or `logit`: the log odds of the signal, or of each class the
            logit.
        values: (N,) float64 of the signal, or (N, K) of the classes, in the order of the file.
        classes: K names, in this order; empty for scores of the signal.
        ids: (N,) `sample_id` of the values; None if the file has none.
    """

    model: str
    columns: tuple[str, ...]
    kind: str
    values: np.ndarray
    classes: tuple[str, ...] = ()
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


def read_scores(
    path: Path, prefixes: Sequence[str], classes: Sequence[str] = (), tree: str | None = None
) -> list[Scores]:
    """The scores in a file: Parquet, ROOT, npz or HDF5.

    Columns that end in the names of classes, such as `score_label_Tbqq` or `ParT_score_Tbqq`, are
    those of one model, as is an array (N, K) of K classes, in their order; others are probabilities
    or log odds of the signal.

    Args:
        path: of the file.
        prefixes: of the columns, one per model; without, columns with `score`, `prob` or `logit` in
            their names.
        classes: of the jets.
        tree: of a ROOT file; by default the only or usual one.

    Raises:
        UserError: the file cannot be read or has no scores; a class has none; a score is NaN or no
            probability, with its row.
    """
    with opened_columns(path, tree, classes) as columns:
        _refuse_other_widths(path, columns, classes, prefixes)
        if prefixes:
            known = [name for name in columns.names if name != ID]
            chosen = {one.strip("_-. "): _of_prefix(path, one, known, classes) for one in prefixes}
        else:
            chosen = _guessed(path, columns.names, classes)
        if not chosen:
            raise UserError(
                f"{path} has no scores: no array of one number per jet has '{SCORE}' or '{LOGIT}' "
                "in its name. Set --prediction-prefix, or name their file by --predictions; it has "
                f"{joined(list(columns.names)) or 'none'}."
            )
        found = [_read(model, one, columns, path) for model, one in chosen.items()]
    for one in found:
        _refuse_faulty(one, path)
    return found


def _refuse_other_widths(
    path: Path, columns: ScoreColumns, classes: Sequence[str], prefixes: Sequence[str]
) -> None:
    """Refuse arrays of scores, of these prefixes if any, that are of other classes."""
    for name, width in columns.widths.items():
        if name.startswith((*prefixes,)) if prefixes else _kind(name):
            raise UserError(
                f"{path}: '{name}' has {width} columns, and the jets are of {len(classes)} "
                f"classes: {joined(list(classes))}. Use one column per class, in this "
                "order, or one number per jet."
            )


_Columns = Mapping[str, str]
"""Class → column; the class `""` is the signal."""


def _read(model: str, chosen: _Columns, columns: ScoreColumns, path: Path) -> Scores:
    names = tuple(chosen.values())
    kinds = {_kind(name) or SCORE for name in names}
    if len(kinds) > 1:
        raise UserError(f"{path}: {joined(names)} are scores and logits. Use one of both.")
    values = np.stack([columns.read(name).astype(np.float64) for name in names], axis=1)
    ids = columns.read(ID) if ID in columns.names else None
    if "" in chosen:
        return Scores(model, names, kinds.pop(), values[:, 0], (), ids)
    return Scores(model, names, kinds.pop(), values, tuple(chosen), ids)


def _guessed(path: Path, names: Sequence[str], classes: Sequence[str]) -> dict[str, _Columns]:
    """By model: its columns. Raises UserError: a model lacks the scores of a class."""
    found: dict[str, _Columns] = {}
    sets: dict[str, dict[str, str]] = {}
    scores = [name for name in names if _kind(name)]
    for name in scores:
        rest, of_class = _split(name, classes)
        if of_class is not None:
            sets.setdefault(rest, {})[of_class] = name
    sets = {rest: one for rest, one in sets.items() if len(one) > 1}
    for rest, one in sets.items():
        found[_model(rest, path)] = _complete(path, one, classes)
    in_sets = {name for one in sets.values() for name in one.values()}
    return found | {_model(name, path): {"": name} for name in scores if name not in in_sets}


def _of_prefix(path: Path, prefix: str, names: Sequence[str], classes: Sequence[str]) -> _Columns:
    """The columns with this prefix. Raises UserError: none, or several that are of no classes."""
    fitting = [name for name in names if name.startswith(prefix)]
    if len(fitting) == 1:
        return {"": fitting[0]}
    of_classes = {of: name for name in fitting if (of := _split(name, classes)[1]) is not None}
    if not fitting or len(of_classes) < len(fitting):
        raise UserError(
            f"{path} has {joined(fitting) or 'no name'} with the prefix '{prefix}'. Use the prefix "
            f"of one of {joined(list(names)) or 'none'}, or of one per class."
        )
    return _complete(path, of_classes, classes)


def _complete(path: Path, found: Mapping[str, str], classes: Sequence[str]) -> _Columns:
    """In the order of the classes."""
    missing = [one for one in classes if one not in found]
    if missing:
        raise UserError(
            f"{path} has the scores {joined(list(found.values()))}, and none of class "
            f"{missing[0]}. Use one per class, or set data.signal and data.background to the "
            "classes that have one."
        )
    return {one: found[one] for one in classes}


def _split(name: str, classes: Sequence[str]) -> tuple[str, str | None]:
    """`ParT_score_label_Tbqq` as `ParT_score` and `Tbqq`; no class if it ends in none."""
    for one in sorted(classes, key=len, reverse=True):
        match = re.fullmatch(rf"(.*?)[_.-](?:label_)?{re.escape(one)}", name)
        if match is not None:
            return match[1], one
    return name, None


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


def _refuse_faulty(scores: Scores, path: Path) -> None:
    values = scores.values.reshape(len(scores.values), -1)
    faulty = ~np.isfinite(values)
    fault, remedy = "NaN or Inf", "Correct it, or remove the jet"
    if scores.kind == SCORE and not faulty.any():
        faulty = (values < 0) | (values > 1)
        fault = "no probability"
        remedy = f"Use 0 to 1, or log odds with '{LOGIT}' in their name"
    rows, of = np.nonzero(faulty)
    if rows.size:
        raise UserError(
            f"{path}: '{scores.columns[of[0]]}' is {values[rows[0], of[0]]:g} in row {rows[0]}, "
            f"{fault} ({len(np.unique(rows)):,} of {len(values):,} rows). {remedy}."
        )
    if not scores.classes or scores.kind == LOGIT:
        return
    sums = values.sum(axis=1)
    rows = np.flatnonzero(np.abs(sums - 1) > SUM_TOLERANCE)
    if rows.size:
        raise UserError(
            f"{path}: {joined(scores.columns)} sum to {sums[rows[0]]:.4g} in row {rows[0]}, and "
            f"probabilities of all classes to 1. Convert them, or name logits with '{LOGIT}'."
        )
