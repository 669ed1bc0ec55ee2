from __future__ import annotations

import numpy as np
import polars
import pytest
from synthetic_study import ar1

from saibench.analysis.leak_audit.audit import (
    Split,
    distance_ratio,
    find_leaks,
    gaps_to_training,
    share,
    worst_pairs,
)
from saibench.analysis.leak_audit.effect import effect_of
from saibench.datamodules.near_duplicates import NOTHING, digest

COUNT, TESTED = 2400, 400


def independent_split(data: np.ndarray, digests: np.ndarray | None = None) -> Split:
    """The last 400 rows are the test."""
    every = np.arange(COUNT, dtype=np.int64)
    contents = None if digests is None else digests.__getitem__
    return Split(every[-TESTED:], every[:-TESTED], 10_000 + every, None, data.__getitem__, contents)


def test_independent_samples_are_not_leaked() -> None:
    rng = np.random.default_rng(0)
    split = independent_split(rng.standard_normal((COUNT, 8)))
    leaks = find_leaks(split)
    score = share(leaks.any, split)
    assert score.low <= 0.01 <= score.high + 0.01 and score.estimate < 0.03
    ratio = distance_ratio(leaks, split)
    assert ratio is not None and ratio.low < 1 < ratio.high


def test_planted_near_duplicates_are_found() -> None:
    rng = np.random.default_rng(1)
    data = rng.standard_normal((COUNT, 8))
    planted, sources = np.arange(COUNT - 60, COUNT), np.arange(0, 600, 10)
    data[planted] = data[sources] + 1e-3 * rng.standard_normal((60, 8))
    split = independent_split(data)
    leaks = find_leaks(split)
    assert leaks.near is not None and leaks.near[-60:].all()
    chance = leaks.near[:-60].mean()
    assert chance < 0.04
    assert share(leaks.any, split).estimate == pytest.approx(60 / TESTED, abs=0.04)
    pairs = worst_pairs(leaks, split)
    expected = {(10_000 + test, 10_000 + source) for test, source in zip(planted, sources)}  # noqa: B905
    assert {(pair.test, pair.training) for pair in pairs} <= expected
    assert all(pair.relative is not None and pair.relative < 0.02 for pair in pairs)


def test_empty_training_parts_match_no_test_sample() -> None:
    rng = np.random.default_rng(3)
    data = np.zeros((COUNT, 8))
    data[-TESTED:] = rng.standard_normal((TESTED, 8))
    parts = digest(list(rng.standard_normal((COUNT, 2)))).reshape(COUNT, 1)
    parts[:-TESTED] = NOTHING
    split = independent_split(data, parts)
    leaks = find_leaks(split)
    assert not leaks.same.count.any() and not leaks.any.any()
    assert share(leaks.any, split).estimate == 0
    assert worst_pairs(leaks, split)


def test_equal_content_and_equal_ids_are_the_same_sample() -> None:
    rng = np.random.default_rng(2)
    data = rng.standard_normal((COUNT, 8))
    parts = digest(list(rng.standard_normal((3 * COUNT, 2)))).reshape(COUNT, 3)
    parts[rng.uniform(size=parts.shape) < 0.3] = NOTHING  # empty parts do not match
    parts[-5:, 0] = parts[100:105, 2] = digest(list(np.arange(5.0)[:, None]))
    split = independent_split(data, parts)
    leaks = find_leaks(split)
    assert np.flatnonzero(leaks.same.count).tolist() == list(range(TESTED - 5, TESTED))
    assert leaks.same.row[-5:].tolist() == [100, 101, 102, 103, 104]
    assert worst_pairs(leaks, split)[0].same == 1
    ids = split.ids.copy()
    ids[-1] = ids[7]
    doubled = Split(split.test, split.training, ids, None, data.__getitem__)
    same = find_leaks(doubled).same
    assert same.count.sum() == 1 and same.row[-1] == 7


def series_split(random: bool, memory: float = 0.97, step: float = 0.5) -> Split:
    rng = np.random.default_rng(3)
    data = np.stack([ar1(rng, COUNT, memory) for _ in range(10)], axis=1)
    every = np.arange(COUNT, dtype=np.int64)
    order = rng.permutation(every) if random else every
    return Split(order[-TESTED:], order[:-TESTED], every, step * every, data.__getitem__)


def test_interleaving_is_counted_in_correlation_times() -> None:
    found = {}
    for random in (True, False):
        split = series_split(random)
        leaks = find_leaks(split)
        assert (
            leaks.correlation_time is not None
            and leaks.interleaved is not None
            and split.times is not None
        )
        assert leaks.correlation_time.value == pytest.approx(-0.5 / np.log(0.97), rel=0.2)
        pairs = np.abs(split.times[split.test][:, None] - split.times[split.training][None])
        np.testing.assert_allclose(gaps_to_training(split), pairs.min(axis=1))
        direct = (pairs.min(axis=1) <= leaks.correlation_time.value).mean()
        assert leaks.interleaved.mean() == pytest.approx(direct)
        found[random] = share(leaks.any, split), distance_ratio(leaks, split)
    assert found[True][0].low > 0.95  # a training sample two steps away at most
    assert found[False][0].high < 0.5  # the first tenth of the test alone
    assert found[True][1].high < 1 <= found[False][1].high


def test_near_duplicates_need_enough_independent_training_samples() -> None:
    rng = np.random.default_rng(4)
    every = np.arange(150, dtype=np.int64)
    data = rng.standard_normal((150, 3))
    split = Split(every[90:], every[:90], every, None, data.__getitem__)
    leaks = find_leaks(split)
    assert leaks.near is None and distance_ratio(leaks, split) is None


def test_samples_without_descriptors_are_compared_by_id() -> None:
    every = np.arange(50, dtype=np.int64)
    leaks = find_leaks(Split(every[40:], every[:41], every))
    assert leaks.near is None and leaks.same.count.tolist() == [1, *[0] * 9]


def test_the_effect_on_errors_is_that_of_the_flags() -> None:
    rng = np.random.default_rng(5)
    ids, flags = np.arange(300), rng.uniform(size=300) < 0.4
    error = np.where(flags, 1.0, 2.0) * rng.gamma(20, 1 / 20, 300)
    samples = polars.DataFrame({"sample_id": ids[::-1], "score": (3.0 - error)[::-1]})
    effect = effect_of(samples, "score", "eV", ids, flags, ideal=3.0)
    assert effect is not None
    assert effect.seen.estimate == pytest.approx(error[flags].mean())
    assert effect.others.estimate == pytest.approx(error[~flags].mean())
    assert effect.difference.low < 1 < effect.difference.high
    assert (effect.seen.count, effect.others.count) == (flags.sum(), (~flags).sum())
    assert effect_of(samples, "score", "eV", ids, ids < 5) is None
