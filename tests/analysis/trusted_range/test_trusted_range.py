from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_trust import blocks_of_errors

from saibench.analysis.trusted_range import TooFewBlocks, TrustedRange
from saibench.analysis.trusted_range.sentences import tolerance_sentence
from saibench.errors import UserError


@lru_cache(maxsize=32)
def made(seed: int = 0, kind: str | None = None, coverage: float = 0.9) -> TrustedRange:
    sample = blocks_of_errors(np.random.default_rng(seed), 60, 10)
    return TrustedRange.fit(*sample, kind=kind, coverage=coverage, tolerance=3.0)


@pytest.mark.parametrize("coverage", [0.8, 0.9, 0.95])
def test_observed_coverage_is_nominal_on_new_blocks(coverage: float) -> None:
    observed = []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        sample = blocks_of_errors(rng, 200)
        trusted = TrustedRange.fit(*sample, coverage=coverage, seed=seed, splits=4)
        feature, error, _ = blocks_of_errors(rng, 400)
        check = trusted.check(feature)
        observed.append(np.mean((error <= check.upper)[check.inside]))
    assert np.mean(observed) == pytest.approx(coverage, abs=0.03)
    assert np.mean(observed) >= coverage - 0.01


def test_width_follows_the_feature() -> None:
    trusted = made()
    near, far = trusted.check([0.1, 0.9]).upper
    assert near < 0.7 * trusted.unconditional < trusted.unconditional < far
    assert trusted.mean_bound < trusted.unconditional


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 5), start=st.floats(-1, 2), step=st.floats(0, 1))
def test_bound_of_a_rising_error_never_falls(seed: int, start: float, step: float) -> None:
    trusted = made(seed, "monotone")
    check = trusted.check([start, start + step])
    if start >= max(split.model.low[0] for split in trusted.splits):
        assert check.upper[0] <= check.upper[1]
        assert check.expected[0] <= check.expected[1]
    assert (check.expected <= check.upper).all()


@settings(max_examples=20, deadline=None)
@given(
    seed=st.integers(0, 5),
    kind=st.sampled_from(["monotone", "quadratic"]),
    far=st.floats(1e-6, 1e3),
    further=st.floats(1e-3, 1e3),
    side=st.sampled_from([-1, 1]),
)
def test_band_widens_beyond_the_data(
    seed: int, kind: str, far: float, further: float, side: int
) -> None:
    trusted = replace(made(seed, kind), others=(), reach_low=(), reach_high=())
    model = trusted.model  # of a single split, as of each
    edge = model.high[0] if side > 0 else model.low[0]
    check = trusted.check([edge, edge + side * far, edge + side * (far + further)])
    band = check.upper - check.expected
    assert band[0] < band[1] < band[2]
    assert check.upper[0] < check.upper[1] < check.upper[2]
    assert check.inside.tolist() == [True, False, False]


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 5), tolerance=st.floats(0.1, 20), more=st.floats(0, 10))
def test_larger_tolerance_trusts_no_less(seed: int, tolerance: float, more: float) -> None:
    trusted = made(seed, "monotone")
    strict, loose = trusted.trusted(tolerance), trusted.trusted(tolerance + more)
    for low, high in strict.intervals:
        assert low in loose and high in loose
    for low, high in strict.intervals:
        assert (trusted.check([low, (low + high) / 2, high]).upper <= tolerance).all()
    assert bool(strict.intervals) == (strict.lowest_bound <= tolerance)


def test_trusted_interval_ends_where_the_bound_crosses() -> None:
    trusted = made(0, "monotone")
    (low, high), *others = trusted.trusted(3.0).intervals
    assert not others and low == trusted.low[0] < high < trusted.high[0]
    assert trusted.check(high).upper[0] == pytest.approx(3.0, abs=1e-9)
    assert trusted.check(high + 1e-6).upper[0] > 3.0


def test_intervals_beyond_the_data_are_separate() -> None:
    feature, error, blocks = blocks_of_errors(np.random.default_rng(0), 60, 10)
    found = TrustedRange.fit(feature - 1, error, blocks, kind="monotone").trusted(3.0)
    assert found.above is None and found.below is not None and found.below < found.low
    nowhere = made(0, "monotone").trusted(0.5)
    assert nowhere.intervals == () and nowhere.below is None
    assert nowhere.lowest_bound > 0.5


@pytest.mark.parametrize("shift", [0.0, 0.05])
def test_a_feature_that_was_never_negative_is_not_extrapolated_below_0(shift: float) -> None:
    feature, error, blocks = blocks_of_errors(np.random.default_rng(0), 60, 10)
    found = TrustedRange.fit(feature + shift, error, blocks, kind="monotone").trusted(3.0)
    assert found.intervals[0][0] == found.low >= shift
    assert found.below == (0.0 if found.low > 0 else None)


def test_feature_without_information_narrows_no_bound() -> None:
    feature, error, blocks = blocks_of_errors(np.random.default_rng(3), 200)
    chance = np.random.default_rng(4).uniform(size=feature.size)
    trusted = TrustedRange.fit(chance, error, blocks)
    assert trusted.mean_bound > 0.97 * trusted.unconditional


def test_several_features_and_names() -> None:
    feature, error, blocks = blocks_of_errors(np.random.default_rng(5), 100)
    other = np.random.default_rng(6).uniform(size=feature.size)
    features = np.stack([feature, other], axis=1)
    trusted = TrustedRange.fit(
        features, error + 2 * other, blocks, kind="monotone", names=["distance", "lead"]
    )
    check = trusted.check({"lead": [0.1, 0.9], "distance": 0.5})
    assert check.upper[0] < check.upper[1]
    by_position = trusted.check([[0.5, 0.1], [0.5, 0.9]]).upper
    np.testing.assert_allclose(check.upper, by_position, rtol=1e-12)
    early = trusted.trusted(4.0, "distance", at={"lead": 0.1}).intervals
    late = trusted.trusted(4.0, "distance", at={"lead": 0.9}).intervals
    assert early and (not late or late[-1][1] < early[-1][1])
    with pytest.raises(UserError, match="distance"):
        trusted.check({"lead": 0.5})
    with pytest.raises(UserError, match="'lead'"):
        trusted.check({"lad": 0.5, "distance": 0.1})


def test_bound_is_infinite_if_a_feature_is_not_finite() -> None:
    check = made().check([np.nan, np.inf, 0.5])
    assert np.isnan(check.expected[:2]).all() and np.isinf(check.upper[:2]).all()
    assert check.inside.tolist() == [False, False, True]


def test_samples_are_checked_the_same_alone_and_together() -> None:
    feature = np.linspace(-0.5, 1.5, 50)
    together = made().check(feature).upper
    alone = [made().check(one).upper[0] for one in feature]
    np.testing.assert_allclose(together, alone, rtol=1e-12)  # sums of a few terms


def test_too_few_blocks_are_refused() -> None:
    sample = blocks_of_errors(np.random.default_rng(0), 12)
    with pytest.raises(TooFewBlocks, match="have 12"):
        TrustedRange.fit(*sample)
    TrustedRange.fit(*sample, coverage=0.88)


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda feature, error: {"errors": error - 10}, "negative"),
        (lambda feature, error: {"errors": (error > 2).astype(float)}, "--mean-of"),
        (lambda feature, error: {"features": np.where(feature > 0.5, np.nan, feature)}, "finite"),
        (lambda feature, error: {"features": np.ones_like(feature)}, "feature is 1 "),
        (lambda feature, error: {"errors": error[:-1]}, "length"),
        (lambda feature, error: {"names": ["a", "b"]}, "1 names"),
        (lambda feature, error: {"coverage": 1.0}, "coverage=1"),
    ],
)
def test_invalid_samples_are_refused(
    change: Callable[[np.ndarray, np.ndarray], dict[str, Any]], match: str
) -> None:
    feature, error, blocks = blocks_of_errors(np.random.default_rng(0), 30)
    given = {"features": feature, "errors": error, "blocks": blocks}
    with pytest.raises(UserError, match=match):
        TrustedRange.fit(**given | change(feature, error))


@pytest.mark.parametrize("kind", ["monotone", "quadratic"])
def test_saved_range_is_the_same_to_the_last_digit(tmp_path: Path, kind: str) -> None:
    trusted = made(1, kind)
    path = trusted.save(tmp_path / "range.json")
    loaded = TrustedRange.load(path)
    assert loaded == trusted
    at = np.linspace(-1, 2, 300)
    np.testing.assert_allclose(loaded.check(at).upper, trusted.check(at).upper, rtol=1e-12)
    assert [file.name for file in tmp_path.iterdir()] == ["range.json"]


def test_damaged_and_other_files_are_refused(tmp_path: Path) -> None:
    path = made().save(tmp_path / "range.json")
    text = path.read_text()

    def refused(content: str, match: str) -> None:
        path.write_text(content)
        with pytest.raises(UserError, match=match) as raised:
            TrustedRange.load(path)
        assert "\n" not in str(raised.value)

    refused(text[:-40], "not readable")
    refused("[1, 2]", "no trusted range")
    refused('{"format": "other"}', "no trusted range")
    refused(text.replace('"version": 2', '"version": 9'), "version 9")
    refused(text.replace('"coverage": 0.9', '"coverage": 0.99'), "damaged")
    refused(text.replace("quantile", "quantil"), "damaged")
    with pytest.raises(UserError, match="not readable"):
        TrustedRange.load(tmp_path / "missing.json")
    with pytest.raises(UserError, match="cannot be written"):
        made().save(tmp_path / "no" / "range.json")


def test_invalid_range_is_refused_even_with_a_matching_checksum(tmp_path: Path) -> None:
    from saibench.analysis.trusted_range.file import _digest

    path = made(1, "monotone").save(tmp_path / "range.json")
    document = json.loads(path.read_text())
    document["trusted_range"]["model"]["mean"]["steps"][0]["values"].reverse()
    document["sha256"] = _digest(document["trusted_range"])
    path.write_text(json.dumps(document))
    with pytest.raises(UserError, match="monotone"):
        TrustedRange.load(path)


def test_bound_is_the_median_of_all_splits() -> None:
    trusted = made()
    assert len(trusted.splits) == trusted.counts.splits == 20
    at = np.linspace(-0.2, 1.2, 15)
    each = [replace(trusted, model=one.model, quantile=one.quantile, others=()).check(at)
            for one in trusted.splits]  # fmt: skip
    upper = np.sort([one.upper for one in each], axis=0)
    np.testing.assert_allclose(trusted.check(at).upper, (upper[9] + upper[10]) / 2, rtol=1e-12)
    share = np.mean([one.inside for one in each], axis=0)
    np.testing.assert_array_equal(trusted.check(at).inside, share >= 0.5)
    assert trusted.trusted(0.1).lowest_bound <= trusted.mean_bound


def test_verdict_hardly_depends_on_the_seed_and_ties_are_inconclusive() -> None:
    """Near the tolerance that every other split accepts."""
    sample = blocks_of_errors(np.random.default_rng(7), 40, 4)
    single = [TrustedRange.fit(*sample, seed=seed, splits=1) for seed in range(24)]
    least = np.array([one.trusted(9.0).lowest_bound for one in single])
    several = np.array(
        [TrustedRange.fit(*sample, seed=seed).trusted(9.0).lowest_bound for seed in range(6)]
    )
    assert several.std() < 0.5 * least.std()
    trusted = TrustedRange.fit(*sample)
    found = trusted.trusted(float(np.median(trusted.trusted(9.0).lowest_bounds)))
    assert found.is_inconclusive and 5 < found.trusted_splits < 15
    sure = TrustedRange.fit(*sample).trusted(float(2 * least.max()))
    assert not sure.is_inconclusive and sure.trusted_splits == len(sure.lowest_bounds) == 20
    never = TrustedRange.fit(*sample).trusted(float(least.min() / 2))
    assert not never.is_inconclusive and never.trusted_splits == 0


def test_few_blocks_are_refused_whatever_the_coverage() -> None:
    feature, error, blocks = blocks_of_errors(np.random.default_rng(0), 6)
    with pytest.raises(TooFewBlocks, match=r"have 6.*more data"):
        TrustedRange.fit(feature, error, blocks, coverage=0.66)


def test_range_of_saibench_0_1_has_one_split_and_its_saved_numbers() -> None:
    path = Path(__file__).parent / "range_of_version_1.json"
    saved = json.loads(path.read_text())["trusted_range"]
    trusted = TrustedRange.load(path)
    assert trusted.others == () and trusted.counts.splits == 1
    assert trusted.low == tuple(saved["model"]["low"])
    z = (0.025 - saved["model"]["mean"]["centre"][0]) / saved["model"]["mean"]["width"][0]
    mean, spread = (
        np.dot(saved["model"][name]["coefficients"], [1, z, z**2]) for name in ("mean", "spread")
    )
    spread = max(spread, saved["model"]["least_spread"])
    upper = trusted.check(0.025).upper[0]
    assert upper == pytest.approx(mean + saved["quantile"] * spread, rel=1e-9)
    assert "splits" not in tolerance_sentence(trusted, trusted.trusted(60.0))


def test_nearest_samples_that_are_not_trusted_are_reported() -> None:
    feature, error, blocks = blocks_of_errors(np.random.default_rng(0), 60, 10)
    falling = TrustedRange.fit(1 - feature, error, blocks, kind="monotone", names=["soap_distance"])
    assert "nearest to training" in tolerance_sentence(falling, falling.trusted(3.0))
    rising = TrustedRange.fit(feature, error, blocks, kind="monotone", names=["soap_distance"])
    assert "nearest to training" not in tolerance_sentence(rising, rising.trusted(3.0))


def test_control_characters_of_a_file_are_replaced(tmp_path: Path) -> None:
    from saibench.analysis.trusted_range.file import _digest

    path = made().save(tmp_path / "range.json")
    document = json.loads(path.read_text())
    document["trusted_range"]["statistic"]["unit"] = "meV\x1b[2J"
    document["sha256"] = _digest(document["trusted_range"])
    path.write_text(json.dumps(document))
    assert TrustedRange.load(path).statistic.unit == "meV\ufffd[2J"
