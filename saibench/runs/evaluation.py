"""Testing a trained point: one look a sample and transform, then evidence by partition."""

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
    read_metrics,
    read_record,
    update_record,
    write_json,
    write_record,
)
from saibench.evidence.schema import Field, read_fields, read_table, write_table
from saibench.evidence.statistic import Statistic
from saibench.files.integrity import FILES, PENDING, sha256_of_files, states_of_files
from saibench.models.base import BenchmarkModule
from saibench.models.metrics import AddedMetric
from saibench.renamed import current_keys
from saibench.runs.checkpoints import check_checkpoint
from saibench.runs.collect import StatisticsCollector, join_parts
from saibench.runs.point import BEST
from saibench.runs.provenance import provenance

log = logging.getLogger(__name__)

SAMPLES = "samples.parquet"
_UNFINISHED = ".unfinished"
"""Subfolder of what is not evidence yet: the ranks' parts, and tables about to be moved."""


def evaluate(
    folder: Path, module: BenchmarkModule, data: StructuralDataModule, trainer: Trainer
) -> dict[str, Any]:
    """Test the best checkpoint on the partitions of `data`; rank 0 writes the evidence.

    Returns:
        the metrics of these partitions, on rank 0.

    Raises:
        UserError: the checkpoint is missing, damaged or another model's.
        RuntimeError: a sample is missing or repeated, or a prediction is not a number.
    """
    check_checkpoint(folder / BEST, module)
    unfinished = folder / _UNFINISHED
    if trainer.is_global_zero:  # what a killed process left; other ranks save after a barrier
        shutil.rmtree(unfinished, ignore_errors=True)
    tested: dict[str, Mapping[str, Any]] = {}
    try:
        for number, evaluation in enumerate(data.passes()):
            collector = _look(evaluation, folder / BEST, module, data, trainer)
            collector.save(unfinished, number, trainer.global_rank)
            tested |= module.tested_metrics
        trainer.strategy.barrier()
        if not trainer.is_global_zero:
            return {}
        tables, metrics = _evidence(read_record(folder)["point"], module, data, unfinished)
        for name, of_partition in _added_metrics(module, data, tested).items():
            metrics[name] |= of_partition
        _write(folder, data, tables, metrics)
        _record_seen(folder, data)
        record = current_keys(read_record(folder))
        if "save_samples" not in record or _saves_others(record, data):
            module.to(trainer.strategy.root_device)  # after a test Lightning leaves it on the CPU
            before = states_of_files(folder)
            module.save_samples(folder, data)
            module.cpu()
            saved = [name for name, facts in states_of_files(folder) if (name, facts) not in before]
            update_record(folder, *saved, save_samples=data.save_samples)
        return metrics
    finally:
        if trainer.is_global_zero:
            shutil.rmtree(unfinished, ignore_errors=True)


def _record_seen(folder: Path, data: StructuralDataModule) -> None:
    """What the model has seen elsewhere: how many samples, not which."""
    seen = data.seen_elsewhere
    if seen is not None:
        told = {"hash": seen.hash, "count": seen.count, "describe": seen.describe}
        update_record(folder, seen_elsewhere=told)


def _look(
    evaluation: EvaluationPass,
    checkpoint: Path,
    module: BenchmarkModule,
    data: StructuralDataModule,
    trainer: Trainer,
) -> StatisticsCollector:
    """One pass a call of Lightning: a test step then needs to know of no other."""
    collector = StatisticsCollector()
    data.evaluation = evaluation
    trainer.callbacks.append(collector)  # type: ignore[attr-defined]
    try:
        trainer.test(
            module, datamodule=data, ckpt_path=checkpoint, weights_only=True, verbose=False
        )
        if not any(trainer.num_test_batches):
            module.compute_metrics_of_no_sample()
    finally:
        trainer.callbacks.remove(collector)  # type: ignore[attr-defined]
    return collector


def missing_tests(
    folder: Path, data: StructuralDataModule, added: Sequence[AddedMetric] = ()
) -> list[str]:
    """Test partitions of `data` that the point's evidence does not hold yet, or holds otherwise.

    Also those that lack a metric of `added`, or have another of its name.

    All of them where a file of the evidence is missing or damaged: it is made again as a whole. And
    all where other samples are to be saved than those that were.
    """
    record = read_record(folder)
    if _broken(folder) or _saves_others(record, data):
        return list(data.tests)
    held, metrics = record.get("partitions", {}), read_metrics(folder)
    return [
        name
        for name, partition in data.tests.items()
        if name not in metrics
        or _hash(held, name) != partition.hash
        or any(one.definition() not in definitions(metrics[name]) for one in added)
    ]


def _saves_others(record: dict[str, Any], data: StructuralDataModule) -> bool:
    """Whether other samples are asked for than those that were kept; by default these stay."""
    return data.save_samples not in (None, current_keys(record).get("save_samples"))


def _broken(folder: Path) -> list[Path]:
    """The files of a point's evidence that are missing or cannot be read."""
    return [path for path in _files_of_evidence(folder) if not _is_readable(path)]


def _files_of_evidence(folder: Path) -> list[Path]:
    """The metrics and tables that a point has, or had by its record."""
    written = read_record(folder).get("evidence") or [SAMPLES]
    found = [path.name for path in folder.glob("by_*.parquet")]
    names = {*written, *found}
    return [folder / Path(name).name for name in (METRICS, *sorted(names))]  # of the run's own


def _is_readable(path: Path) -> bool:
    try:
        if path.name == METRICS:
            return bool(read_metrics(path.parent))
        return read_table(path).height > 0
    except UserError:
        return False


def _evidence(
    point: str, module: BenchmarkModule, data: StructuralDataModule, parts: Path
) -> tuple[dict[str, list[writer.Table]], dict[str, Any]]:
    tables: dict[str, list[writer.Table]] = {}
    metrics: dict[str, Any] = {}
    statistics = module.statistics()
    for number, evaluation in enumerate(data.passes()):
        values = _in_order(evaluation, data, statistics, join_parts(parts, number))
        for partition in evaluation.partitions:
            chosen = np.searchsorted(values["sample_id"], partition.sample_ids)
            of_partition = {name: column[chosen] for name, column in values.items()}
            written = _tables(point, partition.name, partition.rows, data, statistics, of_partition)
            for name, table in written.items():
                tables.setdefault(name, []).append(table)
            columns = _features(data, written["samples"]) | of_partition
            metrics[partition.name] = {
                **writer.metrics(statistics, values, chosen),
                **writer.partition_metrics(module.partition_metrics(), columns),
            }
            _warn_of_undefined(partition, metrics[partition.name])
    return tables, metrics


def _warn_of_undefined(partition: Partition, metrics: Mapping[str, Mapping[str, Any]]) -> None:
    """Say that no metric counts a sample, as of fields whose every pixel is missing."""
    if metrics and not any(entry["count"] for entry in metrics.values()):
        log.warning(
            "Every metric of partition '%s' is undefined: none of its %s samples has a value to "
            "compare a prediction with (%s); check whether its targets are missing, or test "
            "another partition.",
            partition.name,
            f"{partition.count:,}",
            partition.describe,
        )


def _added_metrics(
    module: BenchmarkModule,
    data: StructuralDataModule,
    tested: Mapping[str, Mapping[str, Any]],
) -> dict[str, dict[str, Any]]:
    """By partition: what the user's metrics made of it, as `metrics.json` holds it."""
    offered = module.metric_inputs()
    found: dict[str, dict[str, Any]] = {name: {} for name in data.tests}
    for name, partition in data.tests.items():
        for added in module.added_metrics:
            if added.name not in tested.get(name, {}):
                raise UserError(
                    f"{added.key}: {type(module).__name__} has on_test_epoch_start or "
                    "on_test_epoch_end of its own. Call super()'s there."
                )
            found[name] |= added.entries(tested[name][added.name], partition.count, offered)
    return found


def _features(data: StructuralDataModule, samples: writer.Table) -> dict[str, np.ndarray]:
    """The data features of a table's samples that are numbers, by name."""
    names = [field.name for field in data.feature_fields() if field.dtype != "string"]
    return {name: samples.rows[name].to_numpy() for name in names}


def _in_order(
    evaluation: EvaluationPass,
    data: StructuralDataModule,
    statistics: Sequence[Statistic],
    values: dict[str, np.ndarray],
) -> dict[str, np.ndarray]:
    """The values by ascending sample id, every expected sample once, NaN where undefined alone."""
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
    """Add to what the point's folder holds, replacing partitions of the same name.

    Everything is written aside before anything is moved: a full disk leaves what there was. A file
    that is damaged is replaced; the record then forgets the partitions that it held beside these,
    so that they are tested again when they are asked for.

    The files are moved one by one: while they are, the record takes each as it was and as it is to
    be, and does not know the new partitions yet. After a kill they are tested again.
    """
    finished = folder / _UNFINISHED / "finished"
    finished.mkdir()
    broken = _broken(folder)
    for name, parts in tables.items():
        rows, fields = pl.concat([part.rows for part in parts]), parts[0].fields
        held = folder / f"{name}.parquet"
        if held.exists() and held not in broken:
            rows, fields = _merged(held, rows, fields)
        write_table(finished / held.name, rows, fields)
    before = {} if folder / METRICS in broken else read_metrics(folder)
    record = read_record(folder)
    kept = {} if broken else record.get("partitions", {})
    same = [name for name, part in data.tests.items() if _hash(kept, name) == part.hash]
    earlier = {name: other_metrics(before[name], metrics[name]) for name in same if name in before}
    metrics = {name: found | earlier.get(name, {}) for name, found in metrics.items()}
    write_json(finished / METRICS, {**before, **metrics})
    record["partitions"] = {**kept, **_described(data)}
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
    """The partitions, those for testing with what tested them."""
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
    """The rows that are held and these, with the statistics of both: a transform brings its own."""
    held = read_fields(path)
    if _common(held) != _common(fields):
        raise UserError(
            f"{path} has other keys and features than this version of saibench writes; "
            "move it away and evaluate its partitions again."
        )
    before = read_table(path)
    kept = before.filter(~pl.col("partition").is_in(rows["partition"].unique().to_list()))
    new = {field.name: field for field in fields}
    every = [*(new.pop(field.name, field) for field in held), *new.values()]
    merged = pl.concat([kept, rows], how="diagonal_relaxed")
    return merged.select(field.name for field in every), every


def _common(fields: Sequence[Field]) -> list[str]:
    """Columns that every partition has."""
    return [field.name for field in fields if field.role != "statistic"]
