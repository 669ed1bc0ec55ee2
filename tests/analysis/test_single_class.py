"""Classifiers that predict one class for all samples are reported."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars
import pytest
from made_trust import PARTITION, write_trust_study

from saibench.analysis.single_class import single_class
from saibench.analysis.tracing.reading import traced_samples
from saibench.evidence.reader import StudyEvidence
from saibench.evidence.schema import AFTER, Field, read_fields, read_table, write_table


def with_labels(folder: Path, label: np.ndarray, predicted: np.ndarray) -> StudyEvidence:
    path = folder / "near" / "samples.parquet"
    fields = [
        *read_fields(path),
        Field("label", "int64", "", "jet", "feature", "1 for a top jet", AFTER),
        Field("correct", "float64", "", "jet"),
    ]
    columns = {"label": label, "correct": (label == predicted).astype(float)}
    write_table(path, read_table(path).with_columns(**columns), fields)
    return StudyEvidence.load(folder)


@pytest.mark.parametrize("only", [0, 1])
def test_one_class_for_all_samples_is_reported(only: int, tmp_path: Path) -> None:
    label = np.arange(300) % 3 // 2
    folder = write_trust_study(tmp_path, ["near"], 30, 10)
    evidence = with_labels(folder, label, np.full(300, only))
    (point,) = evidence.metrics
    text = single_class(evidence, point, PARTITION)
    assert text is not None and f"predicts label {only}" in text and "all 300 samples" in text
    notes = traced_samples(evidence, point, PARTITION, "correct", ["distance"], 1.0).notes
    assert text in notes


def test_both_classes_and_missing_labels_are_not_reported(tmp_path: Path) -> None:
    folder = write_trust_study(tmp_path, ["near"], 30, 10)
    bare = StudyEvidence.load(folder)
    (point,) = bare.metrics
    assert single_class(bare, point, PARTITION) is None
    label = np.arange(300) % 3 // 2
    predicted = np.where(np.arange(300) == 7, 1, 0)
    assert single_class(with_labels(folder, label, predicted), point, PARTITION) is None


def test_a_partition_with_one_class_is_not_reported(tmp_path: Path) -> None:
    folder = write_trust_study(tmp_path, ["near"], 30, 10)
    evidence = with_labels(folder, np.ones(300, dtype=int), np.ones(300, dtype=int))
    assert evidence.samples["correct"].dtype == polars.Float64
    assert single_class(evidence, next(iter(evidence.metrics)), PARTITION) is None
