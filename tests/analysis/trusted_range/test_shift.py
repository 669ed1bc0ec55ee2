"""A trusted range on partitions that it was not calibrated on."""

from __future__ import annotations

import json

import numpy as np
import polars
import pytest
from made_trust import PARTITION, SAMPLES, write_trust_study

from saibench.analysis.trusted_range.config import trust_config
from saibench.analysis.trusted_range.of_evidence import chosen_points, fit_range
from saibench.analysis.trusted_range.reading import NoSamples, read_samples
from saibench.analysis.trusted_range.shift import shifts_of
from saibench.analysis.trusted_range.study_ranges import fit_all
from saibench.errors import UserError
from saibench.evidence.reader import StudyEvidence
from saibench.evidence.schema import write_table

TRUST = {"trust": {"feature": "distance", "statistic": "force_mae", "tolerance": 50.0}}


@pytest.fixture(scope="module")
def evidence(tmp_path_factory: pytest.TempPathFactory) -> StudyEvidence:
    """One run, tested on `last_tenth`, on `hot` (a third shared, the others further away, with
    three times the error), and on `rotated` (the same samples)."""
    folder = write_trust_study(tmp_path_factory.mktemp("study"), ["near"], record=TRUST)
    run = folder / "near"
    rows = polars.read_parquet(run / "samples.parquet")
    others = rows.with_columns(
        polars.col("sample_id") + 10_000,
        partition=polars.lit("hot"),
        distance=polars.col("distance") + 0.1,
        force_mae=3 * polars.col("force_mae"),
        seen_in_training=polars.lit(False),
    )
    shared = rows.head(300).with_columns(partition=polars.lit("hot"))
    rotated = rows.with_columns(partition=polars.lit("rotated"))
    write_table(run / "samples.parquet", polars.concat([rows, others, shared, rotated]), SAMPLES)
    metrics = json.loads((run / "metrics.json").read_text())
    metrics = {name: metrics[PARTITION] for name in (PARTITION, "hot", "rotated")}
    (run / "metrics.json").write_text(json.dumps(metrics))
    record = json.loads((run / "run.json").read_text())
    record["partitions"] = {name: record["partitions"][PARTITION] for name in metrics}
    (run / "run.json").write_text(json.dumps(record))
    return StudyEvidence.load(folder)


def test_shares_of_another_partition_are_those_of_its_own_samples(evidence: StudyEvidence) -> None:
    config = trust_config(evidence)
    points = chosen_points(evidence)
    trusted = fit_range(read_samples(evidence, points, config), config)
    (shift,) = shifts_of(evidence, points, trusted, config)
    own = evidence.samples.filter(partition="hot").filter(polars.col("sample_id") > 9_000)
    own = own.filter(polars.col("force_mae").is_not_nan())
    check = trusted.check(own["distance"].to_numpy())
    error = own["force_mae"].to_numpy()
    below, good = error <= check.upper, error <= 50
    declared = check.inside & (check.upper <= 50)
    assert (shift.partition, shift.count) == ("hot", own.height)
    assert shift.inside.estimate == pytest.approx(check.inside.mean())
    assert shift.coverage_all.estimate == pytest.approx(below.mean())
    assert shift.coverage_inside is not None and shift.decision is not None
    assert shift.coverage_inside.estimate == pytest.approx(below[check.inside].mean())
    assert shift.coverage_inside.high < 0.9  # the bound does not hold where errors are larger
    recognised = shift.decision.recognised
    assert recognised is not None
    assert recognised.estimate == pytest.approx(declared[good].mean())
    assert shift.mean_error == pytest.approx(error.mean())
    assert shift.mean_bound == pytest.approx(np.mean(check.upper))


def test_partition_of_the_same_samples_is_refused_by_name(evidence: StudyEvidence) -> None:
    config = trust_config(evidence)
    points = chosen_points(evidence)
    trusted = fit_range(read_samples(evidence, points, config), config)
    with pytest.raises(NoSamples, match="rotated"):
        shifts_of(evidence, points, trusted, config, ["rotated"])
    with pytest.raises(UserError, match="'cold'"):
        shifts_of(evidence, points, trusted, config, ["cold"])


def test_ranges_of_a_study_are_checked_on_its_other_partitions(evidence: StudyEvidence) -> None:
    (found,) = fit_all(evidence)
    assert [one.partition for one in found.shifts] == ["hot"]
