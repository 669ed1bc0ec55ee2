"""Config and record of an imported run, in the form of those of a trained one."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from platform import python_version
from typing import Any

import numpy as np
import polars

from saibench.evidence.imported.card import NAME as WORKLOAD
from saibench.evidence.imported.card import card, number_features
from saibench.evidence.imported.column import LABEL
from saibench.evidence.imported.errors import Computed
from saibench.evidence.imported.keys import ID, PARTITION, TEST
from saibench.evidence.imported.reading import Source
from saibench.evidence.imported.runs import Run
from saibench.evidence.imported.understood import Understood
from saibench.evidence.imported.values import Values
from saibench.evidence.independence import GROUP, TIME, Independence
from saibench.evidence.run_record import COMPLETE, SAMPLES, now
from saibench.evidence.schema import Field
from saibench.formatting import counted
from saibench.identity import IDENTITY, digest_of_ids, labels, point_hash, settings_hash, slug
from saibench.printable import printable

IMPORTED = "imported"
"""Entry of config and record: the file and the columns that the evidence is from."""
LONGEST_SLUG = 100
"""Characters of a run's name."""
LIBRARIES = ("saibench", "numpy", "polars", "pyarrow")
NOT_RECORDED = ("name", "label", "libraries")
"""Entries of the card that records do not have."""


@dataclass(frozen=True, eq=False)
class Prepared:
    """Checked predictions, ready to be written."""

    understood: Understood
    values: Values
    runs: tuple[Run, ...]


def settings_of(
    prepared: Prepared,
    run: Run,
    source: Source,
    computed: Computed,
    fields: Sequence[Field],
    study: str,
) -> dict[str, Any]:
    """The settings of a run, in the form of a frozen config."""
    understood = prepared.understood
    numbers = number_features(fields)
    found = card(understood, numbers, computed.statistics, computed.partition_metrics)
    found["label"] = [
        "model.name",
        *(f"model.{name}" for name in run.settings),
        *(["subset.count"] if run.train_count is not None else []),
        "seed",
    ]
    partitions = prepared.values.partitions
    return {
        "study": study,
        "seed": run.seed,
        "data": {"name": source.file},
        "model": {"name": run.model, **run.settings},
        "subset": {"count": run.train_count},
        "workload": found,
        "held_out": understood.schema.held_out or _held_out(partitions),
        "partitions": {name: {} for name in partitions},
        "test": [*partitions],
        IMPORTED: {
            "sha256": source.sha256,
            "columns": _columns(understood),
            **{name: value for name, value in _given_layout(understood).items() if value},
        },
        IDENTITY: {"rule": 2, "data": source.sha256[:12], "files": {}, "source": {}},
    }


def _held_out(partitions: Sequence[str]) -> str:
    """The partition of that name of a table without a choice, else the first."""
    return next((name for name in partitions if name.lower() == TEST), partitions[0])


def _given_layout(understood: Understood) -> dict[str, str | None]:
    return {"separator": understood.schema.separator, "decimal": understood.schema.decimal}


def _columns(understood: Understood) -> list[dict[str, Any]]:
    return [column.to_json() for column in understood if column.role != "ignore"]


def slug_of(settings: dict[str, Any]) -> str:
    return slug(settings)[:LONGEST_SLUG].strip("-.") or WORKLOAD


def record_of(
    prepared: Prepared,
    run: Run,
    settings: dict[str, Any],
    source: Source,
    started: str,
    is_seen: np.ndarray,
) -> dict[str, Any]:
    understood = prepared.understood
    kept = {key: value for key, value in settings["workload"].items() if key not in NOT_RECORDED}
    sample = understood.schema.sample
    describe = f"{counted(prepared.values.frame[ID].n_unique(), sample)} from {source.file}."
    return {
        "point": point_hash(settings),
        "slug": slug_of(settings),
        "workload": WORKLOAD,
        "title": printable(understood.schema.title or Path(source.file).stem),
        "settings": labels(settings),
        IDENTITY: settings[IDENTITY],
        "settings_hash": settings_hash(settings),
        "study": settings["study"],
        **kept,
        "versions": {"python": python_version(), **_versions()},
        "command": _command(),
        "state": COMPLETE,
        "started": started,
        "ended": now(),
        "failure": None,
        "blocks": _independence(understood).to_json(),
        "data": {"hash": source.sha256, "describe": printable(describe)},
        "model": run.model,
        "partitions": partitions_of_run(prepared, run, is_seen),
        "evidence": [SAMPLES],
        IMPORTED: {**source.to_json(), "columns": _columns(understood)},
    }


def _command() -> str:
    name = Path(sys.argv[0]).name
    started = ["python", "-m", "saibench"] if name == "__main__.py" else [name]
    return shlex.join([*started, *sys.argv[1:]])


def _independence(understood: Understood) -> Independence:
    strata = LABEL if understood.one(LABEL) else None
    if group := understood.one("group"):
        return Independence(GROUP, group.name, strata)
    if time := understood.one("time"):
        return Independence(TIME, time.name, strata)
    return Independence(strata=strata)


def partitions_of_run(prepared: Prepared, run: Run, is_seen: np.ndarray) -> dict[str, Any]:
    """The record's partitions: of training, if anything is known of it, and of the tests."""
    found: dict[str, Any] = {}
    trained = prepared.values.trained
    if run.train_count is not None or len(trained) or is_seen.any():
        ids = np.union1d(trained, run.rows[ID].to_numpy()[is_seen])
        found["train"] = {
            "hash": digest_of_ids(ids),
            "count": run.train_count if run.train_count is not None else len(ids),
            "describe": "samples that the model was trained on, as imported",
        }
    for name in prepared.values.partitions:
        ids = run.rows.filter(polars.col(PARTITION) == name)[ID].sort().to_numpy()
        if len(ids):
            found[name] = {"hash": digest_of_ids(ids), "count": len(ids), "describe": "as imported"}
    return found


def _versions() -> Mapping[str, str]:
    found = {}
    for library in LIBRARIES:
        try:
            found[library] = version(library)
        except PackageNotFoundError:  # importable, but not installed
            continue
    return found
