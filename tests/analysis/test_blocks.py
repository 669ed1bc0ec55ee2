"""Blocks from the declared independence and from the autocorrelation of the errors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from command_line import saibench
from synthetic_rain_study import PARTITION, MadeRain, by_lead, write_rain_point, write_rain_study

from saibench.analysis.blocks import find_blocks, influence
from saibench.analysis.bootstrap import block_bootstrap
from saibench.analysis.dependence import dependence_warnings
from saibench.analysis.nowcasting.errors import rain_errors
from saibench.analysis.nowcasting.event_means import mean_over_events
from saibench.analysis.nowcasting.relations import event_numbers, relation
from saibench.analysis.nowcasting.skill import error_skill
from saibench.errors import UserError
from saibench.evidence.independence import (
    GROUP_COLUMN,
    STRETCH_COLUMN,
    Independence,
    independence_of,
    marked,
    marked_index,
)
from saibench.evidence.reader import StudyEvidence
from saibench.evidence.schema import Field, read_fields, read_table, write_table
from saibench.figures.nowcasting import mae_distributions
from saibench.findings.nowcasting import claims as nowcasting_findings
from saibench.findings.nowcasting import errors as rain_error_findings
from saibench.formatting import fixed


def overlapping(rng: np.random.Generator, count: int, stride: int) -> np.ndarray:
    """Means over windows of 29 frames of an AR(1) series of mean 0, one every `stride` frames."""
    frames = rng.standard_normal((count - 1) * stride + 29)
    for at in range(1, len(frames)):
        frames[at] += 0.5 * frames[at - 1]
    return np.array([frames[stride * n : stride * n + 29].mean() for n in range(count)])


def of_overlapping(rows: pl.DataFrame) -> pl.DataFrame:
    """The rows of 400 events by lead time, with a MAE that correlates between neighbours."""
    ids = rows["sample_id"].unique().sort()
    smooth = pl.DataFrame(
        {"sample_id": ids, "more": overlapping(np.random.default_rng(5), 400, 10)}
    )
    more = rows.join(smooth, on="sample_id", maintain_order="left")["more"]
    return rows.with_columns(mae=5.0 + 9 * more)


def in_order(samples: pl.DataFrame, times: np.ndarray) -> pl.DataFrame:
    """Samples with a declared time column."""
    timed = samples.with_columns(valid_at=times)
    return marked_index(timed, Independence("time", "valid_at"))


def test_only_a_declared_time_orders_samples() -> None:
    """The name `time` matters only without any declaration, as in version 0.1."""
    slow = np.repeat(np.arange(10.0), 12)
    order = np.random.default_rng(4).permutation(120)
    rows = pl.DataFrame({"sample_id": order, "time": np.arange(120.0)})
    assert find_blocks(rows, slow).kind == "sample"
    undeclared = marked_index(rows, independence_of({}, rows.columns))
    found = find_blocks(undeclared, slow)
    assert found.kind == "time" and found.order.tolist() == list(range(120))
    other = in_order(rows, np.arange(120.0)[::-1])
    assert find_blocks(other, slow).order.tolist() == list(range(120))[::-1]


@pytest.mark.parametrize("timed", [True, False])
def test_intervals_of_overlapping_events_cover_their_mean(timed: bool) -> None:
    """Of 150 series; resampling single events covers in half of them."""
    rng = np.random.default_rng(1)
    hits, single, contradicted = 0, 0, 0
    for _ in range(150):
        errors = overlapping(rng, 120, 4)
        samples = pl.DataFrame({"sample_id": np.arange(120)})
        if timed:
            samples = in_order(samples, np.arange(120) * 4.0)
        found = find_blocks(samples, errors)
        contradicted += found.contradiction is not None
        interval = block_bootstrap(errors, found.labels, num_resamples=400)
        alone = block_bootstrap(errors, np.arange(120), num_resamples=400)
        hits += interval.low <= 0 <= interval.high
        single += alone.low <= 0 <= alone.high
    assert contradicted == (0 if timed else 150)
    assert hits >= 150 * 0.88  # 95 % less the blocks' bias, within three standard errors
    assert single < 150 * 0.75


def test_independent_errors_do_not_contradict_and_are_single() -> None:
    rng = np.random.default_rng(2)
    samples = pl.DataFrame({"sample_id": np.arange(60)})
    found = [find_blocks(samples, rng.gamma(2.0, size=60)) for _ in range(300)]
    assert sum(one.contradiction is not None for one in found) <= 3
    assert found[0].num_blocks == 60 and found[0].piece == 1


def test_declared_groups_are_permuted_as_a_whole() -> None:
    rng = np.random.default_rng(5)
    group = np.repeat(rng.permutation(300), 1 + np.arange(300) % 4)
    declared = pl.DataFrame({"sample_id": np.arange(len(group)), GROUP_COLUMN: group})
    found = find_blocks(declared, rng.standard_normal(300)[group])
    assert found.groups is not None and found.piece == 1 and found.num_blocks == 200
    in_order = found.groups[found.order]
    assert (np.diff(in_order) >= 0).all() and in_order[-1] == 299
    np.testing.assert_array_equal(found.groups == found.groups[7], group == group[7])
    by_sample = find_blocks(declared.drop(GROUP_COLUMN), rng.standard_normal(len(group)))
    assert by_sample.groups is None
    slow = np.convolve(rng.standard_normal(310), np.ones(11), "valid")
    found = find_blocks(
        declared.with_columns(pl.lit(np.sort(group)).alias(GROUP_COLUMN)), slow[np.sort(group)]
    )
    assert found.contradiction is not None and 1 < found.piece <= 300 / found.num_blocks + 1


def test_sorted_classes_are_not_taken_for_autocorrelation_and_are_stratified() -> None:
    rng = np.random.default_rng(3)
    label = np.repeat([1, 0], [90, 60])
    samples = pl.DataFrame({"sample_id": np.arange(150), "label": label})
    declared = marked_index(samples, Independence("sample", strata="label"))
    found = find_blocks(declared, rng.normal(label * 5.0, 1.0))
    assert found.contradiction is None
    plain = find_blocks(samples, rng.normal(label * 5.0, 1.0))
    assert plain.contradiction is not None and plain.contradiction > 0.8
    memory = np.convolve(rng.standard_normal(160), np.ones(11), "valid")
    stretches = find_blocks(declared, memory + 5.0 * label)
    assert stretches.contradiction is not None
    shares = [label[stretches.labels == block].mean() for block in range(stretches.num_blocks)]
    np.testing.assert_allclose(shares, 0.6, atol=0.1)


def test_declared_groups_are_the_blocks_and_overrule_time() -> None:
    series = np.repeat(["c", "a", "b"], 8)
    samples = pl.DataFrame({"sample_id": np.arange(24), "series": series, "time": np.arange(24.0)})
    found = find_blocks(marked_index(samples, Independence("group", "series")), np.arange(24.0) % 3)
    assert found.kind == "group" and found.num_blocks == 3
    assert all(len(np.unique(series[found.labels == one])) == 1 for one in range(3))
    single = find_blocks(marked_index(samples, Independence()), np.arange(24.0) % 3)
    assert single.kind == "sample" and single.num_blocks == 24


def test_declaration_is_recorded_and_refused_if_it_does_not_fit() -> None:
    declared = Independence("group", "series")
    columns = ["sample_id", "series", "time"]
    assert independence_of({"blocks": declared.to_json()}, columns) == declared
    assert independence_of({}, columns) == Independence("time", "time")
    with pytest.raises(UserError, match="series"):
        independence_of({"blocks": declared.to_json()}, ["sample_id"])
    with pytest.raises(UserError, match="month"):
        Independence("month", "time")
    rows = pl.DataFrame({"point": ["a", "b"], "sample_id": [1, 1], "series": [7, 8]})
    both = marked(rows, {"a": declared, "b": Independence()})
    assert both[GROUP_COLUMN].to_list() == ["7", None]


def test_influence_is_the_derivative_of_a_function_of_means() -> None:
    values = np.random.default_rng(4).gamma(3.0, size=(50, 2))
    found = influence(lambda means: means[:, 0] / means[:, 1], values)
    first, second = values.mean(axis=0)
    expected = (values[:, 0] - first) / second - first / second**2 * (values[:, 1] - second)
    np.testing.assert_allclose(found, expected, atol=0.03)


def test_commands_warn_of_correlated_neighbours(tmp_path: Path) -> None:
    made = MadeRain()
    rows = by_lead(made, 400, PARTITION)
    warnings = {}
    for name, own in (("alone", rows), ("overlapping", of_overlapping(rows))):
        write_rain_point(
            tmp_path / name / "point", made, own, {"trace": {"response": ["lead/mae"]}}
        )
        warnings[name] = dependence_warnings(StudyEvidence.load(tmp_path / name))
    assert warnings["alone"] == []
    assert "MAE of nowcastnet" in warnings["overlapping"][0]
    for name, expected in warnings.items():
        of_errors = "lead/mae", "--feature", "mean_intensity"
        for command, option in (("trace", "--response"), ("trust", "--statistic")):
            ended = saibench(tmp_path, command, name, option, *of_errors)
            assert (ended.status, ended.err.splitlines()) == (0, expected), command


def test_declared_series_of_events_reach_findings_and_captions(tmp_path: Path) -> None:
    """Twelve series of five events, compared with a plain bootstrap of series."""
    made = [MadeRain("persistence"), MadeRain("nowcastnet")]
    declared = Independence("group", "series").to_json()
    write_rain_study(tmp_path, made, record={"blocks": declared})
    for path in tmp_path.glob("*/samples.parquet"):
        fields = [*read_fields(path), Field("series", "int64", role="feature")]
        series = (pl.col("sample_id") - 100) // 5
        write_table(path, read_table(path).with_columns(series=series), fields)
    evidence = StudyEvidence.load(tmp_path)
    errors = rain_errors(evidence)
    net, persistence = errors.models
    means = [errors.at(one, "mae", 60).reshape(12, 5).mean(axis=1) for one in (net, persistence)]
    drawn = np.random.default_rng(9).integers(0, 12, (20_000, 12))
    skills = 1 - means[0][drawn].mean(axis=1) / means[1][drawn].mean(axis=1)
    skill = error_skill(errors, net, persistence, "mae", 60)
    assert skill.num_blocks == 12
    low, high = np.quantile(skills, [0.025, 0.975])
    assert high - low < skill.high - skill.low < 1.5 * (high - low)  # t of 11 for the normal
    rows = mae_distributions.table(evidence).filter(model="nowcastnet", statistic="mae", lead=60)
    mean = mean_over_events(errors.at(net, "mae", 60), errors.samples)
    assert (rows["low"][0], rows["high"][0], mean.num_blocks) == (mean.low, mean.high, 12)
    assert "12 of them" in mae_distributions.caption(evidence)
    numbers = {one.claim: one.numbers for one in nowcasting_findings.findings(evidence)}
    assert fixed(mean) in numbers[rain_error_findings.LOWER_MAE]
    rho = relation(event_numbers(errors, net), "observed_rate", "mae", errors.samples).rho
    assert rho.num_blocks == 12


def test_all_numbers_of_the_same_samples_share_one_decision(tmp_path: Path) -> None:
    """The displacement, which is not autocorrelated, has the blocks of the MAE, which is."""
    made = MadeRain()
    rows = by_lead(made, 400, PARTITION)
    record = {"trace": {"response": ["lead/mae"]}}
    write_rain_point(tmp_path / "one", made, of_overlapping(rows), record)
    evidence = StudyEvidence.load(tmp_path)
    errors = rain_errors(evidence)
    (decided,) = (one.dependence for one in evidence.dependence)
    assert decided.statistic == "lead/mae" and decided.num_blocks < 200
    found = {
        mean_over_events(errors.at(errors.models[0], name, lead), errors.samples).num_blocks
        for name in ("mae", "displacement", "observed_rate")
        for lead in (60, 120)
    }
    assert found == {decided.num_blocks}


def test_much_longer_or_shorter_correlation_times_have_their_own_stretches() -> None:
    rng = np.random.default_rng(6)
    samples = in_order(pl.DataFrame({"sample_id": np.arange(600)}), np.arange(600.0))
    decided = samples.with_columns(
        pl.Series(STRETCH_COLUMN, [f"0:{n:03d}" for n in np.arange(600) // 10])
    )
    slow = np.convolve(rng.standard_normal(699), np.ones(100), "valid")
    assert find_blocks(decided, slow).num_blocks < 10
    white = rng.standard_normal(600)
    assert find_blocks(decided, white).num_blocks == 60
    few = samples.with_columns(
        pl.Series(STRETCH_COLUMN, [f"0:{n:03d}" for n in np.arange(600) // 150])
    )
    assert find_blocks(few, white).num_blocks > 100
    assert find_blocks(few[:80], white[:80]).num_blocks == 1
    of_two = [f"0:{n // 150:03d} 0:{n // 40:03d}" for n in range(600)]
    found = find_blocks(samples.with_columns(pl.Series(STRETCH_COLUMN, of_two))[:80], white[:80])
    assert found.num_blocks == 2


def test_too_few_blocks_and_constant_values_have_no_interval() -> None:
    values = np.r_[np.zeros(40), np.ones(40)]
    for number in (2, 3):
        found = block_bootstrap(values, np.arange(80) * number // 80)
        assert np.isnan(found.low) == np.isnan(found.high) == (number == 2)
    equal = block_bootstrap(np.full(11, 0.3), np.arange(11))
    assert equal.estimate == pytest.approx(0.3) and np.isnan([equal.low, equal.high]).all()
