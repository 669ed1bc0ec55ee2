"""Which samples are trusted, against the range itself and counts by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars
import pytest
from made_trust import PARTITION, write_trust_study

from saibench.analysis.trusted_range import TrustedRange
from saibench.analysis.trusted_range.checked import Checked, check_evidence, checked_sentence
from saibench.analysis.trusted_range.of_evidence import trusted_range_of
from saibench.errors import UserError
from saibench.evidence.reader import StudyEvidence
from saibench.evidence.schema import read_fields, read_table, write_table


@pytest.fixture(scope="module")
def evidence(tmp_path_factory: pytest.TempPathFactory) -> StudyEvidence:
    return StudyEvidence.load(write_trust_study(tmp_path_factory.mktemp("checked"), ["near"]))


@pytest.fixture(scope="module")
def trusted(evidence: StudyEvidence) -> TrustedRange:
    return trusted_range_of(evidence, "force_mae", ["distance"])


def test_each_sample_is_checked_against_the_range(
    evidence: StudyEvidence, trusted: TrustedRange
) -> None:
    tolerance = float(np.median(trusted.check(evidence.samples["distance"].to_numpy()).upper))
    (found,) = check_evidence(evidence, trusted, tolerance=tolerance)

    samples = evidence.samples.sort("sample_id")
    check = trusted.check(samples["distance"].to_numpy())
    good = check.inside & (check.upper <= tolerance)
    rows = found.samples.sort("sample_id")
    assert found.partition == PARTITION
    np.testing.assert_array_equal(rows["trusted"], good)
    np.testing.assert_allclose(rows["bound"], check.upper)
    np.testing.assert_allclose(rows["error"], samples["force_mae"])
    assert 0.2 < good.mean() < 0.8
    known = np.isfinite(samples["force_mae"].to_numpy())  # one error is undefined
    assert found.trusted.estimate == pytest.approx(good[known].mean())
    errors, good = samples["force_mae"].to_numpy()[known], good[known]
    assert found.error_if_trusted is not None and found.error_if_not is not None
    assert found.error_if_trusted.estimate == pytest.approx(errors[good].mean())
    assert found.error_if_not.estimate == pytest.approx(errors[~good].mean())
    assert found.error_if_trusted.high < found.error_if_not.low


def test_without_a_tolerance_all_inside_are_trusted(
    evidence: StudyEvidence, trusted: TrustedRange
) -> None:
    (found,) = check_evidence(evidence, trusted)
    assert found.samples["trusted"].equals(found.samples["inside"])


def test_sentence_counts_the_trusted_samples(
    evidence: StudyEvidence, trusted: TrustedRange
) -> None:
    (found,) = check_evidence(evidence, trusted, tolerance=1e-9)
    text = checked_sentence(found, trusted, 1e-9)
    assert text.startswith(f"{PARTITION}: 0.0 % [0.0, ")
    assert " of 999 samples " in text, "one of 1,000 has no error"
    assert "the others'" in text and "their mean" not in text


def test_an_axis_has_a_row_a_position(evidence: StudyEvidence) -> None:
    by_lead = trusted_range_of(evidence, "lead/mae", ["distance", "lead"])
    (found,) = check_evidence(evidence, by_lead)
    rows = evidence.table("by_lead")
    assert found.samples.height == rows.height
    assert found.samples["lead"].n_unique() == rows["lead"].n_unique() > 1


def test_evidence_without_the_feature_is_refused(evidence: StudyEvidence) -> None:
    other = TrustedRange.fit(
        np.linspace(0, 1, 100),
        np.ones(100),
        np.arange(100) // 2,
        names=["size"],
        statistic="force_mae",
    )
    with pytest.raises(UserError, match="'size'"):
        check_evidence(evidence, other)


def test_samples_with_an_undefined_feature_are_unknown(
    tmp_path: Path, evidence: StudyEvidence, trusted: TrustedRange
) -> None:
    folder = write_trust_study(tmp_path, ["near"])
    path = folder / "near" / "samples.parquet"
    samples, fields = read_table(path), read_fields(path)

    def checked(undefined: int) -> Checked:
        number = polars.int_range(polars.len())
        distance = polars.when(number >= undefined).then("distance")
        write_table(path, samples.with_columns(distance.alias("distance")), fields)
        (found,) = check_evidence(StudyEvidence.load(folder), trusted, tolerance=1e9)
        return found

    some = checked(300)
    (whole,) = check_evidence(evidence, trusted, tolerance=1e9)
    assert some.unknown == 300 and whole.unknown == 0
    rows = whole.samples.sort("sample_id")[300:].drop_nulls("error")
    assert some.trusted is not None and some.trusted.count == rows.height == 700
    assert some.trusted.estimate == pytest.approx(rows["trusted"].mean())
    assert some.samples["trusted"].null_count() == 300
    none = checked(1000)
    assert none.trusted is None and none.error_if_trusted is None
    text = checked_sentence(none, trusted, 1e9)
    assert "1,000 samples" in text and "%" not in text
