"""Import of jets with the scores of taggers."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import cast

import numpy as np

from saibench.datamodules.jet_tagging.files.jet_file import COLUMNS, Wanted
from saibench.datamodules.jet_tagging.files.source import JetFiles, jet_file
from saibench.datamodules.jet_tagging.module import JetTaggingDataModule
from saibench.errors import UserError
from saibench.formatting import joined
from saibench.runs.imported_samples import Predicted, Request, model_name, quoted, training_ids
from saibench.runs.jet_tagging.scores import SCORE, Scores, read_scores

OPTIONS = frozenset({"predictions", "training", "prediction_prefixes"})
PARTITION = "imported"
MIN_PROBABILITY = float(np.finfo(np.float32).smallest_subnormal)
"""Of a class in a logarithm: a smaller one is 0 in single precision."""


def holds_samples(lists: Collection[str]) -> bool:
    """Whether columns with a list per row, of these names, are constituents of jets."""
    return any({*names} <= {*lists} for usual in COLUMNS.values() for names in usual)


def settings(request: Request, folder: Path) -> list[str]:
    """Settings of `data=jet_files` with the jets as the test part."""
    test, train = (
        ",".join(quoted(path.absolute()) for path in paths)
        for paths in (request.files, request.training)
    )
    where = "_target_: saibench.datamodules.samplers.Where, by: split, equals: test"
    found = [
        "data=jet_files",
        f"data.train=[{train}]",
        f"data.test=[{test}]",
        f"+partitions.{PARTITION}={{samplers: [{{{where}}}]}}",
        f"test=[{PARTITION}]",
        f"held_out={PARTITION}",
    ]
    if request.training:
        found.append(training_ids(folder, 0, _num_jets(request.training)))
    return found


def _num_jets(paths: Sequence[Path]) -> int:
    return sum(jet_file(path, Wanted()).num_jets() for path in paths)


def predictions(request: Request, data: JetTaggingDataModule) -> list[Predicted]:
    """Scores in the jets' own files, which all have the same models, or in further ones."""
    source = cast(JetFiles, data.source)

    def read(path: Path) -> list[Scores]:
        return read_scores(path, request.prediction_prefixes, source.used_classes, source.tree)

    if request.predictions:
        found = [(path, one) for path in request.predictions for one in read(path)]
        rows = np.asarray(data.tests[PARTITION].sample_ids) - _num_jets(request.training)
        return [
            _predicted([path], [replace(one, values=one.of_jets(rows, path))], data)
            for path, one in found
        ]
    of_files = [read(path) for path in request.files]
    names = [joined([name for one in own for name in one.columns]) for own in of_files]
    for path, own in zip(request.files, names, strict=True):
        if own != names[0]:
            raise UserError(
                f"{path} has the scores {own}, and {request.files[0]} {names[0]}. Use files of the "
                "same models."
            )
    return [_predicted(request.files, own, data) for own in zip(*of_files, strict=True)]


def _predicted(
    paths: list[Path] | tuple[Path, ...],
    parts: list[Scores] | tuple[Scores, ...],
    data: JetTaggingDataModule,
) -> Predicted:
    values = np.concatenate([part.values for part in parts])
    ids = data.tests[PARTITION].sample_ids
    seen = data.seen_elsewhere
    if seen is not None and (data.index["split"][seen.rows] != "train").any():
        raise UserError(
            "--training has jets of classes that are neither signal nor background. Remove them."
        )
    first = parts[0]
    if len(values) != len(ids):
        raise UserError(
            f"{joined([str(path) for path in paths])} has {len(values):,} scores "
            f"'{first.columns[0]}', and there are {len(ids):,} jets of the chosen classes. Use one "
            "score per jet, in the order of the jets."
        )
    outputs = _outputs(first, values, cast(JetFiles, data.source).signal_classes)
    of = f"of {joined(first.classes)}" if first.classes else "of the signal"
    source = {
        "file": ", ".join(path.name for path in paths),
        "column": f"{', '.join(first.columns)} ({first.kind} {of})",
    }
    return Predicted(
        model_name(first.model),
        {"sample_id": np.asarray(ids), **outputs},
        source,
        settings=("data.multiclass=true",) if len(first.classes) > 2 else (),
    )


def _outputs(scores: Scores, values: np.ndarray, signal: Sequence[str]) -> dict[str, np.ndarray]:
    """`score` (N,), or `logits` (N, 2) of signal and background or (N, K) of the classes.

    Args:
        scores: what the values are.
        values: (N,) or (N, K).
        signal: the classes of the signal.
    """
    if not scores.classes:
        if scores.kind == SCORE:
            return {"score": values}
        return {"logits": np.stack([values, np.zeros_like(values)], axis=1)}
    logits = np.log(np.maximum(values, MIN_PROBABILITY)) if scores.kind == SCORE else values
    if len(scores.classes) == 2 and scores.classes[0] not in signal:
        logits = logits[:, ::-1]
    return {"logits": logits}
