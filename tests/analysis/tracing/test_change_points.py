"""Change points against brute force, and on series whose changes are known."""

from __future__ import annotations

import numpy as np
import pytest
from made_traces import ar1
from scipy.stats import binom

from saibench.analysis.tracing import change_points
from saibench.analysis.tracing.change_points import best_stretch, largest_contrasts, segments


def test_best_stretch_equals_brute_force() -> None:
    for seed in range(5):
        series = np.random.default_rng(seed).standard_normal(23)
        found = []
        for start in range(23):
            for stop in range(start + 1, 24):
                inside = np.zeros(23, dtype=bool)
                inside[start:stop] = True
                sides = {start, stop - start, 23 - stop} - {0}
                if inside.all() or min(sides) < 3:
                    continue
                count = stop - start
                apart = abs(series[inside].mean() - series[~inside].mean())
                found.append((apart * np.sqrt(count * (23 - count) / 23), start, stop))
        contrast, start, stop = max(found)
        assert best_stretch(series, 3)[2] == pytest.approx(contrast)
        own = best_stretch(series, 3)[:2]
        assert own == (start, stop) or set(range(*own)) == set(range(23)) - set(range(start, stop))
    rows = np.random.default_rng(9).standard_normal((6, 31))
    np.testing.assert_allclose(largest_contrasts(rows), [best_stretch(row)[2] for row in rows])


@pytest.mark.parametrize("memory", [0.0, 0.6])
def test_a_biased_stretch_is_found(memory: float) -> None:
    series = ar1(np.random.default_rng(3), 400, memory)
    series[150:230] -= 3.0
    found = segments(series, num_permutations=199)
    start, stop = (min(found.bounds, key=lambda at, own=own: abs(at - own)) for own in (150, 230))
    assert abs(start - 150) <= 6 and abs(stop - 230) <= 6
    assert found.first.p <= 0.01 and max(found.p) <= 0.05


def test_a_spread_that_grows_along_the_order_is_no_change_of_the_mean() -> None:
    cut = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        series = np.sort(rng.lognormal(0, 1, 100)) * rng.standard_normal(100)
        cut += segments(series, correlated=False, num_permutations=99).first.p <= 0.05
    assert cut <= binom.ppf(0.999, 60, 0.05)


def test_a_bias_within_a_biased_half_is_found() -> None:
    found = 0
    for seed in range(8):
        series = np.random.default_rng(seed).standard_normal(200)
        series[100:] += 4.0
        series[100:130] += 1.5
        bounds = segments(series, correlated=False, num_permutations=99).bounds
        found += all(min(abs(bound - at) for bound in bounds) <= 8 for at in (100, 130))
    assert found >= 7


def test_a_p_value_is_at_least_that_of_the_enclosing_stretch(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    searched = iter([change_points.Candidate(0, 60, 0.04), change_points.Candidate(20, 40, 0.001)])
    none = change_points.Candidate(0, 10, 1.0)
    monkeypatch.setattr(change_points, "_search", lambda *_: next(searched, none))
    found = segments(np.random.default_rng(0).standard_normal(100), correlated=False)
    assert found.bounds == (0, 60, 80, 100) and found.p == (0.04, 0.04)


def test_pruned_drops_the_least_significant_changes_first() -> None:
    first = change_points.Candidate(10, 40, 0.001)
    found = change_points.Segments((0, 10, 20, 40, 50), (0.001, 0.04, 0.001), first, block=1)
    kept = [(one.bounds, one.p) for one in found.pruned()]
    assert kept == [
        ((0, 10, 20, 40, 50), (0.001, 0.04, 0.001)),
        ((0, 10, 40, 50), (0.001, 0.001)),
        ((0, 50), ()),
    ]


def test_a_step_is_one_change_point() -> None:
    series = np.random.default_rng(4).standard_normal(200)
    series[120:] += 2.5
    found = segments(series, correlated=False, num_permutations=199)
    assert len(found.bounds) == 3
    assert abs(found.bounds[1] - 120) <= 3


def test_autocorrelation_is_no_change_unless_single_samples_are_permuted() -> None:
    with_memory, without = [], []
    for seed in range(24):
        series = ar1(np.random.default_rng(seed), 240, 0.7)
        with_memory.append(segments(series, num_permutations=39, level=0.0).first.p)
        options = {"correlated": False, "num_permutations": 39, "level": 0.0}
        without.append(segments(series, **options).first.p)
    assert np.mean(np.array(with_memory) <= 0.05) <= 0.2
    assert np.mean(np.array(without) <= 0.05) >= 0.7


def test_a_single_outlier_is_no_stretch_and_hides_none() -> None:
    series = np.random.default_rng(5).standard_normal(150)
    series[70] = 25.0
    assert segments(series, num_permutations=99).first.p > 0.05
    series[100:] += 6.0
    found = segments(series, correlated=False, num_permutations=99)
    assert found.first.p <= 0.05
    assert min(abs(bound - 100) for bound in found.bounds) <= 3


def test_short_or_constant_series_have_no_change() -> None:
    assert segments(np.ones(50)).bounds == (0, 50)
    assert segments(np.arange(5.0)).bounds == (0, 5)
