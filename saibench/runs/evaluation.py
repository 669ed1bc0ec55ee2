"""Test a trained run: one evaluation pass per transform, then evidence by partition."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from lightning import Trainer

from saibench.datamodules.partition import Partition
from saibench.datamodules.structural import EvaluationPass, StructuralDataModule
from saibench.errors import UserError
from saibench.evidence import writer
from saibench.evidence.metrics import definitions, other_metrics
from saibench.evidence.run_record import (
    FILE,
    METRICS,
    SAMPLES,
    read_metrics,
    read_record,
    update_record,
    write_json,
    write_record,
)
from saibench.evidence.schema import Field, read_fields, read_table, write_table
from saibench.evidence.statistic import Statistic
from saibench.files.integrity import FILES, PENDING, sha256_of_files, states_of_files
from saibench.identity import TRAINED
from saibench.models.base import BenchmarkModule
from saibench.models.metrics import AddedMetric
from saibench.models.model_features import ModelFeatures
from saibench.renamed import current_keys
from saibench.runs.checkpoints import check_checkpoint
from saibench.runs.collect import StatisticsCollector, join_parts
from saibench.runs.point import BEST
from saibench.runs.provenance import provenance

log = logging.getLogger(__name__)

_UNFINISHED = ".unfinished"
"""Subfolder for temporary files: the ranks' parts, and tables before they are moved."""


def evaluate(
    folder: Path, module: BenchmarkModule, data: StructuralDataModule, trainer: Trainer
) -> dict[str, Any]:
    """Test the best checkpoint on the partitions of `data`; rank 0 writes the evidence.

    Returns:
        metrics of these partitions; empty on other ranks.

    Raises:
        UserError: the checkpoint is missing, damaged or belongs to another model.
        RuntimeError: a sample is missing or repeated, or a prediction is NaN.
    """
    check_checkpoint(folder / BEST, module)
    unfinished = folder / _UNFINISHED
    if trainer.is_global_zero:  # files of a killed process; other ranks save after a barrier
        shutil.rmtree(unfinished, ignore_errors=True)
    tested: dict[str, Mapping[str, Any]] = {}
    of_model = ModelFeatures(folder / BEST)
    try:
        for number, evaluation in enumerate(data.passes()):
            collector = _run_pass(evaluation, folder / BEST, module, data, trainer, of_model)
            collector.save(unfinished, number, trainer.global_rank)
            tested |= module.tested_metrics
        trainer.strategy.barrier()
        if not trainer.is_global_zero:
            return {}
        statistics = [*module.statistics(), *of_model.statistics()]
        point = read_record(folder)["point"]
        tables, metrics = _evidence(point, statistics, module, data, unfinished)
        for name, of_partition in _added_metrics(module, data, tested).items():
            metrics[name] |= of_partition
        _write(folder, data, tables, metrics)
        if (seen := data.seen_elsewhere) is not None:
            summary = {"hash": seen.hash, "count": seen.count, "describe": seen.describe}
            update_record(folder, seen_elsewhere=summary)
        record = current_keys(read_record(folder))
        if "save_samples" not in record or _saves_others(record, data):
            module.to(trainer.strategy.root_device)  # Lightning moves it to the CPU after a test
            before = states_of_files(folder)
            module.save_samples(folder, data)
            module.cpu()
            saved = [name for name, facts in states_of_files(folder) if (name, facts) not in before]
            update_record(folder, *saved, save_samples=data.save_samples)
        return metrics
    finally:
        if trainer.is_global_zero:
            shutil.rmtree(unfinished, ignore_errors=True)


def _run_pass(
    evaluation: EvaluationPass,
    checkpoint: Path,
    module: BenchmarkModule,
    data: StructuralDataModule,
    trainer: Trainer,
    of_model: ModelFeatures,
) -> StatisticsCollector:
    """Run one pass by one call of `Trainer.test`; a test step thus sees no other pass."""
    collector = StatisticsCollector()
    data.evaluation = evaluation
    added = [of_model, collector]  # the collector keeps what the features add
    trainer.callbacks.extend(added)  # type: ignore[attr-defined]
    try:
        trainer.test(
            module, datamodule=data, ckpt_path=checkpoint, weights_only=True, verbose=False
        )
        if not any(trainer.num_test_batches):
            module.compute_metrics_of_no_sample()
    finally:
        of_model.stop()
        for one in added:
            trainer.callbacks.remove(one)  # type: ignore[attr-defined]
    return collector


def missing_tests(
    folder: Path, data: StructuralDataModule, added: Sequence[AddedMetric] = ()
) -> list[str]:
    """Return the test partitions of `data` that are missing in the evidence or have changed.

    Includes partitions without one of the `added` metrics. Returns all partitions if a file of the
    evidence is missing or damaged, or if other samples are to be saved.
    """
    record = read_record(folder)
    if _broken(folder) or _saves_others(record, data):
        return list(data.tests)
    tested, metrics = record.get("partitions", {}), read_metrics(folder)
    return [
        name
        for name, partition in data.tests.items()
        if name not in metrics
        or _hash(tested, name) != partition.hash
        or any(one.definition() not in definitions(metrics[name]) for one in added)
    ]


def _saves_others(record: dict[str, Any], data: StructuralDataModule) -> bool:
    """Whether samples other than the saved ones are requested."""
    return data.save_samples not in (None, current_keys(record).get("save_samples"))


def _broken(folder: Path) -> list[Path]:
    """Files of the evidence that are missing or unreadable."""
    broken = []
    for path in _files_of_evidence(folder):
        try:
            whole = read_metrics(folder) if path.name == METRICS else read_table(path).height
        except UserError:
            whole = False
        if not whole:
            broken.append(path)
    return broken


def _files_of_evidence(folder: Path) -> list[Path]:
    """Metrics and tables of a run, found or listed in its record."""
    written = read_record(folder).get("evidence") or [SAMPLES]
    found = [path.name for path in folder.glob("by_*.parquet")]
    names = sorted({*written, *found})
    return [folder / Path(name).name for name in (METRICS, *names)]  # in the run's folder


def _evidence(
    point: str,
    statistics: Sequence[Statistic],
    module: BenchmarkModule,
    data: StructuralDataModule,
    parts: Path,
) -> tuple[dict[str, list[writer.Table]], dict[str, Any]]:
    tables: dict[str, list[writer.Table]] = {}
    metrics: dict[str, Any] = {}
    for number, evaluation in enumerate(data.passes()):
        values = _in_order(evaluation, data, statistics, join_parts(parts, number))
        for partition in evaluation.partitions:
            chosen = np.searchsorted(values["sample_id"], partition.sample_ids)
            of_partition = {name: column[chosen] for name, column in values.items()}
            written = _tables(point, partition.name, partition.rows, data, statistics, of_partition)
            for name, table in written.items():
                tables.setdefault(name, []).append(table)
            samples = written["samples"].rows
            numbers = [field.name for field in data.feature_fields() if field.dtype != "string"]
            columns = {name: samples[name].to_numpy() for name in numbers} | of_partition
            metrics[partition.name] = {
                **writer.metrics(statistics, values, chosen),
                **writer.partition_metrics(module.partition_metrics(), columns),
            }
            _warn_of_undefined(partition, metrics[partition.name])
    return tables, metrics


def _warn_of_undefined(partition: Partition, metrics: Mapping[str, Mapping[str, Any]]) -> None:
    """Warn if no metric counts a sample, such as fields with all pixels missing."""
    if metrics and not any(entry["count"] for entry in metrics.values()):
        log.warning(
            "Every metric of partition '%s' is undefined: none of its %s samples has a target "
            "value (%s). Check its targets, or test another partition.",
            partition.name,
            f"{partition.count:,}",
            partition.describe,
        )


def _added_metrics(
    module: BenchmarkModule,
    data: StructuralDataModule,
    tested: Mapping[str, Mapping[str, Any]],
) -> dict[str, dict[str, Any]]:
    """Entries of the user's metrics for `metrics.json`, by partition."""
    inputs = module.metric_inputs()
    found: dict[str, dict[str, Any]] = {name: {} for name in data.tests}
    for name, partition in data.tests.items():
        for added in module.added_metrics:
            if added.name not in tested.get(name, {}):
                raise UserError(
                    f"{added.key}: {type(module).__name__} overrides on_test_epoch_start or "
                    "on_test_epoch_end. Call super()'s there."
                )
            found[name] |= added.entries(tested[name][added.name], partition.count, inputs)
    return found


def _in_order(
    evaluation: EvaluationPass,
    data: StructuralDataModule,
    statistics: Sequence[Statistic],
    values: dict[str, np.ndarray],
) -> dict[str, np.ndarray]:
    """Sort the values by sample id; check that each sample occurs once and NaN means undefined."""
    writer.check_ids(data.index["sample_id"].to_numpy()[evaluation.rows], values["sample_id"])
    writer.check_keys(statistics, values)
    checked = writer.checked_values(statistics, values)
    order = np.argsort(checked["sample_id"])
    return {name: column[order] for name, column in checked.items()}


def _tables(
    point: str,
    partition: str,
    rows: np.ndarray,
    data: StructuralDataModule,
    statistics: Sequence[Statistic],
    values: dict[str, np.ndarray],
) -> dict[str, writer.Table]:
    seen = data.index["sample_id"].to_numpy()[data.seen_rows]
    keys = pl.DataFrame(
        {
            "point": [point] * len(rows),
            "partition": [partition] * len(rows),
            "sample_id": values["sample_id"],
            "seen_in_training": np.isin(values["sample_id"], seen),
        }
    )
    axes = {s.axis.name: s.axis for s in statistics if s.axis is not None and s.key in values}
    return {
        "samples": writer.sample_table(
            keys, data.features(rows), data.feature_fields(), statistics, values
        ),
        **{
            f"by_{name}": writer.axis_table(keys, axis, statistics, values)
            for name, axis in axes.items()
        },
    }


def _write(
    folder: Path,
    data: StructuralDataModule,
    tables: dict[str, list[writer.Table]],
    metrics: dict[str, Any],
) -> None:
    """Add the evidence to the run's folder, replacing partitions of the same name.

    All files are written to a temporary folder first, so that a full disk changes nothing. A
    damaged file is replaced; its other partitions are removed from the record, to be tested again
    when requested.

    While the files are moved one by one, the record accepts the old and the new content of each,
    and lists no new partition. After a kill these are tested again.
    """
    finished = folder / _UNFINISHED / "finished"
    finished.mkdir()
    broken = _broken(folder)
    for name, parts in tables.items():
        rows, fields = pl.concat([part.rows for part in parts]), parts[0].fields
        path = folder / f"{name}.parquet"
        if path.exists() and path not in broken:
            rows, fields = _merged(path, rows, fields)
        write_table(finished / path.name, rows, fields)
    before = {} if folder / METRICS in broken else read_metrics(folder)
    record = read_record(folder)
    kept = {} if broken else record.get("partitions", {})
    same = [name for name, part in data.tests.items() if _hash(kept, name) == part.hash]
    earlier = {name: other_metrics(before[name], metrics[name]) for name in same if name in before}
    metrics = {name: found | earlier.get(name, {}) for name, found in metrics.items()}
    write_json(finished / METRICS, {**before, **metrics})
    of_training = (record.get(TRAINED) or {}).get("partitions") or {}
    record["partitions"] = {**kept, **_described(data), **of_training}
    record["blocks"] = data.independence().to_json()
    names = {f"{name}.parquet" for name in tables}
    record["evidence"] = sorted({*([] if broken else record.get("evidence", [])), *names})
    evidence = [*(f"{name}.parquet" for name in tables), METRICS]
    whole = [path.name for path in _files_of_evidence(folder) if path not in broken]
    before_move = {**(record.get(FILES) or {}), **sha256_of_files(folder, whole)}
    after_move = sha256_of_files(finished, evidence)
    record.pop(PENDING, None)
    write_record(finished / FILE, {**record, FILES: {**before_move, **after_move}})
    update_record(folder, **{FILES: before_move, PENDING: after_move})
    for name in (*evidence, FILE):  # the record comes last
        (finished / name).replace(folder / name)


def _hash(partitions: Mapping[str, Any], name: str) -> str | None:
    return (partitions.get(name) or {}).get("hash")


def _described(data: StructuralDataModule) -> dict[str, Any]:
    """Partitions for the record; tested ones with commit and command."""
    train, validation = data.split
    partitions = {"train": train, "validation": validation, **data.tests}
    made_by = provenance()
    tested_by = {name: made_by[name] for name in ("commit", "command")}
    return {
        name: {
            "hash": part.hash,
            "count": part.count,
            "describe": part.describe,
            **data.partition_counts(part.rows),
            **(data.candidate_counts() if name == "train" and part.count else {}),
            **(tested_by if name in data.tests else {}),
        }
        for name, part in partitions.items()
    }


def _merged(
    path: Path, rows: pl.DataFrame, fields: Sequence[Field]
) -> tuple[pl.DataFrame, list[Field]]:
    """Merge rows into a table; a transform may add statistics of its own."""
    old = read_fields(path)
    missing = set(_common(old)) - set(_common(fields))  # a new version may have further features
    if missing or _keys(old) != _keys(fields):
        raise UserError(
            f"{path} has other keys and features than this version of saibench writes. "
            "Move it away and evaluate its partitions again."
        )
    before = read_table(path)
    kept = before.filter(~pl.col("partition").is_in(rows["partition"].unique().to_list()))
    new = {field.name: field for field in fields}
    every = [*(new.pop(field.name, field) for field in old), *new.values()]
    merged = pl.concat([kept, rows], how="diagonal_relaxed")
    return merged.select(field.name for field in every), every


def _common(fields: Sequence[Field]) -> list[str]:
    """Columns of every partition."""
    return [field.name for field in fields if field.role != "statistic"]


def _keys(fields: Sequence[Field]) -> list[str]:
    return [field.name for field in fields if field.role == "key"]
