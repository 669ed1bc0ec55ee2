"""Audit a run for leakage: rebuild its partitions from its frozen config, without its model."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import polars
from omegaconf import OmegaConf

from saibench.analysis.leak_audit.audit import (
    Leaks,
    Split,
    distance_ratio,
    find_leaks,
    share,
    worst_pairs,
)
from saibench.analysis.leak_audit.effect import effect_of
from saibench.analysis.leak_audit.of_evidence import AUDIT
from saibench.analysis.leak_audit.records import quantiles
from saibench.analysis.learning_curve.reading import curve_config
from saibench.datamodules.near_duplicates import SampleSimilarity
from saibench.datamodules.partition import Partition
from saibench.datamodules.structural import StructuralDataModule
from saibench.errors import UserError, closest
from saibench.evidence.audit_record import Audit, Effect
from saibench.evidence.imported.record import IMPORTED
from saibench.evidence.independence import Independence, marked_index
from saibench.evidence.reader import StudyEvidence
from saibench.evidence.run_record import SAMPLES, read_record, update_record
from saibench.evidence.schema import read_table
from saibench.evidence.selection import rows_of
from saibench.identity import TRAINED, with_root
from saibench.imports.targets import build
from saibench.runs.imported import imported_data
from saibench.runs.rebuilt import settings_of
from saibench.runs.trained_and_tested import trained_and_tested
from saibench.runs.training import check_data


def audit_point(
    folder: Path,
    partitions: Sequence[str] | None = None,
    seen: str | None = None,
    root: str | None = None,
) -> list[Audit]:
    """Audit partitions of a run and save the results in its record.

    Args:
        folder: of the run, trained or not, also on other data; evidence adds the effect on the
            error.
        partitions: names; default: those tested by its config or its evidence.
        seen: file with ids of samples that pretrained weights have seen; default: its config's.
        root: folder of the data if they have moved; default: its config's.

    Raises:
        UserError: unknown run or partition, missing or changed data, or a model that was not
            trained here without ids of its training samples.
    """
    record = read_record(folder)
    if IMPORTED in record:
        found = _audits_of_imported(folder, partitions, seen, root)
    elif TRAINED in record:
        found = _audits_of_other_data(folder, partitions, seen, root)
    else:
        data = _data(folder, seen, root)
        train = data.split[0] if data.split[0].count else data.seen_elsewhere
        assert train is not None  # `_data` refuses other runs
        tests = _tests(folder, data, partitions)
        found = [_audit(folder, data, test, train, data.seen_rows) for test in tests]
    kept = record.get(AUDIT) or {}
    update_record(folder, **{AUDIT: {**kept, **{one.partition: one.to_json() for one in found}}})
    return found


def _audits_of_imported(
    folder: Path, partitions: Sequence[str] | None, seen: str | None, root: str | None
) -> list[Audit]:
    for option, value in (("--seen", seen), ("--data-root", root)):
        if value is not None:
            raise UserError(
                f"{option} {value}: {folder.name} was imported, and its data are in its folder. "
                f"Remove {option}; `python -m saibench import` has --seen."
            )
    data = imported_data(folder)
    _refuse_unknown(partitions, data.tests, folder)
    tests = [data.tests[name] for name in partitions or data.tests]
    return [_audit(folder, data, test, data.training, data.training.rows) for test in tests]


def _audits_of_other_data(
    folder: Path, partitions: Sequence[str] | None, seen: str | None, root: str | None
) -> list[Audit]:
    """Of a trained run that is tested on other data than those of its training."""
    if seen is not None:
        raise UserError(
            f"--seen {seen}: the training samples of {folder.name} are not of the data that it is "
            "tested on. Remove --seen."
        )
    tested = _data(folder, None, root)
    both = trained_and_tested(folder, tested)
    train, training = both.trained.split[0], both.trained.seen_rows
    tests = [both.shifted(test) for test in _tests(folder, tested, partitions)]
    return [_audit(folder, both, test, train, training, apart=True) for test in tests]


def _tests(
    folder: Path, data: StructuralDataModule, names: Sequence[str] | None
) -> list[Partition]:
    """Partitions of the config, and those found only in the evidence."""
    evaluated: list[str] = []
    if (folder / SAMPLES).exists():
        tested = read_table(folder / SAMPLES)["partition"].unique().sort()
        evaluated = [name for name in tested if name not in data.partitions]
    _refuse_unknown(names, [*data.partitions, *evaluated], folder)
    requested = list(names or dict.fromkeys([*data.test, *evaluated]))
    data.test = [name for name in requested if name in data.partitions]
    return [data.tests.get(name) or _from_evidence(folder, data, name) for name in requested]


def _refuse_unknown(names: Sequence[str] | None, known: Collection[str], folder: Path) -> None:
    for name in names or ():
        if name not in known:
            raise UserError(
                f"--partition {name} is not a partition of {folder.name}: {closest(name, known)}"
            )


def _from_evidence(folder: Path, data: StructuralDataModule, name: str) -> Partition:
    samples = read_table(folder / SAMPLES).filter(polars.col("partition") == name)
    ids = data.index["sample_id"].to_numpy()
    rows = np.flatnonzero(np.isin(ids, samples["sample_id"].to_numpy()))
    recorded = (read_record(folder).get("partitions") or {}).get(name) or {}
    return Partition.of(name, data.index, rows, str(recorded.get("describe") or name))


def _data(folder: Path, seen: str | None, root: str | None) -> StructuralDataModule:
    config = OmegaConf.create(with_root(settings_of(folder, "datamodule"), root))
    data: StructuralDataModule = build(config.datamodule, "datamodule")
    if seen is not None:
        data.seen = seen
    record = read_record(folder)
    if record.get("steps") == 0:
        data.without_training()
    if data.steps == 0 and data.seen is None and TRAINED not in record:
        raise UserError(
            f"{folder.name} was not trained here, and the training samples of its weights are not "
            "known. Use --seen with a file of their ids; a model without weights cannot leak."
        )
    check_data(folder, data)
    return data


class AuditedData(Protocol):
    """What an audit reads of a data module, or of an imported run."""

    @property
    def index(self) -> polars.DataFrame: ...
    def feature_fields(self) -> list[Any]: ...
    def features(self, rows: np.ndarray) -> polars.DataFrame: ...
    def independence(self) -> Independence: ...
    def similarity(self) -> SampleSimilarity | None: ...


def _audit(
    folder: Path,
    data: AuditedData,
    test: Partition,
    train: Partition,
    training: np.ndarray,
    apart: bool = False,
) -> Audit:
    """Audit of a partition; `apart` as in `Split`."""
    similarity = data.similarity()
    split = _split(data, test.rows, training, similarity, apart)
    leaks = find_leaks(split)
    along = similarity.along if similarity and not apart else None
    field = next((f for f in data.feature_fields() if along and f.name == along), None)
    memory = None if apart else leaks.correlation_time
    return Audit(
        partition=test.name,
        describe=test.describe,
        test=test.count,
        training=len(training),
        training_hash=train.hash,
        test_hash=test.hash,
        score=share(leaks.any, split),
        same=share(leaks.same.count > 0, split),
        interleaved=None if leaks.interleaved is None else share(leaks.interleaved, split),
        near=None if leaks.near is None else share(leaks.near, split),
        part=similarity.part if similarity else "",
        correlation_time=None if memory is None else memory.value,
        unit="" if field is None else field.unit,
        is_resolved=memory is not None and memory.is_resolved,
        along=along,
        descriptor=similarity.name if similarity else "",
        describe_descriptor=similarity.describe if similarity else "",
        threshold=float(leaks.threshold) if np.isfinite(leaks.threshold) else None,
        to_training=[] if leaks.to_training is None else quantiles(leaks.to_training.distance),
        among_training=quantiles(leaks.among_training),
        ratio=distance_ratio(leaks, split),
        pairs=worst_pairs(leaks, split),
        effect=_effect(folder, test, split, leaks),
    )


def _split(
    data: AuditedData,
    test: np.ndarray,
    training: np.ndarray,
    similarity: SampleSimilarity | None,
    apart: bool,
) -> Split:
    ids = data.index["sample_id"].to_numpy()
    samples = marked_index(data.features(test), data.independence())
    if similarity is None:
        return Split(test, training, ids, samples=samples)
    times = None
    if similarity.along is not None:
        times = data.index[similarity.along].to_numpy().astype(np.float64)
    return Split(
        test, training, ids, times, similarity.vectors, similarity.contents, samples, apart
    )


def _effect(folder: Path, test: Partition, split: Split, leaks: Leaks) -> Effect | None:
    """Effect on the error, from the run's evidence; none for transformed samples."""
    if test.transform is not None or not (folder / SAMPLES).exists():
        return None
    evidence = StudyEvidence.load(folder)
    try:
        config = curve_config(evidence)
    except UserError:  # the workload names no statistic; the samples are still compared
        return None
    rows = rows_of(evidence.samples, list(evidence.metrics), test.name)
    columns = rows.schema
    if config.statistic not in columns or columns[config.statistic] == polars.String:
        return None
    unit = evidence.units[config.statistic]["unit"]
    ids = split.ids[split.test]
    return effect_of(rows, config.statistic, unit, ids, leaks.any, config.ideal)
