from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import polars
import pytest
from made_trust import SAMPLES, blocks_of_errors, write_trust_study

from saibench.analysis.bootstrap import Interval
from saibench.analysis.trusted_range import (
    Quantity,
    Source,
    TooFewBlocks,
    study_ranges,
    trusted_range_of,
)
from saibench.analysis.trusted_range.config import trust_config
from saibench.analysis.trusted_range.held_out import held_out_bounds
from saibench.analysis.trusted_range.of_evidence import chosen_points, fit_range
from saibench.analysis.trusted_range.reading import ErrorSamples, read_samples
from saibench.analysis.trusted_range.sentences import coverage_sentence, width_sentence
from saibench.analysis.trusted_range.stretches import sample_blocks
from saibench.analysis.trusted_range.study_ranges import Found, refusals
from saibench.analysis.trusted_range.validation import validate
from saibench.errors import UserError
from saibench.evidence.autocorrelation import correlation_time
from saibench.evidence.independence import ORDER_COLUMN
from saibench.evidence.reader import StudyEvidence
from saibench.evidence.schema import write_table
from saibench.formatting import number

TRUST = {"trust": {"feature": "distance", "statistic": "force_mae", "tolerance": 60.0}}


@pytest.fixture(scope="module")
def evidence(tmp_path_factory: pytest.TempPathFactory) -> StudyEvidence:
    folder = write_trust_study(tmp_path_factory.mktemp("study"), record=TRUST)
    return StudyEvidence.load(folder)


def test_range_of_a_run_records_its_source(evidence: StudyEvidence) -> None:
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


@pytest.mark.parametrize(
    ("recorded", "used"),
    [(["last_tenth"], ("last_tenth",)), (["last_tenth", "whole_trajectory"], None), ([], None)],
)
def test_partitions_of_the_workload_are_used_if_all_runs_were_tested_on_them(
    tmp_path: Path, recorded: list[str], used: tuple[str, ...] | None
) -> None:
    record = {"trust": {**TRUST["trust"], "partitions": recorded}}
    evidence = StudyEvidence.load(write_trust_study(tmp_path, record=record))
    assert trust_config(evidence).partitions == used
    assert trust_config(evidence, partitions=("other",)).partitions == ("other",)


def test_samples_are_those_of_the_table(evidence: StudyEvidence) -> None:
    samples = read_samples(evidence, chosen_points(evidence, ["far"]), trust_config(evidence))
    rows = evidence.samples.filter(
        (polars.col("point") == samples.source.points[0])
        & ~polars.col("seen_in_training")
        & polars.col("force_mae").is_not_nan()
    )
    np.testing.assert_array_equal(samples.errors, rows["force_mae"])
    np.testing.assert_array_equal(samples.features[:, 0], rows["distance"])


def test_runs_together_share_the_blocks_of_their_frames(evidence: StudyEvidence) -> None:
    config = trust_config(evidence, num_blocks=50)
    together = read_samples(evidence, chosen_points(evidence), config)
    first, second = (together.blocks[together.groups == group] for group in (0, 1))
    np.testing.assert_array_equal(first, second)
    assert len(np.unique(first)) == 50


def test_errors_of_an_axis_take_features_of_samples_and_of_the_axis(
    evidence: StudyEvidence,
) -> None:
    config = trust_config(evidence, statistic="lead/mae", features=["lead", "distance"])
    assert config.tolerance is None, "the recorded tolerance belongs to another statistic"
    samples = read_samples(evidence, chosen_points(evidence, ["near"]), config)
    assert samples.features.shape == (2 * 993, 2)
    by_sample = samples.blocks.reshape(-1, 2)
    np.testing.assert_array_equal(by_sample[:, 0], by_sample[:, 1])
    ratio = samples.errors.reshape(-1, 2)
    np.testing.assert_allclose(ratio[:, 1], 2 * ratio[:, 0], rtol=1e-6)


def test_settings_of_runs_can_be_features(evidence: StudyEvidence) -> None:
    config = trust_config(evidence, features=["window_start"])
    samples = read_samples(evidence, chosen_points(evidence), config)
    assert set(samples.features[:, 0]) == {0.0, 0.1}


def test_means_over_similar_samples_bound_what_is_0_or_1(evidence: StudyEvidence) -> None:
    point = chosen_points(evidence, ["near"])
    single = trust_config(evidence, statistic="right", ideal=1.0, num_blocks=40)
    with pytest.raises(UserError, match="--mean-of"):
        trusted_range_of(evidence, "right", points=["near"])
    config = trust_config(evidence, statistic="right", ideal=1.0, num_blocks=40, mean_of=12)
    samples = read_samples(evidence, point, config)
    assert samples.statistic.title == "|right − 1| (mean of 12)"
    few = read_samples(evidence, point, replace(config, num_blocks=5))
    with pytest.raises(TooFewBlocks, match=r"over 12 similar samples .* 5 independent blocks"):
        fit_range(few, config)
    whole = read_samples(evidence, point, single)
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


def test_similar_independent_samples_are_averaged_and_form_a_block() -> None:
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
    labels = sample_blocks(rows, "error", similar="feature", mean_of=30).labels.reshape(2, 1000)
    np.testing.assert_array_equal(labels[0], labels[1])
    assert set(np.bincount(labels[0])) <= {30, 31} and labels.max() == 32
    mean = features.mean(axis=0)
    edges = [
        (mean[labels[0] == block].min(), mean[labels[0] == block].max()) for block in range(33)
    ]
    assert all(before[1] < after[0] for before, after in pairwise(edges))
    assert len(np.unique(sample_blocks(rows, "error").labels)) == 200


def test_validation_holds_out_runs_with_their_blocks(evidence: StudyEvidence) -> None:
    config = trust_config(evidence)
    validation = validate(read_samples(evidence, chosen_points(evidence), config), 0.9)
    assert "runs" in validation.what
    assert 0 < validation.at_coverage.count < 2 * 992, "far is partly outside near's range"
    alone = validate(read_samples(evidence, chosen_points(evidence, ["near"]), config), 0.9)
    assert alone.at_coverage.low <= alone.max_coverage and alone.at_coverage.high >= 0.9
    assert alone.is_informative and alone.mean_bound < 0.95 * alone.unconditional
    assert [interval.estimate for interval in alone.observed] == sorted(
        interval.estimate for interval in alone.observed
    )


def test_share_of_the_samples_within_the_tolerance(evidence: StudyEvidence) -> None:
    config = trust_config(evidence)
    samples = read_samples(evidence, chosen_points(evidence, ["near"]), config)
    trusted = fit_range(samples, config)
    ((low, high),) = trusted.trusted().intervals
    within = (samples.features[:, 0] >= low) & (samples.features[:, 0] <= high)
    share = Found("", samples, trusted).share_trusted
    assert share is not None
    assert share.estimate == pytest.approx(within.mean(), abs=2e-3)
    assert share.count == 992 and 0 < share.low < share.estimate < share.high < 1
    assert Found("", samples, replace(trusted, tolerance=None)).share_trusted is None


def runs_of(few: int, many: int) -> ErrorSamples:
    """Samples of two runs that share no block."""
    feature, error, blocks = blocks_of_errors(np.random.default_rng(0), few + many, 5)
    return ErrorSamples(
        features=feature[:, None],
        errors=error,
        blocks=blocks,
        groups=(blocks >= few).astype(np.int64),
        runs=(blocks >= few).astype(np.int64),
        quantities=(Quantity("distance"),),
        statistic=Quantity("error"),
        source=Source(points=("few", "many"), partitions=("test",)),
    )


def test_partitions_are_not_held_out() -> None:
    """Errors of the second partition are ten times as large; a fit without it could not know."""
    samples = runs_of(60, 60)
    far = samples.groups == 1
    mixed = replace(
        samples,
        features=samples.features + far[:, None],
        errors=np.where(far, 10, 1) * samples.errors,
        runs=np.zeros_like(samples.runs),
        source=Source(points=("a",), partitions=("near", "far")),
    )
    held = held_out_bounds(mixed, 0.9)
    near, there = (np.median(held.bound[held.inside & part]) for part in (~far, far))
    assert there > 5 * near
    assert np.mean(held.covered()[held.inside & far]) > 0.8
    assert validate(mixed, 0.9).what == "held-out blocks"


def test_only_coverages_that_the_smallest_fit_allows_are_validated() -> None:
    """Without `many`, 24 blocks remain and 16 calibrate; a coverage of 95 % needs 19."""
    found = validate(runs_of(30, 60), 0.9)
    assert found.levels == (0.5, 0.6, 0.7, 0.8, 0.9)
    assert 9 <= found.calibration_blocks <= 16
    assert found.max_coverage == 1.0
    assert replace(found, calibration_blocks=99).max_coverage == pytest.approx(0.92)


def test_bound_is_not_validated_if_no_held_out_sample_is_inside() -> None:
    """Two runs whose features differ: each is outside the range of the other."""
    samples = runs_of(30, 30)
    apart = samples.features + 100 * samples.groups[:, None]
    with pytest.raises(TooFewBlocks, match="distance"):
        validate(replace(samples, features=apart), 0.9)


def test_coverage_above_nominal_is_attributed_to_few_blocks() -> None:
    found = validate(runs_of(30, 60), 0.9)

    def sentence(low: float, high: float, blocks: int = found.calibration_blocks) -> str:
        observed = tuple(Interval(low, (low + high) / 2, high, 90, 450) for _ in found.levels)
        return coverage_sentence(replace(found, observed=observed, calibration_blocks=blocks))

    assert "nominal value" in sentence(0.85, 0.92)
    assert "too low" in sentence(0.8, 0.85)
    assert f"up to {100 * found.max_coverage:.1f} %" in sentence(0.91, 0.95)
    assert "wider than necessary" in sentence(0.95, 0.97, 1000)


def test_refused_runs_are_listed_together() -> None:
    refused = [Found(name, refused=f"{name} has few blocks.") for name in ("a", "b", "c", "d")]
    assert refusals([]) == []
    (one,), (all_four,) = refusals(refused[:1]), refusals(refused)
    assert "a has few blocks." in one
    assert "a; b; c; d" in all_four and all_four.endswith("a has few blocks.")
    same = [Found(name, refused="no blocks.") for name in ("e", "f")]
    first, second = refusals([*refused[:1], *same])
    assert first == one and "e; f" in second and second.endswith("no blocks.")


def test_a_failed_run_is_refused_with_the_others_if_none_has_a_range(tmp_path: Path) -> None:
    study = write_trust_study(tmp_path, ("a", "b", "failed"), num_blocks=2, record=TRUST)
    table = study / "failed" / "samples.parquet"
    rows = polars.read_parquet(table)
    infinite = polars.lit(np.inf, polars.Float64).alias("force_mae")
    write_table(table, rows.with_columns(infinite), SAMPLES)
    found = study_ranges.fit_all(StudyEvidence.load(study))
    *others, failed = [one for one in found if len(one.points) == 1]
    assert len(others) == 2 and "force_mae" in failed.refused
    assert not any(one.trusted or one.refused == failed.refused for one in others)


def test_feature_without_information_does_not_narrow_the_bound(evidence: StudyEvidence) -> None:
    config = trust_config(evidence, features=["chance"])
    validation = validate(read_samples(evidence, chosen_points(evidence, ["near"]), config), 0.9)
    assert not validation.is_informative


def test_width_and_gain_are_of_the_same_samples(evidence: StudyEvidence) -> None:
    config = trust_config(evidence)
    samples = read_samples(evidence, chosen_points(evidence, ["near"]), config)
    found = validate(samples, 0.9)
    assert found.gain.estimate == pytest.approx(1 - found.mean_bound / found.unconditional)
    trusted = fit_range(samples, config)
    sentence = width_sentence(trusted, found)
    for bound in (found.mean_bound, found.unconditional):
        assert f"{number(bound)} meV/Å" in sentence
    wider = replace(found, gain=Interval(-0.06, -0.04, -0.01, 10, 100))
    said = width_sentence(trusted, wider)
    assert "4.0 % [1.0, 6.0] wider" in said and "not significant" not in said
    even = replace(found, gain=Interval(-0.06, -0.04, 0.01, 10, 100))
    assert "not significant" in width_sentence(trusted, even)


def test_the_width_names_features_of_the_bound_alone(evidence: StudyEvidence) -> None:
    config = trust_config(evidence, features=["distance", "chance"])
    samples = read_samples(evidence, chosen_points(evidence, ["near"]), config)
    trusted = fit_range(samples, config)
    assert trusted.chosen == ("distance",)
    sentence = width_sentence(trusted, validate(samples, 0.9))
    assert "without distance it is" in sentence and "chance" not in sentence


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"features": ["distanse"]}, "'distance'"),
        ({"statistic": "force_mea"}, "'force_mae'"),
        ({"statistic": "led/mae"}, "'lead'"),
        ({"partitions": ["last_tent"]}, "'last_tenth'"),
        ({"points": ["nea"]}, "'near'"),
        ({"features": ["distance", "distance"]}, "distance .*twice"),
        ({"features": ["force_mae"]}, "'force_mae' is the error"),
        ({"features": ["outcome"]}, r"'outcome' .*after(?!.*outcome)"),
        ({"features": ["right"]}, "'right' .*after"),
        ({"features": ["seconds_test"]}, r"'seconds_test' .*after(?!.*seconds_t[eo])"),
        ({"features": ["seconds_total"]}, "'seconds_total' .*after"),
        ({"features": ["sample_id"]}, r"'sample_id' is no feature(?!.*sample_id)"),
        ({"statistic": "lead/mae", "features": ["sample_id"]}, "'sample_id' is no feature"),
        ({"features": ["seen_in_training"]}, r"is no feature of \S+: (?!.*seen_in_training)"),
        ({"points": None}, "2 tested runs"),
    ],
)
def test_refusals_name_the_mistake(
    evidence: StudyEvidence, options: dict[str, Any], match: str
) -> None:
    with pytest.raises(UserError, match=match):
        trusted_range_of(evidence, **{"points": ["near"], **options})


def test_too_few_blocks_and_a_missing_statistic_are_refused(
    evidence: StudyEvidence, tmp_path: Path
) -> None:
    with pytest.raises(TooFewBlocks, match=r"992 samples of last_tenth in 12 independent blocks"):
        trusted_range_of(evidence, points=["near"], num_blocks=12)
    bare = StudyEvidence.load(write_trust_study(tmp_path / "bare", ["near"]))
    with pytest.raises(UserError, match="--statistic"):
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


def test_blocks_are_several_correlation_times_long() -> None:
    rng = np.random.default_rng(1)
    slow = np.repeat(rng.standard_normal(60), 50) + rng.normal(0, 0.01, 3000)
    rows = polars.DataFrame(
        {"point": "a", "partition": "b", "sample_id": np.arange(3000)}
    ).with_columns(polars.Series(ORDER_COLUMN, np.arange(3000.0)))
    many = sample_blocks(rows.with_columns(error=rng.standard_normal(3000)), "error").labels
    few = sample_blocks(rows.with_columns(error=slow), "error").labels
    assert len(np.unique(many)) == 200
    assert 10 <= len(np.unique(few)) <= 40


def test_a_range_of_a_run_is_that_of_its_study(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trust = {"feature": "distance", "statistic": "force_mae"}
    study = write_trust_study(tmp_path, ["near"], 30, 4, {"trust": trust})
    folder = next(path.parent for path in study.glob("*/run.json"))
    (alone,) = study_ranges.fit_all(StudyEvidence.load(folder))
    monkeypatch.setattr(study_ranges, "fit_range", None)
    (found,) = study_ranges.fit_all(StudyEvidence.load(study))
    assert found.trusted is alone.trusted and found.validation is alone.validation


def test_page_of_many_runs_has_ranges_of_the_best_and_of_few_others(
    monkeypatch: pytest.MonkeyPatch, evidence: StudyEvidence
) -> None:
    names = [f"{number:03}" for number in range(study_ranges.MAX_RUNS + 1)]
    monkeypatch.setattr(study_ranges, "chosen_points", lambda _: names[:-1])
    assert study_ranges.fitted_points(evidence, ["007"]) == tuple(names[:-1])
    monkeypatch.setattr(study_ranges, "chosen_points", lambda _: names)
    first, *others = study_ranges.fitted_points(evidence, ["007", "009"])
    assert first == "007" and len(others) == study_ranges.FEW_RUNS - 1
    assert others[0] == names[0] and others[-1] == names[-1] and "009" not in others
