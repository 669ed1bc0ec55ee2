"""Testing a trained point: one look a sample and transform, then evidence by partition."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from lightning import Trainer

from saibench.datamodules.structural import EvaluationPass, StructuralDataModule
from saibench.errors import UserError
from saibench.evidence import writer
from saibench.evidence.schema import Field, read_fields, read_table, write_table
from saibench.evidence.statistic import Statistic
from saibench.models.base import BenchmarkModule
from saibench.runs.collect import StatisticsCollector, join_parts
from saibench.runs.point import BEST
from saibench.runs.record import read_record, update_record, write_json

_PARTS = ".parts"


def evaluate(
    folder: Path, point: str, module: BenchmarkModule, data: StructuralDataModule, trainer: Trainer
) -> dict[str, Any]:
    """Test the best checkpoint on the module's partitions; rank 0 writes the evidence.

    Returns:
        the point's metrics, partition by partition, those of earlier evaluations included.
    """
    checkpoint = folder / BEST
    if not checkpoint.exists():
        raise UserError(f"{checkpoint} is missing: train the point again.")
    parts = folder / _PARTS
    if trainer.is_global_zero:
        shutil.rmtree(parts, ignore_errors=True)
    trainer.strategy.barrier()
    for number, evaluation in enumerate(data.passes()):
        _look(number, evaluation, checkpoint, module, data, trainer, parts)
    if not trainer.is_global_zero:
        return {}
    tables, metrics = _evidence(point, module, data, parts)
    _write(folder, data, tables, metrics)
    shutil.rmtree(parts)
    return _stored_metrics(folder)


def _look(
    number: int,
    evaluation: EvaluationPass,
    checkpoint: Path,
    module: BenchmarkModule,
    data: StructuralDataModule,
    trainer: Trainer,
    parts: Path,
) -> None:
    """One pass a call of Lightning: a test step then needs to know of no other."""
    collector = StatisticsCollector(parts, number)
    data.evaluation = evaluation
    trainer.callbacks.append(collector)  # type: ignore[attr-defined]
    try:
        trainer.test(
            module, datamodule=data, ckpt_path=checkpoint, weights_only=True, verbose=False
        )
    finally:
        trainer.callbacks.remove(collector)  # type: ignore[attr-defined]


def missing_tests(folder: Path, data: StructuralDataModule) -> list[str]:
    """Test partitions of `data` that the point's evidence does not hold yet, or holds otherwise."""
    held = read_record(folder).get("partitions", {})
    return [
        name
        for name, partition in data.tests.items()
        if held.get(name, {}).get("hash") != partition.hash
    ]


def _evidence(
    point: str, module: BenchmarkModule, data: StructuralDataModule, parts: Path
) -> tuple[dict[str, list[writer.Table]], dict[str, Any]]:
    tables: dict[str, list[writer.Table]] = {}
    metrics: dict[str, Any] = {}
    statistics = module.statistics()
    for number, evaluation in enumerate(data.passes()):
        values = _in_order(evaluation, data, join_parts(parts, number))
        for partition in evaluation.partitions:
            chosen = np.searchsorted(values["sample_id"], partition.sample_ids)
            of_partition = {name: column[chosen] for name, column in values.items()}
            for name, table in _tables(
                point, partition.name, partition.rows, data, statistics, of_partition
            ).items():
                tables.setdefault(name, []).append(table)
            metrics[partition.name] = writer.metrics(statistics, values, chosen)
    return tables, metrics


def _in_order(
    evaluation: EvaluationPass, data: StructuralDataModule, values: dict[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """The values by ascending sample id, every expected sample once, all of them numbers."""
    writer.check_ids(data.index["sample_id"].to_numpy()[evaluation.rows], values["sample_id"])
    writer.check_finite(values)
    order = np.argsort(values["sample_id"])
    return {name: column[order] for name, column in values.items()}


def _tables(
    point: str,
    partition: str,
    rows: np.ndarray,
    data: StructuralDataModule,
    statistics: Sequence[Statistic],
    values: dict[str, np.ndarray],
) -> dict[str, writer.Table]:
    seen = np.concatenate([part.sample_ids for part in data.split])
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
    """Add to what the point's folder holds, replacing partitions of the same name."""
    for name, parts in tables.items():
        path = folder / f"{name}.parquet"
        rows, fields = pl.concat([part.rows for part in parts]), parts[0].fields
        if path.exists():
            rows = _merged(path, rows, fields)
        write_table(path, rows, fields)
    write_json(folder / "metrics.json", {**_stored_metrics(folder), **metrics})
    described = {**dict(zip(("train", "validation"), data.split, strict=True)), **data.tests}
    partitions = {
        name: {"hash": part.hash, "count": part.count, "describe": part.describe}
        for name, part in described.items()
    }
    held = read_record(folder).get("partitions", {})
    update_record(folder, partitions={**held, **partitions})


def _merged(path: Path, rows: pl.DataFrame, fields: Sequence[Field]) -> pl.DataFrame:
    before = read_table(path)
    if [field.name for field in read_fields(path)] != [field.name for field in fields]:
        raise UserError(
            f"{path} has other columns than this version of saibench writes; "
            "move it away and evaluate its partitions again."
        )
    kept = before.filter(~pl.col("partition").is_in(rows["partition"].unique().to_list()))
    return pl.concat([kept.select(rows.columns), rows])


def _stored_metrics(folder: Path) -> dict[str, Any]:
    path = folder / "metrics.json"
    return json.loads(path.read_text()) if path.exists() else {}
