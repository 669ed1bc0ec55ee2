"""All features and error models, by formula and scikit-learn on the same held-out bounds."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from made_trust import blocks_of_errors
from sklearn.metrics import mean_pinball_loss, recall_score, roc_auc_score

from saibench.analysis.trusted_range.config import TrustConfig
from saibench.analysis.trusted_range.held_out import held_out_bounds
from saibench.analysis.trusted_range.reading import ErrorSamples
from saibench.analysis.trusted_range.records import Quantity, Source
from saibench.analysis.trusted_range.splits import Choice
from saibench.analysis.trusted_range.tried import candidates, only, try_all
from saibench.analysis.trusted_range.trusted_range import TrustedRange

TOLERANCE = 2.5
CONFIG = TrustConfig("force_mae", ("distance", "chance"), tolerance=TOLERANCE)


def samples_of(seed: int, factor: float = 1.0) -> ErrorSamples:
    """40 blocks of 10 samples of equal weight; `chance` tells nothing."""
    rng = np.random.default_rng(seed)
    feature, errors, blocks = blocks_of_errors(rng, 40, 10)
    zeros = np.zeros(len(errors), dtype=np.int64)
    return ErrorSamples(
        features=np.column_stack([feature, rng.uniform(size=len(errors))]),
        errors=factor * errors,
        blocks=blocks,
        groups=zeros,
        runs=zeros,
        quantities=(Quantity("distance", "Å"), Quantity("chance")),
        statistic=Quantity("force_mae", "meV/Å"),
        source=Source(),
    )


def test_each_feature_and_all_are_tried_with_each_error_model() -> None:
    tried = list(candidates(5))
    assert len(tried) == len(set(tried)) == 5 * 4 + 4
    assert {one.kind for one in tried if one.columns == (3,)} == {
        *("monotone", "quadratic", "log-linear", "isotonic")
    }
    together = [one.kind for one in tried if len(one.columns) > 1]
    assert together == ["monotone", "log-linear", "isotonic", "trees"]
    assert [one.columns for one in candidates(1)] == [(0,)] * 4


def test_numbers_are_those_of_scikit_learn(monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = Choice((0,), "log-linear")
    monkeypatch.setattr("saibench.analysis.trusted_range.tried.candidates", lambda count: [chosen])
    samples, hot = samples_of(0), samples_of(1, factor=1.5)
    (found,) = try_all(samples, {"hot": hot}, CONFIG)
    errors, good = samples.errors, samples.errors <= TOLERANCE
    held = held_out_bounds(only(samples, (0,)), 0.9, choice=chosen)
    assert (found.features, found.kind) == (("distance",), "log-linear")
    losses = [mean_pinball_loss(errors, one, alpha=0.9) for one in (held.bound, held.unconditional)]
    assert found.loss == pytest.approx(losses[0] / losses[1])
    inside = held.inside
    width = held.bound[inside].mean() / held.unconditional[inside].mean()
    assert found.width == pytest.approx(width)
    worst = errors >= np.sort(errors)[-len(errors) // 10]
    expected = roc_auc_score(worst, held.bound / held.unconditional)
    assert found.auroc == pytest.approx(expected)
    assert found.own.coverage == pytest.approx((errors <= held.bound)[inside].mean())
    declared = inside & (held.bound <= TOLERANCE)
    assert found.own.recognised == pytest.approx(recall_score(good, declared))
    trusted = TrustedRange.fit(
        samples.features[:, 0], errors, samples.blocks, kind="log-linear", names=["distance"]
    )
    check, shift = trusted.check(hot.features[:, 0]), found.shifts["hot"]
    below = hot.errors <= check.upper
    assert shift.inside == pytest.approx(check.inside.mean())
    assert shift.coverage == pytest.approx(below[check.inside].mean())
    recognised = recall_score(hot.errors <= TOLERANCE, check.within(TOLERANCE))
    assert shift.recognised == pytest.approx(recognised)


@pytest.mark.parametrize("kind", ["isotonic", "quadratic"])
def test_bounds_do_not_know_the_errors_of_their_own_block(kind: str) -> None:
    samples, choice = samples_of(2), Choice((0, 1), kind)  # type: ignore[arg-type]
    own = samples.blocks == 7
    changed = replace(samples, errors=np.where(own, 100 * samples.errors, samples.errors))
    bounds = [held_out_bounds(one, 0.9, choice=choice).bound for one in (samples, changed)]
    np.testing.assert_array_equal(bounds[0][own], bounds[1][own])
    assert not np.array_equal(bounds[0], bounds[1])


def test_shares_of_no_sample_are_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = Choice((0,), "monotone")
    monkeypatch.setattr("saibench.analysis.trusted_range.tried.candidates", lambda count: [chosen])
    samples = samples_of(0)
    far = replace(samples, features=samples.features + 5, errors=samples.errors + TOLERANCE)
    (found,) = try_all(samples, {"far": far}, CONFIG)
    shift = found.shifts["far"]
    assert (shift.inside, shift.coverage, shift.recognised) == (0, None, None)
