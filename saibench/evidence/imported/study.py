"""Write the folder of an imported study: one folder per run, as `train.py` writes them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars
import yaml

from saibench.errors import UserError, closest
from saibench.evidence.imported.column import Column
from saibench.evidence.imported.errors import LABEL, Computed, statistics_of
from saibench.evidence.imported.keys import ID, NAME, PARTITION
from saibench.evidence.imported.reading import Source
from saibench.evidence.imported.record import Prepared, record_of, settings_of, slug_of
from saibench.evidence.imported.runs import Run, runs_of
from saibench.evidence.imported.schema import TableSchema
from saibench.evidence.imported.understood import understand
from saibench.evidence.imported.values import Values, checked_values
from saibench.evidence.run_record import (
    COMPLETE,
    FILE,
    METRICS,
    SAMPLES,
    now,
    read_record,
    write_record,
)
from saibench.evidence.schema import AFTER, Field, write_table
from saibench.evidence.writer import KEYS, Table, metrics, partition_metrics, sample_table
from saibench.evidence.writer import checked_values as checked_statistics
from saibench.files.atomic import atomic_write, folder_aside
from saibench.files.bounded_json import write_json
from saibench.files.frozen_config import CONFIG
from saibench.files.integrity import sha256_of_files
from saibench.identity import point_hash
from saibench.printable import printable

TRAINING_SAMPLES = "training.parquet"
"""Features of the samples in the table's training partitions, for an audit of leakage."""
SAMPLE_NAME = Field("sample_name", "string", role="key", describe="name of the sample")


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
        seen: ids in the table of samples that the models were trained on, beside those of its
            training partitions (see `seen_ids`).

    Raises:
        UserError: the folder has other files, or scores and classes do not fit.
    """
    folder = folder.absolute()
    with folder_aside(folder) as aside:
        written = tuple(
            _write_run(prepared, run, source, seen, aside, folder.name) for run in prepared.runs
        )
        if folder.exists() and any(folder.iterdir()):
            _refuse_other_content(folder, written)
            return ImportedStudy(folder, written, unchanged=True)
        os.replace(aside, folder)
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
    settings = settings_of(prepared, run, source, computed, fields, study_name)
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
    name = f"{slug_of(settings)}-{point}"
    folder = study / name
    if folder.exists():
        raise UserError(
            f"two runs have the same settings, as {slug_of(settings)}. Give the columns that "
            "distinguish them the role model, seed or setting, or rename a model."
        )
    folder.mkdir()
    write_table(folder / SAMPLES, polars.concat([table.rows for table in tables]), tables[0].fields)
    write_json(folder / METRICS, of_partitions)
    with atomic_write(folder / CONFIG) as path:
        path.write_text(yaml.safe_dump(settings, sort_keys=False, allow_unicode=True), "utf-8")
    record = record_of(prepared, run, settings, source, started, is_seen)
    files = sha256_of_files(
        folder, (CONFIG, SAMPLES, METRICS, *_write_training(folder, run, values))
    )
    write_record(folder / FILE, {**record, "files": files})
    return name


def _write_training(folder: Path, run: Run, values: Values) -> list[str]:
    """Write the features of the training samples; return the names of the files."""
    columns = [one for one in run.columns if one.source in values.training.columns]
    if values.training.is_empty() or not columns:
        return []
    id_field = next(field for field in KEYS if field.name == "sample_id")
    table = values.training.select(
        polars.col(ID).alias(id_field.name),
        *(polars.col(one.source).alias(one.name) for one in columns),
    )
    fields = [_feature_field(one, table.schema[one.name]) for one in columns]
    write_table(folder / TRAINING_SAMPLES, table, [id_field, *fields])
    return [TRAINING_SAMPLES]


def feature_fields(run: Run, values: Values) -> list[Field]:
    """The data features of a run, with name of the sample, truth and label."""
    fields = [SAMPLE_NAME] if NAME in run.rows.columns else []
    fields += [
        _feature_field(column, run.rows.schema[column.source])
        for column in run.columns
        if column.role in ("feature", "time", "group", "truth")
    ]
    if run.of(LABEL):
        named = ", ".join(f"{k}: {one}" for k, one in enumerate(values.classes[:5]))
        more = ", …" if len(values.classes) > 5 else ""
        describe = printable(f"number of the class ({named}{more})")
        fields.append(Field(LABEL, "int64", role="feature", describe=describe, known=AFTER))
    return fields


def _feature_field(column: Column, dtype: polars.DataType) -> Field:
    return Field(
        column.name,
        _DTYPES[dtype],
        column.unit,
        role="key" if column.role == "group" else "feature",
        describe=_describe(column),
        known=column.known,
        title=column.title,
    )


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
    labels = {LABEL: features[LABEL].to_numpy()} if LABEL in features.columns else {}
    found = metrics(computed.statistics, values, np.arange(len(ids)))
    return table, {**found, **partition_metrics(computed.partition_metrics, labels | values)}


def _is_seen(run: Run, values: Values, seen: np.ndarray | None) -> np.ndarray:
    """Whether the run was trained on the sample of each row."""
    ids = run.rows[ID].to_numpy()
    found = np.isin(ids, values.trained)
    if column := next(iter(run.of("seen")), None):
        found |= run.rows[column.source].to_numpy()
    if seen is not None:
        found |= np.isin(ids, seen)
    return found
