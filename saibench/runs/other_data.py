"""A trained run on other data than those of its training: a run of a study of its own.

The study is named after these data, so that all runs of a study are tested on the same samples.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from saibench.config.check import resolved
from saibench.config.content import identified
from saibench.datamodules.structural import StructuralDataModule
from saibench.errors import PartFailed, UserError
from saibench.evidence.run_record import read_record
from saibench.identity import IDENTITY, TRAINED
from saibench.imports.targets import build
from saibench.runs.checkpoints import dataset_info_of
from saibench.runs.point import BEST, Point

OF_TRAINING = ("train", "validation")
"""Partitions of the training, which the record of a run on other data repeats."""


def on_other_data(
    folder: Path, own: Mapping[str, Any], changed: DictConfig, data: StructuralDataModule
) -> Point:
    """The run on other data.

    Args:
        folder: of the trained run, or of one on other data.
        own: its settings.
        changed: the same with the other data, and the partitions to test.
        data: the other data.
    """
    settings = {str(key): value for key, value in resolved(changed).items() if key != IDENTITY}
    record = read_record(folder)
    trained = own.get(TRAINED) or {
        "run": record["point"],
        "study": folder.parent.name,
        "weights": str(folder / BEST),
        "datamodule": own["datamodule"],
        "partitions": {
            name: one for name, one in record["partitions"].items() if name in OF_TRAINING
        },
    }
    study = folder.parent.with_name(f"{trained['study']}-on-{_name_of(data)}")
    untrained = {"seen": None, "save_samples": None}
    test = {name: settings["datamodule"][name] for name in ("test", "partitions")}
    node = {**settings["datamodule"], **untrained, "steps": 0}
    settings = {**settings, **untrained, **test, "datamodule": node, "study": study.name}
    return Point(identified(OmegaConf.create({**settings, TRAINED: trained})), study)


def _name_of(data: StructuralDataModule) -> str:
    """A readable name of data, of `[A-Za-z0-9._-]`, and the start of their hash."""
    name = getattr(data.source, "name", "data")
    return re.sub(r"[^A-Za-z0-9._-]+", "_", f"{name}-{data.describe_data()['hash'][:6]}")


def adopted_info(data: StructuralDataModule, trained: Mapping[str, Any]) -> dict[str, Any]:
    """Prepare data for a model that was trained on others; its `dataset_info`.

    Without the data of its training there are no features of the distance to them.

    Raises:
        UserError: the model cannot predict these data.
    """
    info = data.adopt(dataset_info_of(Path(trained["weights"])))
    try:
        _refer_to_training(data, trained, info)
    except UserError as error:
        warnings.warn(
            f"There is no distance to the training samples: {error}", PartFailed, stacklevel=2
        )
    return info


def with_training_data(data: StructuralDataModule, trained: Mapping[str, Any]) -> None:
    """Prepare data as `adopted_info`, with the data of the training as `data.reference`.

    Raises:
        UserError: the model cannot predict these data, or the data of its training are missing.
    """
    _refer_to_training(data, trained, data.adopt(dataset_info_of(Path(trained["weights"]))))


def _refer_to_training(
    data: StructuralDataModule, trained: Mapping[str, Any], info: dict[str, Any]
) -> None:
    before = build(trained["datamodule"], "datamodule")
    before.adopt(info)
    before.check()
    data.trained_on = before


def record_of_training(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The record's entry `trained` of a run on other data; empty for another run."""
    if TRAINED not in settings:
        return {}
    kept = ("run", "study", "weights", "partitions")
    return {TRAINED: {name: settings[TRAINED][name] for name in kept}}
