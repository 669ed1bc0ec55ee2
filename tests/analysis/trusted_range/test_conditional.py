"""Coverage by feature bin, by group, and in the worst slab."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from saibench.analysis.trusted_range.conditional import conditional_coverage
from saibench.analysis.trusted_range.held_out import HeldOut
from saibench.analysis.trusted_range.reading import ErrorSamples
from saibench.analysis.trusted_range.records import Quantity, Source

SIZE = 10


def held_out(seed: int, blocks: int = 60, columns: int = 1, fails: bool = False) -> HeldOut:
    """Independent errors below 1, with a bound that may hold on average only.

    It then covers 60 % above 0.8 of the last feature, and 97.5 % below.
    """
    rng = np.random.default_rng(seed)
    features = rng.uniform(size=(blocks * SIZE, columns))
    errors = rng.uniform(size=len(features))
    bound = np.where(features[:, -1] > 0.8, 0.6, 0.975) if fails else np.full(len(errors), 0.9)
    names = ("distance", "spread", "density")[:columns]
    samples = ErrorSamples(
        features=features,
        errors=errors,
        blocks=np.repeat(np.arange(blocks), SIZE),
        groups=np.zeros(len(errors), dtype=np.int64),
        runs=np.zeros(len(errors), dtype=np.int64),
        quantities=tuple(Quantity(name) for name in names),
        statistic=Quantity("error"),
        source=Source(),
    )
    return HeldOut(samples, 0.9, {0.9: bound}, bound, np.ones(len(errors), dtype=bool), 40)


def test_bins_are_tenths_with_the_share_that_is_covered() -> None:
    held = held_out(0)
    found = conditional_coverage(held)
    feature, covered = held.samples.features[:, 0], held.covered()
    assert len(found.bins) == 10
    for part in found.bins:
        own = (feature >= part.low) & (feature <= part.high)
        assert part.share == pytest.approx(0.1, abs=0.005) and own.mean() == part.share
        assert part.coverage.estimate == pytest.approx(covered[own].mean())
        assert part.coverage.low <= part.coverage.estimate <= part.coverage.high
    assert sum(part.share for part in found.bins) == pytest.approx(1)


def test_samples_outside_the_fitted_range_are_in_no_bin() -> None:
    held = held_out(0)
    inside = held.samples.features[:, 0] < 0.5
    found = conditional_coverage(replace(held, inside=inside))
    assert max(part.high for part in found.bins) < 0.5
    assert sum(part.coverage.count for part in found.bins) == inside.sum()


def test_few_values_have_one_bin_each() -> None:
    held = held_out(1)
    leads = np.repeat(np.arange(1.0, 5.0), len(held.samples.errors) // 4)
    samples = replace(held.samples, features=leads[:, None])
    found = conditional_coverage(replace(held, samples=samples))
    assert [(part.low, part.high) for part in found.bins] == [(v, v) for v in (1, 2, 3, 4)]


@pytest.mark.parametrize("columns", [1, 3])
def test_range_in_which_the_bound_fails_is_found(columns: int) -> None:
    held = held_out(2, blocks=120, columns=columns, fails=True)
    found = conditional_coverage(held)
    last = held.samples.quantities[-1].name
    failing = [part for part in found.bins if part.fails]
    assert failing and all(part.name == last and part.high > 0.79 for part in failing)
    slab = found.worst_slab
    assert slab is not None and slab.fails and slab in found.failing
    assert slab.coverage.estimate == pytest.approx(0.6, abs=0.15)
    if columns == 1:
        assert slab.low == pytest.approx(0.8, abs=0.06) and slab.high == pytest.approx(1, abs=0.06)


def test_correct_bound_is_rarely_called_failing_and_its_slab_is_unbiased() -> None:
    """At most 2.5 % of families; 4 or more of 20 are seen in 0.2 % of tests."""
    found = [conditional_coverage(held_out(seed, columns=2)) for seed in range(100, 120)]
    assert sum(bool(one.failing) for one in found) < 4
    slabs = [one.worst_slab.coverage.estimate for one in found if one.worst_slab]
    noise = np.std(slabs) / np.sqrt(len(slabs))
    assert np.mean(slabs) == pytest.approx(0.9, abs=5 * noise)


def test_groups_are_named_and_tested() -> None:
    held = held_out(3)
    groups = np.arange(len(held.samples.errors)) % 2
    bound = np.where(groups == 1, 0.5, 0.95)
    samples = replace(held.samples, groups=groups, group_names=("near", "far"))
    found = conditional_coverage(replace(held, samples=samples, bounds={0.9: bound}))
    assert [part.label for part in found.groups] == ["near", "far"]
    assert [part.fails for part in found.groups] == [False, True]
