"""Write the folder of an imported study: one folder per run, as `train.py` writes them."""

from __future__ import annotations

import hashlib
import os
import shlex
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from platform import python_version
from typing import Any

import numpy as np
import polars
import yaml

from saibench.errors import UserError, closest
from saibench.evidence.imported.card import NAME as WORKLOAD
from saibench.evidence.imported.card import card
from saibench.evidence.imported.errors import LABEL, Computed, statistics_of
from saibench.evidence.imported.reading import Source
from saibench.evidence.imported.runs import Run, runs_of
from saibench.evidence.imported.schema import TableSchema
from saibench.evidence.imported.understood import Column, Understood, understand
from saibench.evidence.imported.values import ID, NAME, PARTITION, TEST, Values, checked_values
from saibench.evidence.independence import GROUP, TIME, Independence
from saibench.evidence.run_record import COMPLETE, FILE, METRICS, now, read_record, write_record
from saibench.evidence.schema import AFTER, BEFORE, Field, write_table
from saibench.evidence.writer import (
    Table,
    metrics,
    partition_metrics,
    sample_table,
)
from saibench.evidence.writer import (
    checked_values as checked_statistics,
)
from saibench.files.atomic import atomic_write
from saibench.files.bounded_json import write_json
from saibench.files.frozen_config import CONFIG
from saibench.files.integrity import sha256_of_files
from saibench.formatting import counted
from saibench.identity import IDENTITY, labels, point_hash, settings_hash, slug
from saibench.printable import printable

IMPORTED = "imported"
"""Entry of config and record: the file and the columns that the evidence is from."""
SAMPLES = "samples.parquet"
LONGEST_SLUG = 100
"""Characters of a run's name."""
LIBRARIES = ("saibench", "numpy", "polars", "pyarrow")
SAMPLE_NAME = Field("sample_name", "string", role="key", describe="name of the sample")
NOT_RECORDED = ("name", "label", "libraries")
"""Entries of the card that records do not have."""


@dataclass(frozen=True)
class ImportedStudy:
    """What was written.

    Args:
        folder: of the study.
        runs: names of the folders of its runs.
        unchanged: whether the folder already held the same import.
    """

    folder: Path
    runs: tuple[str, ...]
    unchanged: bool = False


@dataclass(frozen=True, eq=False)
class Prepared:
    """Checked predictions, ready to be written."""

    understood: Understood
    values: Values
    runs: tuple[Run, ...]


def prepare(table: polars.DataFrame, schema: TableSchema) -> Prepared:
    """Understand and check a table.

    Raises:
        UserError: a column or value is wrong.
    """
    understood = understand(table, schema)
    values = checked_values(table, understood)
    runs = tuple(runs_of(values, understood))
    if schema.held_out is not None and schema.held_out not in values.partitions:
        raise UserError(
            f"held_out={schema.held_out} is not a partition of the table: "
            f"{closest(schema.held_out, values.partitions)}"
        )
    return Prepared(understood, values, runs)


def write_study(
    prepared: Prepared, source: Source, folder: Path, seen: np.ndarray | None = None
) -> ImportedStudy:
    """Write the runs to a new folder, all or none.

    Args:
        folder: of the study; if it has the same import, nothing is written.
        seen: ids or names of samples that the models were trained on, beside those of the table.

    Raises:
        UserError: the folder has other files, or scores and classes do not fit.
    """
    folder = folder.absolute()
    aside = folder.with_name(f".saibench-import-{os.getpid()}.{folder.name}")
    folder.parent.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(aside, ignore_errors=True)
    try:
        aside.mkdir()
        written = tuple(
            _write_run(prepared, run, source, seen, aside, folder.name) for run in prepared.runs
        )
        if len(set(written)) < len(written):
            raise UserError("two runs have the same settings. Give the columns that distinguish "
                            "them the role model, seed or setting.")  # fmt: skip
        if folder.exists() and any(folder.iterdir()):
            _refuse_other_content(folder, written)
            return ImportedStudy(folder, written, unchanged=True)
        os.replace(aside, folder)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return ImportedStudy(folder, written)


def _refuse_other_content(folder: Path, written: Sequence[str]) -> None:
    found = {path.parent.name for path in folder.glob(f"*/{FILE}")}
    if found != {*written}:
        raise UserError(
            f"{folder} is not empty and does not hold this import. Use another folder with -o."
        )
    for name in written:
        if read_record(folder / name).get("state") != COMPLETE:
            raise UserError(f"{folder / name} is not complete. Use another folder with -o.")


def _write_run(
    prepared: Prepared,
    run: Run,
    source: Source,
    seen: np.ndarray | None,
    study: Path,
    study_name: str,
) -> str:
    """Write one run; return the name of its folder."""
    started = now()
    understood, values = prepared.understood, prepared.values
    computed = statistics_of(run, values.classes, understood.schema.sample)
    fields = feature_fields(run, values)
    _refuse_equal_names(fields, computed)
    settings = _settings(prepared, run, source, computed, fields, study_name)
    point = point_hash(settings)
    tables, of_partitions = [], {}
    is_seen = _is_seen(run, values, seen)
    for name in values.partitions:
        rows = run.rows[PARTITION].to_numpy() == name
        if not rows.any():
            continue
        table, found = _evidence(point, name, rows, run, computed, fields, is_seen)
        tables.append(table)
        of_partitions[name] = found
    name = f"{_slug(settings)}-{point}"
    folder = study / name
    folder.mkdir()
    write_table(folder / SAMPLES, polars.concat([table.rows for table in tables]), tables[0].fields)
    write_json(folder / METRICS, of_partitions)
    with atomic_write(folder / CONFIG) as path:
        path.write_text(yaml.safe_dump(settings, sort_keys=False, allow_unicode=True), "utf-8")
    record = _record(prepared, run, settings, source, started, is_seen)
    files = sha256_of_files(folder, (CONFIG, SAMPLES, METRICS))
    write_record(folder / FILE, {**record, "files": files})
    return name


def feature_fields(run: Run, values: Values) -> list[Field]:
    """The data features of a run, with name of the sample, truth and label."""
    fields = [SAMPLE_NAME] if NAME in run.rows.columns else []
    for column in run.columns:
        if column.role in ("feature", "time", "group", "truth"):
            dtype = _DTYPES[run.rows.schema[column.source]]
            fields.append(
                Field(
                    column.name,
                    dtype,
                    column.unit,
                    role="key" if column.role == "group" else "feature",
                    describe=_describe(column),
                    known=column.known,
                    title=column.title,
                )
            )
    if run.of(LABEL):
        named = ", ".join(f"{k}: {one}" for k, one in enumerate(values.classes[:5]))
        more = ", …" if len(values.classes) > 5 else ""
        describe = printable(f"number of the class ({named}{more})")
        fields.append(Field(LABEL, "int64", role="feature", describe=describe, known=AFTER))
    return fields


_DTYPES: dict[Any, str] = {
    polars.Float64: "float64",
    polars.Int64: "int64",
    polars.Boolean: "bool",
    polars.String: "string",
}


def _describe(column: Column) -> str:
    if column.describe:
        return column.describe
    own = {"truth": f"truth of {column.target}" if column.target else "truth",
           "time": "time of the sample", "group": "group of dependent samples"}  # fmt: skip
    return own.get(column.role, printable(column.title or column.source))


def _refuse_equal_names(fields: Sequence[Field], computed: Computed) -> None:
    names = [*(field.name for field in fields), *(one.name for one in computed.statistics)]
    for name in names:
        if names.count(name) > 1:
            raise UserError(
                f"a column would be named {name}, which is the name of a computed column, too. Set "
                "its name in a schema, or give it the role ignore."
            )


def _evidence(
    point: str,
    partition: str,
    rows: np.ndarray,
    run: Run,
    computed: Computed,
    fields: Sequence[Field],
    is_seen: np.ndarray,
) -> tuple[Table, dict[str, Any]]:
    """Table and metrics of one partition, rows ascending in their ids."""
    of_partition = run.rows.filter(polars.Series(rows))
    ids = of_partition[ID].to_numpy()
    order = np.argsort(ids, kind="stable")
    of_partition = of_partition[order]
    given = {name: column[rows][order] for name, column in computed.values.items()}
    values = checked_statistics(computed.statistics, {**given, "sample_id": ids[order]})
    keys = polars.DataFrame(
        {
            "point": polars.Series([point]).new_from_index(0, len(ids)),
            "partition": polars.Series([partition]).new_from_index(0, len(ids)),
            "sample_id": ids[order],
            "seen_in_training": is_seen[rows][order],
        }
    )
    sources = {column.name: column.source for column in run.columns}
    sources |= {SAMPLE_NAME.name: NAME, LABEL: next((one.source for one in run.of(LABEL)), "")}
    features = of_partition.select(
        polars.col(ID).alias("sample_id"),
        *(polars.col(sources[field.name]).alias(field.name) for field in fields),
    )
    table = sample_table(keys, features, fields, computed.statistics, values)
    columns = {name: features[name].to_numpy() for name in features.columns if name == LABEL}
    found = metrics(computed.statistics, values, np.arange(len(ids)))
    return table, {**found, **partition_metrics(computed.partition_metrics, columns | values)}


def _is_seen(run: Run, values: Values, seen: np.ndarray | None) -> np.ndarray:
    """Whether the run was trained on the sample of each row."""
    ids = run.rows[ID].to_numpy()
    found = np.isin(ids, values.trained)
    if column := next(iter(run.of("seen")), None):
        found |= run.rows[column.source].to_numpy()
    if seen is not None:
        named = run.rows[NAME].to_numpy() if seen.dtype.kind in "UO" and NAME in run.rows else ids
        found |= np.isin(named, seen)
    return found


def _settings(
    prepared: Prepared,
    run: Run,
    source: Source,
    computed: Computed,
    fields: Sequence[Field],
    study: str,
) -> dict[str, Any]:
    """The settings of a run, in the form of a frozen config."""
    understood = prepared.understood
    numbers = [
        field.name
        for field in fields
        if field.dtype in ("float64", "int64") and field.known == BEFORE and field.role == "feature"
    ]
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
        IMPORTED: {"sha256": source.sha256, "columns": _columns(understood)},
        IDENTITY: {"rule": 2, "data": source.sha256[:12], "files": {}, "source": {}},
    }


def _held_out(partitions: Sequence[str]) -> str:
    """The partition of that name of a table without a choice, else the first."""
    return TEST if TEST in partitions else partitions[0]


def _columns(understood: Understood) -> list[dict[str, Any]]:
    return [column.to_json() for column in understood if column.role != "ignore"]


def _slug(settings: dict[str, Any]) -> str:
    return slug(settings)[:LONGEST_SLUG].strip("-.") or WORKLOAD


def _record(
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
        "slug": _slug(settings),
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
        "partitions": _partitions(prepared, run, is_seen),
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


def _partitions(prepared: Prepared, run: Run, is_seen: np.ndarray) -> dict[str, Any]:
    """The record's partitions: of training, if anything is known of it, and of the tests."""
    found: dict[str, Any] = {}
    trained = prepared.values.trained
    if run.train_count is not None or len(trained) or is_seen.any():
        ids = np.union1d(trained, run.rows[ID].to_numpy()[is_seen])
        found["train"] = {
            "hash": _hash_of(ids),
            "count": run.train_count if run.train_count is not None else len(ids),
            "describe": "samples that the model was trained on, as imported",
        }
    for name in prepared.values.partitions:
        ids = run.rows.filter(polars.col(PARTITION) == name)[ID].sort().to_numpy()
        if len(ids):
            found[name] = {"hash": _hash_of(ids), "count": len(ids), "describe": "as imported"}
    return found


def _hash_of(ids: np.ndarray) -> str:
    return hashlib.sha256(ids.astype("<i8").tobytes()).hexdigest()[:12]


def _versions() -> Mapping[str, str]:
    found = {}
    for library in LIBRARIES:
        try:
            found[library] = version(library)
        except PackageNotFoundError:  # importable, but not installed
            continue
    return found
