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
from saibench.evidence.imported.column import LABEL
from saibench.evidence.imported.errors import Computed, statistics_of
from saibench.evidence.imported.fields import (
    SAMPLE_NAME,
    feature_field,
    feature_fields,
    refuse_equal_names,
)
from saibench.evidence.imported.keys import ID, NAME, PARTITION
from saibench.evidence.imported.one_hot import with_one_label
from saibench.evidence.imported.reading import Source
from saibench.evidence.imported.record import (
    Prepared,
    partitions_of_run,
    record_of,
    settings_of,
    slug_of,
)
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
from saibench.evidence.schema import Field, write_table
from saibench.evidence.writer import KEYS, Table, metrics, partition_metrics, sample_table
from saibench.evidence.writer import checked_values as checked_statistics
from saibench.files.atomic import atomic_write, folder_aside
from saibench.files.bounded_json import write_json
from saibench.files.frozen_config import CONFIG
from saibench.files.integrity import sha256_of_files
from saibench.identity import point_hash

TRAINING_SAMPLES = "training.parquet"
"""Features of the samples in the table's training partitions, for an audit of leakage."""


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
    table, of_classes = with_one_label(table, schema)
    understood = understand(table, schema, of_classes)
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
    planned = (_planned(prepared, run, source, seen, folder.name) for run in prepared.runs)
    if folder.exists() and any(folder.iterdir()):
        names = _refuse_other_content(folder, prepared, list(planned))
        return ImportedStudy(folder, names, unchanged=True)
    with folder_aside(folder) as aside:
        written = tuple(_write_run(prepared, one, source, aside) for one in planned)
        os.replace(aside, folder)
    return ImportedStudy(folder, written)


@dataclass(frozen=True, eq=False)
class _Planned:
    """A run before it is written.

    Args:
        is_seen: (rows,) bool, whether it was trained on the sample of each row.
    """

    run: Run
    computed: Computed
    fields: list[Field]
    settings: dict[str, Any]
    is_seen: np.ndarray

    @property
    def name(self) -> str:
        """Of its folder."""
        return f"{slug_of(self.settings)}-{point_hash(self.settings)}"


def _planned(
    prepared: Prepared, run: Run, source: Source, seen: np.ndarray | None, study_name: str
) -> _Planned:
    values = prepared.values
    computed = statistics_of(run, values.classes, prepared.understood.schema.sample)
    fields = feature_fields(run, values)
    refuse_equal_names(fields, [one.name for one in computed.statistics])
    settings = settings_of(prepared, run, source, computed, fields, study_name)
    return _Planned(run, computed, fields, settings, _is_seen(run, values, seen))


def _refuse_other_content(
    folder: Path, prepared: Prepared, planned: Sequence[_Planned]
) -> tuple[str, ...]:
    """The names of the runs, if the folder holds just these, complete and with these seen samples.

    Raises:
        UserError: it does not.
    """
    found = {path.parent.name for path in folder.glob(f"*/{FILE}")}
    if found != {one.name for one in planned}:
        raise UserError(
            f"{folder} is not empty and does not hold this import. Use another folder with -o."
        )
    for one in planned:
        record = read_record(folder / one.name)
        if record.get("state") != COMPLETE:
            raise UserError(f"{folder / one.name} is not complete. Use another folder with -o.")
        if record.get("partitions") != partitions_of_run(prepared, one.run, one.is_seen):
            raise UserError(
                f"{folder / one.name} was imported with other samples seen in training. Use "
                "another folder with -o."
            )
    return tuple(one.name for one in planned)


def _write_run(prepared: Prepared, planned: _Planned, source: Source, study: Path) -> str:
    """Write one run; return the name of its folder."""
    started = now()
    run, values, settings = planned.run, prepared.values, planned.settings
    folder = study / planned.name
    if folder.exists():
        raise UserError(
            f"two runs have the same settings, as {slug_of(settings)}. Give the columns that "
            "distinguish them the role model, seed or setting, or rename a model."
        )
    tables, of_partitions = [], {}
    for partition in values.partitions:
        rows = run.rows[PARTITION].to_numpy() == partition
        if rows.any():
            table, of_partitions[partition] = _evidence(partition, rows, planned)
            tables.append(table)
    folder.mkdir()
    write_table(folder / SAMPLES, polars.concat([table.rows for table in tables]), tables[0].fields)
    write_json(folder / METRICS, of_partitions)
    with atomic_write(folder / CONFIG) as path:
        path.write_text(yaml.safe_dump(settings, sort_keys=False, allow_unicode=True), "utf-8")
    record = record_of(prepared, run, settings, source, started, planned.is_seen)
    files = sha256_of_files(
        folder, (CONFIG, SAMPLES, METRICS, *_write_training(folder, run, values))
    )
    write_record(folder / FILE, {**record, "files": files})
    return planned.name


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
    fields = [feature_field(one, table.schema[one.name]) for one in columns]
    write_table(folder / TRAINING_SAMPLES, table, [id_field, *fields])
    return [TRAINING_SAMPLES]


def _evidence(partition: str, rows: np.ndarray, planned: _Planned) -> tuple[Table, dict[str, Any]]:
    """Table and metrics of one partition, rows ascending in their ids."""
    run, computed, fields = planned.run, planned.computed, planned.fields
    point = point_hash(planned.settings)
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
            "seen_in_training": planned.is_seen[rows][order],
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
