"""Local and global parts of the error, for pairs of models whose parts are known."""

from __future__ import annotations

from dataclasses import astuple
from pathlib import Path

import numpy as np
import polars
import pytest
from made_traces import AMPLITUDE, BIAS, CORNERS, MadePoint, ar1, write_traced_study

from saibench.analysis import setting_axes
from saibench.analysis import two_axes as analysis
from saibench.analysis.seeds import with_seeds
from saibench.analysis.two_axes import TwoAxes, changes, two_axes
from saibench.errors import UserError
from saibench.evidence.reader import StudyEvidence
from saibench.figures import local_and_global
from saibench.figures.style import svg
from saibench.findings.two_axes import sentences, statements

COUNT, BLOCKS = 960, np.repeat(np.arange(48), 20)


def pair(
    seed: int, amplitude: float, bias: float, share: float, memory: float = 0.3
) -> tuple[np.ndarray, np.ndarray]:
    """Errors with `amplitude` times the scale and a bias in part of the time, and plain errors."""
    rng = np.random.default_rng(seed)
    better = ar1(rng, COUNT, memory)
    worse = amplitude * ar1(rng, COUNT, memory)
    start = int(rng.integers(0, COUNT * (1 - share)))
    worse[start : start + int(share * COUNT)] += bias
    return worse, better


def truth(amplitude: float, bias: float, share: float) -> float:
    """Local fraction of the change of the mean square: the bias over bias and amplitude."""
    return share * bias**2 / (share * bias**2 + amplitude**2 - 1)


@pytest.mark.parametrize(
    ("amplitude", "bias", "share"), [(1.5, 0.0, 0.1), (1.0, 3.0, 0.1), (1.4, 3.0, 0.1)]
)
def test_parts_are_those_of_the_construction(amplitude: float, bias: float, share: float) -> None:
    expected, found, covered = truth(amplitude, bias, share), [], []
    for seed in range(24):
        (change,), _ = changes([[pair(seed, amplitude, bias, share)]], BLOCKS, BLOCKS)
        found.append((change.local.estimate, change.amplitude.estimate, change.signed.estimate))
        covered.append(change.local.low <= expected <= change.local.high)
        assert change.local.estimate + change.global_share.estimate == pytest.approx(1.0)
    local, scale, signed = np.mean(found, axis=0)
    assert local == pytest.approx(expected, abs=0.1)
    assert scale == pytest.approx(amplitude, abs=0.08)
    assert signed == pytest.approx(expected, abs=0.1), "the local part is bias of one sign"
    assert np.mean(covered) >= 0.85


def test_formula_on_numbers_by_hand() -> None:
    """Two regions of two samples: errors are ±2 and 4 for the worse model, ±1 for the better."""
    worse, better = np.array([2.0, -2.0, 4.0, 4.0]), np.array([1.0, -1.0, 1.0, -1.0])
    regions = np.array([0, 0, 1, 1])
    (change,), _ = changes([[(worse, better)]], regions, regions)
    squared = np.sqrt(4 * 16)  # mean of the logarithms of the regions' ratios
    assert change.amplitude.estimate == pytest.approx(np.sqrt(squared))
    assert change.mean_square.estimate == pytest.approx((8 + 32 - 4) / 4)
    assert change.local.estimate == pytest.approx((8 + 32 - squared * 4) / 36)
    assert change.signed.estimate == pytest.approx((0 + 8**2 / 2 - 0) / 36)


def test_local_and_global_axis_are_distinguished() -> None:
    local, whole = pair(1, 1.0, 4.0, 0.15), pair(2, 1.6, 0.0, 0.1)
    found, apart = changes([[local], [whole]], BLOCKS, BLOCKS)
    assert found[0].local.low > 0.5 > found[1].local.high
    assert apart.low > 0
    difference = found[0].local.estimate - found[1].local.estimate
    assert apart.estimate == pytest.approx(difference)


def test_regions_of_a_feature_are_not_the_resampled_blocks() -> None:
    """Independent samples, errors larger in a fifth of the feature alone."""
    rng = np.random.default_rng(6)
    feature = rng.uniform(0, 1, 2000)
    better, worse = rng.standard_normal((2, 2000))
    worse[feature > 0.8] *= 2.5
    regions = np.floor(20 * feature).astype(int)
    (change,), _ = changes([[(worse, better)]], regions, np.arange(2000) // 10)
    assert change.local.low > 0.7
    assert abs(change.signed.estimate) < 0.1, "scatter, not bias"


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> StudyEvidence:
    return StudyEvidence.load(write_traced_study(tmp_path_factory.mktemp("study")))


def trainings(found: TwoAxes) -> list[int | None]:
    return [one.trainings for one in statements(found)]


def test_study_with_two_settings_is_split(study: StudyEvidence) -> None:
    found = two_axes(study, "energy_error", "time", ("window", "subset.count"))
    assert tuple(axis.levels for axis in found.axes) == (
        (("window 0–30 %", "window 0–90 %"),),
        (("subset.count 200", "subset.count 1000"),),
    )
    window, size = found.changes
    assert window.local.low > 0.5 and window.is_change
    assert size.global_share.low > 0.5
    assert size.amplitude.low <= AMPLITUDE <= size.amplitude.high
    added = BIAS**2 * 60 / 396  # four frames were trained on
    assert window.mean_square.low <= added <= window.mean_square.high
    assert [one.verdict for one in statements(found)] == ["supported"] * 3
    assert all(one.single for one in statements(found)), "every setting has a single seed"
    text = " ".join(sentences(found))
    for part in ("one seed", "396 samples", "errors by window are local: supported"):
        assert part in text


def test_unsigned_error_has_no_bias(study: StudyEvidence) -> None:
    found = two_axes(study, "force_mae", "time", ("window", "subset.count"))
    assert not found.is_signed
    assert "bias" not in " ".join(sentences(found))


def test_seeds_are_combined_in_all_pairs(tmp_path: Path) -> None:
    points = [*CORNERS, MadePoint(0.3, 1000, seed=1)]
    evidence = StudyEvidence.load(write_traced_study(tmp_path / "study", points))
    found = two_axes(evidence, "energy_error", "time", ("window", "subset.count"))
    assert [len(axis.pairs) for axis in found.axes] == [2, 1]
    assert trainings(found) == [1, 1, 1]


def test_intervals_hold_the_variance_between_seeds() -> None:
    """Two worse and two better nets: the seeds' means by numpy, the rule of `with_seeds`."""
    worse, better = zip(pair(3, 1.5, 0.0, 0.1), pair(4, 1.9, 0.0, 0.1), strict=True)
    pairs = [(w, b) for w in worse for b in better]
    of_worse = [[np.array([2, 2, 0, 0])], [np.array([0, 0, 2, 2])]]
    of_better = [[np.array([2, 0, 2, 0])], [np.array([0, 2, 0, 2])]]
    (alone,), _ = changes([pairs], BLOCKS, BLOCKS)
    (found,), _ = changes([pairs], BLOCKS, BLOCKS, [of_worse, of_better])
    assert (alone.trainings, found.trainings) == (None, 2)
    squares = [np.mean(np.square(errors), axis=1) for errors in (worse, better)]
    means = [squares[0] - squares[1].mean(), squares[0].mean() - squares[1]]
    expected = with_seeds(alone.mean_square, [one.tolist() for one in means])
    assert found.mean_square.low == pytest.approx(expected.low)
    assert found.mean_square.high == pytest.approx(expected.high)
    assert expected.high - expected.low > 1.5 * (alone.mean_square.high - alone.mean_square.low)
    (single,), _ = changes([pairs], BLOCKS, BLOCKS, [of_worse[:1], of_better])
    assert single.trainings == 1 and single.mean_square == alone.mean_square


def test_settings_with_several_seeds_each_are_decided(tmp_path: Path) -> None:
    points = [MadePoint(one.size, one.count, seed) for one in CORNERS for seed in range(3)]
    evidence = StudyEvidence.load(write_traced_study(tmp_path / "study", points))
    found = two_axes(evidence, "energy_error", "time", ("window", "subset.count"))
    assert trainings(found) == [3, 3, 3] and found.more_local.seeds == 3
    assert not any(one.single for one in statements(found))
    window, size = found.changes
    assert window.local.low > 0.5
    assert size.amplitude.low <= AMPLITUDE <= size.amplitude.high


def test_of_many_pairs_those_of_the_first_seeds_are_compared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(setting_axes, "MAX_PAIRS", 4)
    points = [MadePoint(one.size, one.count, seed) for one in CORNERS for seed in range(3)]
    evidence = StudyEvidence.load(write_traced_study(tmp_path / "study", points))
    found = two_axes(evidence, "energy_error", "time", ("window", "subset.count"))
    seeds = {point: record["settings"]["seed"] for point, record in evidence.records.items()}
    for axis in found.axes:
        of_pairs = [tuple(seeds[point] for point in pair) for pair in axis.pairs]
        assert sorted(of_pairs) == [(0, 0), (0, 1), (1, 0), (1, 1)]
        assert len(axis.levels) == 4
    assert found.num_omitted == 2 * (9 - 4)
    assert trainings(found) == [2, 2, 2]
    assert "10 further pairs" in local_and_global.caption(evidence)


def test_parts_of_the_resamplings_give_the_same_intervals(monkeypatch: pytest.MonkeyPatch) -> None:
    pairs = [[pair(1, 1.0, 4.0, 0.15)], [pair(2, 1.6, 0.0, 0.1)]]
    whole, apart = changes(pairs, BLOCKS, BLOCKS)
    monkeypatch.setattr(analysis, "CHUNK", 1000)
    in_parts, apart_in_parts = changes(pairs, BLOCKS, BLOCKS)
    assert astuple(apart_in_parts) == pytest.approx(astuple(apart), rel=1e-9)
    for one, other in zip(whole, in_parts, strict=True):
        assert astuple(other.local) == pytest.approx(astuple(one.local), rel=1e-9)
        assert astuple(other.amplitude) == pytest.approx(astuple(one.amplitude), rel=1e-9)


def test_untrained_models_need_no_seeds(tmp_path: Path) -> None:
    folder = write_traced_study(tmp_path / "study", record={"steps": 0})
    found = two_axes(StudyEvidence.load(folder), "energy_error", "time", ("window", "subset.count"))
    assert trainings(found) == [None, None, None]
    assert [one.verdict for one in statements(found)] == ["supported"] * 3


@pytest.mark.parametrize(
    ("points", "across", "message"),
    [
        (CORNERS[:2], (), "window alone"),
        (CORNERS[1:], (), "subset.count alone"),
        (CORNERS[:1], (), "no setting alone"),
        (CORNERS[:2], ("window", "subset.count"), "differ in subset.count"),
        (CORNERS, ("window", "subset.counts"), "'subset.count'"),
    ],
)
def test_missing_settings_are_reported(
    tmp_path: Path, points: list[MadePoint], across: tuple[str, ...], message: str
) -> None:
    evidence = StudyEvidence.load(write_traced_study(tmp_path / "study", points))
    with pytest.raises(UserError, match=message):
        two_axes(evidence, "energy_error", "time", across)


def test_different_samples_are_refused(tmp_path: Path) -> None:
    folder = write_traced_study(tmp_path / "study")
    path = folder / CORNERS[2].slug / "samples.parquet"
    from saibench.evidence.schema import read_fields, read_table, write_table

    fields = read_fields(path)
    write_table(path, read_table(path).with_columns(polars.col("sample_id") + 1), fields)
    with pytest.raises(UserError, match="different samples of last_tenth"):
        two_axes(StudyEvidence.load(folder), "energy_error", "time", ())


def test_figure_shows_both_axes(study: StudyEvidence, tmp_path: Path) -> None:
    assert local_and_global.needs(study) is None
    figure = local_and_global.draw(study)
    assert len(figure.axes) == 2
    assert svg(figure) == svg(local_and_global.draw(study))
    numbers = local_and_global.table(study)
    ratios = numbers.filter(number="ratio in a region", setting="window", statistic="energy_error")
    worst = ratios.sort("estimate")["at"].to_list()[-1]
    assert 60 <= worst <= 90, "where the bias was put, frames 120 to 180 of 0.5 ps"
    assert "396 samples" in local_and_global.caption(study)
    alone = StudyEvidence.load(write_traced_study(tmp_path / "study", CORNERS[:2], frames=60))
    assert "window alone" in str(local_and_global.needs(alone))
