"""Import of jets with the scores of taggers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from saibench.datamodules.jet_tagging.files.jet_file import Wanted
from saibench.datamodules.jet_tagging.files.source import jet_file
from saibench.datamodules.jet_tagging.module import JetTaggingDataModule
from saibench.errors import UserError
from saibench.formatting import joined
from saibench.runs.imported_samples import Predicted, Request, model_name, quoted, training_ids
from saibench.runs.jet_tagging.scores import SCORE, Scores, read_scores

OPTIONS = frozenset({"predictions", "training", "prediction_prefixes"})
PARTITION = "imported"


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
    if request.predictions:
        found = [
            (path, one)
            for path in request.predictions
            for one in read_scores(path, request.prediction_prefixes)
        ]
        rows = np.asarray(data.tests[PARTITION].sample_ids) - _num_jets(request.training)
        return [
            _predicted([path], [replace(one, values=one.of_jets(rows, path))], data)
            for path, one in found
        ]
    of_files = [read_scores(path, request.prediction_prefixes) for path in request.files]
    for path, own in zip(request.files, of_files, strict=True):
        if [one.column for one in own] != [one.column for one in of_files[0]]:
            raise UserError(
                f"{path} has the scores {joined([one.column for one in own])}, and "
                f"{request.files[0]} {joined([one.column for one in of_files[0]])}. Use files of "
                "the same models."
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
    if len(values) != len(ids):
        raise UserError(
            f"{joined([str(path) for path in paths])} has {len(values):,} scores "
            f"'{parts[0].column}', and there are {len(ids):,} jets of the chosen classes. Use one "
            "score per jet, in the order of the jets."
        )
    if parts[0].kind == SCORE:
        outputs = {"score": values}
    else:
        outputs = {"logits": np.stack([values, np.zeros_like(values)], axis=1)}
    source = {
        "file": ", ".join(path.name for path in paths),
        "column": f"{parts[0].column} ({parts[0].kind} of the signal)",
    }
    return Predicted(model_name(parts[0].model), {"sample_id": np.asarray(ids), **outputs}, source)
