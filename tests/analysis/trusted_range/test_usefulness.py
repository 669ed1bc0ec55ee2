"""Which samples a bound declares trusted, and how it ranks their errors."""

from __future__ import annotations

import numpy as np
import pytest
from made_trust import blocks_of_errors
from sklearn.metrics import precision_score, recall_score, roc_auc_score

from saibench.analysis.trusted_range.held_out import held_out_bounds
from saibench.analysis.trusted_range.reading import ErrorSamples
from saibench.analysis.trusted_range.records import Quantity, Source
from saibench.analysis.trusted_range.usefulness import usefulness
from saibench.analysis.trusted_range.validation import validate


def samples_of(seed: int, num_blocks: int = 40, *, informative: bool = True) -> ErrorSamples:
    rng = np.random.default_rng(seed)
    feature, errors, blocks = blocks_of_errors(rng, num_blocks, 10)
    if not informative:
        feature = rng.uniform(size=feature.size)
    return ErrorSamples(
        features=feature[:, None],
        errors=errors,
        blocks=blocks,
        groups=np.zeros(len(errors), dtype=np.int64),
        runs=np.zeros(len(errors), dtype=np.int64),
        quantities=(Quantity("distance", "Å"),),
        statistic=Quantity("force_mae", "meV/Å"),
        source=Source(),
    )


def test_decision_has_recall_and_precision_of_scikit_learn() -> None:
    samples = samples_of(0)
    held = held_out_bounds(samples, 0.9)
    found = usefulness(held, 2.5)
    trusted, good = held.inside & (held.bound <= 2.5), samples.errors <= 2.5
    decision = found.decision
    assert decision is not None and decision.recognised is not None
    assert decision.correct is not None
    assert decision.recognised.estimate == pytest.approx(recall_score(good, trusted))
    assert decision.correct.estimate == pytest.approx(precision_score(good, trusted))
    assert decision.trusted.estimate == pytest.approx(trusted.mean())
    assert decision.good.estimate == pytest.approx(good.mean())
    worst = samples.errors >= found.worst_from
    assert worst.mean() == pytest.approx(0.1, abs=1 / len(worst))
    expected = roc_auc_score(worst, held.bound / held.unconditional)
    assert found.auroc.estimate == pytest.approx(expected)
    for share in (decision.recognised, decision.correct, decision.trusted, decision.good):
        assert 0 <= share.low <= share.estimate <= share.high <= 1


def test_shares_without_samples_are_none() -> None:
    held = held_out_bounds(samples_of(0), 0.9)
    nothing = usefulness(held, 1e-9).decision
    assert nothing is not None
    assert nothing.recognised is None and nothing.correct is None
    assert usefulness(held).decision is None


def test_bound_of_an_informative_feature_ranks_errors() -> None:
    found = validate(samples_of(1), 0.9, tolerance=2.5).usefulness
    assert found.ranks_errors and found.auroc.estimate > 0.8
    assert found.risk_coverage.area.low > 0.3
    curve = found.risk_coverage
    assert (curve.ideal <= curve.risk + 1e-12).all() and curve.risk[len(curve.kept) // 2] < 2


def test_feature_without_information_ranks_nothing() -> None:
    """Of 8 such features few are called informative; 3 or more in 0.1 % of tests at 2.5 %."""
    held = [
        held_out_bounds(samples_of(seed, informative=False), 0.9, splits=1) for seed in range(8)
    ]
    found = [usefulness(one) for one in held]
    assert sum(one.ranks_errors for one in found) < 3
    assert sum(one.risk_coverage.area.low > 0 for one in found) < 3
    areas = np.array([one.auroc.estimate for one in found])
    assert areas.mean() == pytest.approx(0.5, abs=5 * areas.std() / np.sqrt(len(areas)))


def test_the_largest_possible_gain_is_that_of_a_bound_equal_to_each_error() -> None:
    samples = samples_of(0)
    held, found = held_out_bounds(samples, 0.9), validate(samples, 0.9)
    own, plain = held.weights @ samples.errors, held.weights @ held.unconditional
    assert found.oracle_gain.estimate == pytest.approx(1 - own / plain, rel=1e-9)
    assert 0 < found.gain.estimate < found.oracle_gain.estimate < 1
    useless = validate(samples_of(0, informative=False), 0.9)
    assert abs(useless.gain.estimate) < 0.1 < useless.oracle_gain.estimate
