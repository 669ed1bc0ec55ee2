"""The short answer of ranges with one and several features."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from saibench.analysis.bootstrap import Interval
from saibench.analysis.trusted_range import TrustedRange
from saibench.analysis.trusted_range.in_short import spans, where_sentence
from saibench.analysis.trusted_range.tolerance import ToleranceInterval

SHARE = Interval(0.2, 0.25, 0.3, 60, 600)


def test_several_features_are_reported_by_the_share_of_samples() -> None:
    rng = np.random.default_rng(0)
    features = rng.uniform(0, 1, (600, 2))
    errors = (1 + 4 * features.sum(axis=1)) * rng.uniform(0.8, 1.2, 600)
    names = ["soap_distance", "committee_std"]
    trusted = TrustedRange.fit(
        features, errors, np.arange(600) // 10, names=names, tolerance=4.0, splits=4
    )
    assert set(trusted.chosen) == set(names)
    sentence = where_sentence(trusted, SHARE, typed=True)
    assert all(f"({name})" in sentence for name in names)
    assert "25.0 %" in sentence and "4.00" in sentence
    wider = replace(trusted, tolerance=6.0, single=replace(trusted.best, tolerance=6.0))
    assert wider.trusted().intervals
    nothing = where_sentence(wider, Interval(0.0, 0.0, 0.05, 60, 600), typed=True)
    assert all(f"({name})" in nothing for name in names) and "%" not in nothing.split("together")[0]
    alone = where_sentence(trusted.best, SHARE)
    assert trusted.best.features[0].name not in alone and "4.00" in alone
    unbounded = replace(trusted.best, tolerance=None)
    assert "tolerance" in where_sentence(unbounded, None)


def test_spans_name_only_the_ends_that_matter() -> None:
    whole = ToleranceInterval(1.0, "x", {}, 0.0, 1.0, ((0.0, 1.0),), None, None, 0.5, 0.0)

    def text(*intervals: tuple[float, float]) -> str:
        return spans(replace(whole, intervals=intervals), "Å")

    assert text((0.0, 0.5)) == "up to 0.500 Å"
    assert text((0.5, 1.0)) == "from 0.500 Å on"
    assert text((0.0, 1.0)).endswith("0.000 to 1.000 Å")
    assert text((0.0, 0.2), (0.4, 0.6)) == "up to 0.200 Å and from 0.400 to 0.600 Å"
