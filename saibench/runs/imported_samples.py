"""Evidence of predictions that were made elsewhere, as whole samples: frames, fields, jets.

`model=predictions` is tested on the user's files as any other model: an import differs from
`train.py` in nothing but where the predictions come from.
"""

from __future__ import annotations

import importlib
import re
import tempfile
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, cast

import numpy as np
import yaml
from omegaconf import DictConfig

from saibench.config.check import check_point, resolved, trust_named
from saibench.config.compose import compose_command
from saibench.config.content import identified
from saibench.config.locations import config_folders
from saibench.datamodules.structural import StructuralDataModule
from saibench.errors import UserError, closest, refuse_repeated
from saibench.evidence.imported.reading import KINDS, list_columns
from saibench.evidence.run_record import COMPLETE, read_record, update_record
from saibench.formatting import joined
from saibench.imports.targets import build
from saibench.runs.command import refuse_alone
from saibench.runs.execute import Outcome, execute
from saibench.runs.point import Point
from saibench.runs.stopping import STOP
from saibench.settings import ImportSettings, validated

SOURCE = "imported_from"
"""Entry of the record: file and name of the predictions."""
PREDICTIONS = "predictions.npz"


@dataclass(frozen=True)
class Request:
    """What the user names on the command line.

    Args:
        files: of the samples, with their truth.
        predictions: files of predictions, if they are apart.
        training: files of samples that the models were trained on.
        reference_prefix: before the names of the truth.
        prediction_prefixes: before the names of the predictions, one per model.
    """

    files: tuple[Path, ...]
    predictions: tuple[Path, ...] = ()
    training: tuple[Path, ...] = ()
    reference_prefix: str | None = None
    prediction_prefixes: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Predicted:
    """The predictions of one run.

    Args:
        name: of the model, without other characters than letters, digits and `_.+-`.
        arrays: output of the workload → (N, …), with `sample_id` (N,).
        source: file and names of the predictions, for the record.
        member: number of a member of an ensemble, the seed of its run.
        notes: sentences for the user.
        settings: of `train.py`, of this run alone.
    """

    name: str
    arrays: Mapping[str, np.ndarray]
    source: Mapping[str, Any]
    member: int = 0
    notes: tuple[str, ...] = field(default=())
    settings: tuple[str, ...] = field(default=())


def model_name(text: str) -> str:
    """The name of a model from a name in a file.

    >>> model_name("MACE_")
    'MACE'
    """
    return re.sub(r"[^\w.+-]+", "_", text).strip("_-.") or "predictions"


class Importer(Protocol):
    """A module of a workload, named on its card as `imports.module`."""

    OPTIONS: frozenset[str]
    """Fields of `Request` that it uses besides `files`."""

    def settings(self, request: Request, folder: Path) -> list[str]:
        """Settings of `train.py`: the data, and the partitions to test.

        Args:
            request: the files.
            folder: temporary, for files that settings name, such as ids of training samples.

        Raises:
            UserError: a file or name is wrong.
        """

    def predictions(self, request: Request, data: StructuralDataModule) -> list[Predicted]:
        """The checked predictions of these data. Raises UserError: a faulty one, by sample."""


class ListImporter(Importer, Protocol):
    """One of a workload whose card has `imports.shared_endings`."""

    def holds_samples(self, lists: Collection[str]) -> bool:
        """Whether a file whose columns of these names have a list per row is of this workload."""


def cards() -> dict[str, ImportSettings]:
    """Endings and modules of the workloads whose whole samples can be imported."""
    found = {}
    for folder in config_folders():
        for file in sorted((folder / "workload").glob("*.yaml")):
            card = (yaml.safe_load(file.read_text(encoding="utf-8")) or {}).get("workload") or {}
            if card.get("imports"):
                found[file.stem] = validated(ImportSettings, card["imports"])
    return found


def holding(path: Path, lists: Collection[str]) -> list[str]:
    """The workloads that a file with lists in these columns is of."""
    ending = path.name.lower().endswith
    return [
        name
        for name, card in cards().items()
        if ending((*card.shared_endings,))
        and cast(ListImporter, importlib.import_module(card.module)).holds_samples(lists)
    ]


def workload_of(path: Path) -> str:
    """The only workload whose card lists the ending of this file.

    Raises:
        UserError: none or several list it.
    """
    known = cards()
    fitting = [name for name, card in known.items() if path.name.lower().endswith((*card.endings,))]
    fitting = fitting or holding(path, list_columns(path))
    if len(fitting) == 1:
        return fitting[0]
    endings = ", ".join(ending for card in known.values() for ending in card.endings)
    raise UserError(
        f"{path} is no table ({KINDS}), and its ending is not that of samples of one workload "
        f"({endings}). Use --workload {' or '.join(fitting or known)}."
    )


def import_samples(
    request: Request, workload: str, given: Sequence[str], output: Path | None
) -> dict[Path, Outcome | None]:
    """Print what was understood, and write a run for each set of predictions.

    Args:
        request: the files.
        workload: name of its card.
        given: further settings of `train.py`.
        output: folder of the study, to which runs are added; None writes nothing.

    Returns:
        how each run ended, by its folder; None for one that was complete already.

    Raises:
        UserError: a file or setting is wrong; nothing is written.
    """
    importer = _importer(workload, request)
    settings = [f"workload={workload}", "model=predictions", "trainer=none", "logger=none"]
    settings.append("workload.label=[model.name,seed]")
    with tempfile.TemporaryDirectory(prefix="saibench-import-") as aside:
        settings += [*importer.settings(request, Path(aside)), *given]
        data = _data(_composed(settings, Path(aside)))
        predicted = importer.predictions(request, data)
        for line in (data.source.describe(), *_lines(predicted), _tests(data)):
            print(line)
        if output is None:
            return {}
        points = [
            _point(settings, one, Path(aside) / str(number), output.absolute())
            for number, one in enumerate(predicted)
        ]
        return {
            output / point.name: _executed(point, one)
            for point, one in zip(points, predicted, strict=True)
        }


def _importer(workload: str, request: Request) -> Importer:
    """Raises UserError: the workload has none, or does not use an option."""
    known = cards()
    if workload not in known:
        raise UserError(
            f"--workload {workload} imports no whole samples: {closest(workload, known)}"
        )
    importer = cast(Importer, importlib.import_module(known[workload].module))
    refuse_repeated("prefix", request.prediction_prefixes)
    options = {name: value for name, value in vars(request).items() if name != "files"}
    for name, value in options.items():
        if value and name not in importer.OPTIONS:
            flags = [_flag(one) for one in sorted(importer.OPTIONS)]
            raise UserError(
                f"{_flag(name)} is no option of workload={workload}. Use {joined(flags)}."
            )
    return importer


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-').replace('prefixes', 'prefix')}"


def _composed(settings: Sequence[str], folder: Path, name: str = "predictions") -> DictConfig:
    """The config with a file of predictions in this folder."""
    file = folder / PREDICTIONS
    given = [f"model.net.file={quoted(file)}", f"model.name={quoted(name)}"]
    return compose_command("train", [*settings, *given]).points[0]


def quoted(text: str | Path) -> str:
    """A text as a value on a command line of Hydra.

    Raises:
        UserError: it contains `${`, which Hydra would replace.
    """
    if "${" in str(text):
        raise UserError(f"{text}: '${{' in a name is replaced by Hydra. Rename it.")
    return "'" + str(text).replace("\\", "\\\\").replace("'", "\\'") + "'"


def training_ids(folder: Path, first: int, count: int) -> str:
    """The setting of samples that a model was trained on, by a file in this folder."""
    file = folder / "training_ids.npy"
    np.save(file, np.arange(first, first + count))
    return f"seen={quoted(file)}"


def _data(config: DictConfig) -> StructuralDataModule:
    trust_named(resolved(config))
    data = cast(StructuralDataModule, build(config.datamodule, "datamodule"))
    data.check()
    return data


def _lines(predicted: Sequence[Predicted]) -> list[str]:
    lines = []
    for one in predicted:
        named = ", ".join(str(value) for value in one.source.values())
        lines += [f"Predictions of {one.name}: {named}.", *one.notes]
    return lines


def _tests(data: StructuralDataModule) -> str:
    counts = [f"{part.count:,} of {name}" for name, part in data.tests.items()]
    seen = data.seen_elsewhere
    known = "" if seen is None else f" Samples of training: {seen.count:,}."
    return f"Tested samples: {joined(counts)}.{known}"


def _point(settings: Sequence[str], predicted: Predicted, folder: Path, study: Path) -> Point:
    """The run of these predictions, checked, with their file in a temporary folder."""
    folder.mkdir()
    np.savez(folder / PREDICTIONS, **predicted.arrays)  # type: ignore[arg-type]
    own = [*predicted.settings, f"seed={predicted.member}", f"study={quoted(study.name)}"]
    config = _composed([*settings, *own], folder, predicted.name)
    check_point(config)
    return Point(identified(config), study)


def _executed(point: Point, predicted: Predicted) -> Outcome | None:
    """Complete a run; how it ended, None if it was complete."""
    if read_record(point.folder).get("state") == COMPLETE:
        return None
    with STOP.listening():
        outcome = execute(point, keep_refused=False)
    refuse_alone(outcome)
    if outcome.state == COMPLETE:
        update_record(point.folder, **{SOURCE: dict(predicted.source)})
    return outcome
