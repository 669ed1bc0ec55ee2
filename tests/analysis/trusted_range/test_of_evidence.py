from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import polars
import pytest
from made_trust import blocks_of_errors, write_trust_study

from saibench.analysis.bootstrap import Interval
from saibench.analysis.trusted_range import Quantity, Source, TooFewBlocks, trusted_range_of
from saibench.analysis.trusted_range.of_evidence import (
    chosen_points,
    fitted,
    read,
    share_within_tolerance,
    wanted,
)
from saibench.analysis.trusted_range.reading import Measured
from saibench.analysis.trusted_range.sentences import coverage_sentence, width_sentence
from saibench.analysis.trusted_range.stretches import block_labels
from saibench.analysis.trusted_range.study_ranges import Found, refusals
from saibench.analysis.trusted_range.validation import validate
from saibench.errors import UserError
from saibench.evidence.autocorrelation import correlation_time
from saibench.evidence.independence import ORDER_COLUMN
from saibench.evidence.reader import StudyEvidence
from saibench.formatting import number

TRUST = {"trust": {"feature": "distance", "statistic": "force_mae", "tolerance": 60.0}}


@pytest.fixture(scope="module")
def evidence(tmp_path_factory: pytest.TempPathFactory) -> StudyEvidence:
    folder = write_trust_study(tmp_path_factory.mktemp("study"), record=TRUST)
    return StudyEvidence.load(folder)


def test_range_of_a_point_tells_where_it_comes_from(evidence: StudyEvidence) -> None:
    trusted = trusted_range_of(evidence, points=["near"])
    assert (trusted.statistic.name, trusted.statistic.unit) == ("force_mae", "meV/Å")
    assert (trusted.features[0].name, trusted.features[0].unit) == ("distance", "Å")
    assert trusted.tolerance == 60.0
    assert trusted.source.points == tuple(chosen_points(evidence, ["near"]))
    assert trusted.source.partitions == ("last_tenth",)
    assert (trusted.source.seen_in_training, trusted.source.undefined) == (7, 1)
    assert trusted.counts.samples == 992
    upper = trusted.check(np.array([[0.2], [0.5], [0.9]])).upper
    assert (np.diff(upper) > 0).all()


def test_samples_are_those_of_the_table(evidence: StudyEvidence) -> None:
    samples = read(evidence, chosen_points(evidence, ["far"]), wanted(evidence))
    rows = evidence.samples.filter(
        (polars.col("point") == samples.source.points[0])
        & ~polars.col("seen_in_training")
        & polars.col("force_mae").is_not_nan()
    )
    np.testing.assert_array_equal(samples.errors, rows["force_mae"])
    np.testing.assert_array_equal(samples.features[:, 0], rows["distance"])


def test_points_together_share_the_blocks_of_their_frames(evidence: StudyEvidence) -> None:
    asked = wanted(evidence, num_blocks=50)
    together = read(evidence, chosen_points(evidence), asked)
    assert together.group_names == ("near", "far") or together.group_names == ("far", "near")
    first, second = (together.blocks[together.groups == group] for group in (0, 1))
    np.testing.assert_array_equal(first, second)
    assert len(np.unique(first)) == 50


def test_errors_of_an_axis_take_features_of_samples_and_of_the_axis(
    evidence: StudyEvidence,
) -> None:
    asked = wanted(evidence, statistic="lead/mae", features=["lead", "distance"])
    assert asked.tolerance is None, "the recorded tolerance is of another statistic"
    samples = read(evidence, chosen_points(evidence, ["near"]), asked)
    assert samples.features.shape == (2 * 993, 2)
    by_sample = samples.blocks.reshape(-1, 2)
    np.testing.assert_array_equal(by_sample[:, 0], by_sample[:, 1])
    ratio = samples.errors.reshape(-1, 2)
    np.testing.assert_allclose(ratio[:, 1], 2 * ratio[:, 0], rtol=1e-6)


def test_settings_of_points_are_features_too(evidence: StudyEvidence) -> None:
    asked = wanted(evidence, features=["window_start"])
    samples = read(evidence, chosen_points(evidence), asked)
    assert set(samples.features[:, 0]) == {0.0, 0.1}


def test_means_over_like_samples_bound_what_is_0_or_1(evidence: StudyEvidence) -> None:
    point = chosen_points(evidence, ["near"])
    single = wanted(evidence, statistic="right", ideal=1.0, num_blocks=40)
    with pytest.raises(UserError, match="each error is 0 or 1"):
        trusted_range_of(evidence, "right", points=["near"])
    asked = wanted(evidence, statistic="right", ideal=1.0, num_blocks=40, mean_of=12)
    samples = read(evidence, point, asked)
    assert samples.statistic.title == "|right − 1| (mean of 12)"
    whole = read(evidence, point, single)
    assert len(samples.errors) == sum(
        max(1, int(count) // 12) for count in np.bincount(whole.blocks)
    )
    for block in (0, 39):
        mine = whole.blocks == block
        order = np.argsort(whole.features[mine, 0], kind="stable")
        pieces = np.array_split(whole.errors[mine][order], max(1, mine.sum() // 12))
        np.testing.assert_allclose(
            samples.errors[samples.blocks == block], [piece.mean() for piece in pieces]
        )


def test_independent_samples_that_are_alike_are_averaged_and_make_up_a_block() -> None:
    rng = np.random.default_rng(0)
    features = rng.normal(0, 1, (2, 1000))
    rows = polars.DataFrame(
        {
            "point": np.repeat(["one", "other"], 1000),
            "sample_id": np.tile(rng.permutation(1000), 2),
            "feature": features.ravel(),
            "error": np.zeros(2000),
        }
    )
    labels = block_labels(rows, "error", None, "feature", mean_of=30).reshape(2, 1000)
    np.testing.assert_array_equal(labels[0], labels[1])
    assert set(np.bincount(labels[0])) <= {30, 31} and labels.max() == 32
    mean = features.mean(axis=0)
    edges = [
        (mean[labels[0] == block].min(), mean[labels[0] == block].max()) for block in range(33)
    ]
    assert all(before[1] < after[0] for before, after in pairwise(edges))
    assert len(np.unique(block_labels(rows, "error", None))) == 200


def test_validation_leaves_out_points_with_their_blocks(evidence: StudyEvidence) -> None:
    asked = wanted(evidence)
    validation = validate(read(evidence, chosen_points(evidence), asked), 0.9)
    assert {left.name for left in validation.left_out} == {"near", "far"}
    assert all(left.samples == 992 for left in validation.left_out)
    assert all(left.inside < 992 for left in validation.left_out), "far lies beyond near's range"
    alone = validate(read(evidence, chosen_points(evidence, ["near"]), asked), 0.9)
    assert alone.at_coverage.low <= alone.at_most and alone.at_coverage.high >= 0.9
    assert alone.is_informative and alone.mean_bound < 0.95 * alone.unconditional
    assert [interval.estimate for interval in alone.observed] == sorted(
        interval.estimate for interval in alone.observed
    )


def test_share_of_the_samples_that_a_range_holds_is_counted(evidence: StudyEvidence) -> None:
    asked = wanted(evidence)
    samples = read(evidence, chosen_points(evidence, ["near"]), asked)
    trusted = fitted(samples, asked)
    ((low, high),) = trusted.trusted().intervals
    within = (samples.features[:, 0] >= low) & (samples.features[:, 0] <= high)
    share = share_within_tolerance(trusted, samples)
    assert share.estimate == pytest.approx(within.mean(), abs=2e-3)
    assert share.count == 992 and 0 < share.low < share.estimate < share.high < 1
    with pytest.raises(ValueError, match="tolerance"):
        share_within_tolerance(replace(trusted, tolerance=None), samples)


def partitions_of(few: int, many: int) -> Measured:
    """Samples of a point on two partitions that share no block."""
    feature, error, blocks = blocks_of_errors(np.random.default_rng(0), few + many, 5)
    return Measured(
        features=feature[:, None],
        errors=error,
        blocks=blocks,
        groups=(blocks >= few).astype(np.int64),
        group_names=("few", "many"),
        quantities=(Quantity("distance"),),
        statistic=Quantity("error"),
        source=Source(points=("a",), partitions=("few", "many")),
    )


def test_coverages_are_validated_that_the_smallest_fit_holds() -> None:
    """Without `many`, 24 blocks are left: 16 calibrate, fewer than the 19 that 95 % take."""
    found = validate(partitions_of(30, 60), 0.9)
    assert found.levels == (0.5, 0.6, 0.7, 0.8, 0.9)
    assert 9 <= found.calibration_blocks <= 16
    assert found.at_most == 1.0
    assert replace(found, calibration_blocks=99).at_most == pytest.approx(0.92)


def test_coverage_above_nominal_is_told_from_what_few_blocks_take() -> None:
    found = validate(partitions_of(30, 60), 0.9)

    def told(low: float, high: float) -> str:
        seen = tuple(Interval(low, (low + high) / 2, high, 90, 450) for _ in found.levels)
        return coverage_sentence(replace(found, observed=seen))

    assert told(0.85, 0.92).endswith("the interval holds the nominal value.")
    assert "too low" in told(0.8, 0.85)
    assert f"up to {100 * found.at_most:.1f} %" in told(0.91, 0.95)
    alike = replace(found, calibration_blocks=1000)
    seen = tuple(Interval(0.95, 0.96, 0.97, 90, 450) for _ in found.levels)
    assert "wider than it need be" in coverage_sentence(replace(alike, observed=seen))


def test_refused_points_are_told_together() -> None:
    refused = [Found(name, refused=f"{name} has few blocks.") for name in ("a", "b", "c")]
    assert refusals([]) == []
    assert refusals(refused[:1]) == ["a is refused: a has few blocks."]
    assert refusals(refused) == ["3 points are refused (a; b; c); the first: a has few blocks."]


def test_feature_without_information_is_told(evidence: StudyEvidence) -> None:
    asked = wanted(evidence, features=["chance"])
    validation = validate(read(evidence, chosen_points(evidence, ["near"]), asked), 0.9)
    assert not validation.is_informative


def test_width_and_gain_are_of_the_same_samples(evidence: StudyEvidence) -> None:
    asked = wanted(evidence)
    samples = read(evidence, chosen_points(evidence, ["near"]), asked)
    found = validate(samples, 0.9)
    assert found.gain.estimate == pytest.approx(1 - found.mean_bound / found.unconditional)
    told = width_sentence(fitted(samples, asked), found)
    for bound in (found.mean_bound, found.unconditional):
        assert f"{number(bound)} meV/Å" in told


def test_refusals_name_what_would_work(evidence: StudyEvidence, tmp_path: Path) -> None:
    with pytest.raises(TooFewBlocks, match=r"992 samples of last_tenth in 12 independent blocks"):
        trusted_range_of(evidence, points=["near"], num_blocks=12)
    for options, match in (
        ({"features": ["distanse"]}, "did you mean 'distance'"),
        ({"statistic": "force_mea"}, "did you mean 'force_mae'"),
        ({"statistic": "led/mae"}, "did you mean 'lead'"),
        ({"partitions": ["last_tent"]}, "did you mean 'last_tenth'"),
        ({"points": ["nea"]}, "did you mean 'near'"),
        ({"features": ["distance", "distance"]}, "feature distance is named twice"),
        ({"features": ["force_mae"]}, "is the error that is to be bounded"),
        ({"features": ["outcome"]}, r"'outcome' is known only after(?!.*outcome)"),
        ({"features": ["right"]}, "'right' is known only after"),
        ({"features": ["seconds_test"]}, r"'seconds_test' is known only after(?!.*seconds_t[eo])"),
        ({"features": ["seconds_total"]}, "'seconds_total' is known only after"),
        ({"features": ["sample_id"]}, r"'sample_id' is no feature of \S+: (?!.*sample_id)"),
        ({"statistic": "lead/mae", "features": ["sample_id"]}, "'sample_id' is no feature of"),
        ({"features": ["seen_in_training"]}, r"is no feature of \S+: (?!.*seen_in_training)"),
    ):
        with pytest.raises(UserError, match=match):
            trusted_range_of(evidence, **{"points": ["near"], **options})
    with pytest.raises(UserError, match="2 tested points"):
        trusted_range_of(evidence)
    bare = StudyEvidence.load(write_trust_study(tmp_path / "bare", ["near"]))
    with pytest.raises(UserError, match="--statistic would give one"):
        trusted_range_of(bare)


@pytest.mark.parametrize(("memory", "expected"), [(0.0, 1.0), (0.8, 4.5), (0.95, 19.5)])
def test_correlation_time_is_that_of_the_series(memory: float, expected: float) -> None:
    rng = np.random.default_rng(0)
    noise = rng.standard_normal((40_000, 4))
    series = np.empty_like(noise)
    series[0] = noise[0]
    for step in range(1, len(noise)):
        series[step] = memory * series[step - 1] + np.sqrt(1 - memory**2) * noise[step]
    assert correlation_time(list(series.T)) == pytest.approx(expected, rel=0.12)


def test_stretches_are_as_long_as_the_memory_asks() -> None:
    rng = np.random.default_rng(1)
    slow = np.repeat(rng.standard_normal(60), 50) + rng.normal(0, 0.01, 3000)
    rows = polars.DataFrame(
        {"point": "a", "partition": "b", "sample_id": np.arange(3000)}
    ).with_columns(polars.Series(ORDER_COLUMN, np.arange(3000.0)))
    many = block_labels(rows.with_columns(error=rng.standard_normal(3000)), "error", None)
    few = block_labels(rows.with_columns(error=slow), "error", None)
    assert len(np.unique(many)) == 200
    assert 10 <= len(np.unique(few)) <= 40
