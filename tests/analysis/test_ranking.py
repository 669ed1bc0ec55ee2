"""Area under the ROC curve and risk–coverage curves, with intervals by block."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from saibench.analysis import ranking
from saibench.analysis.bootstrap import jackknife_cumulants, mean_interval
from saibench.analysis.ranking import auroc, risk_coverage


def made(rng: np.random.Generator, blocks: int = 20, size: int = 15) -> tuple[np.ndarray, ...]:
    """Scores with ties, errors and blocks; score and error of a block share a part."""
    shared = np.repeat(rng.normal(size=blocks), size)
    score = np.round(shared + rng.normal(size=shared.size), 1)
    error = np.exp(0.5 * score + shared + rng.normal(size=shared.size))
    return score, error, np.repeat(np.arange(blocks), size)


def test_auroc_is_that_of_scikit_learn() -> None:
    score, error, blocks = made(np.random.default_rng(0))
    worst = error > np.quantile(error, 0.9)
    found = auroc(score, worst, blocks)
    assert found.estimate == pytest.approx(roc_auc_score(worst, score), rel=1e-12)
    assert found.low < found.estimate < found.high <= 1
    assert (found.num_blocks, found.count) == (20, len(score))


def test_auroc_of_independent_samples_has_delongs_interval() -> None:
    """DeLong, DeLong, Clarke-Pearson, Biometrics 44 (1988), with Student's t."""
    rng = np.random.default_rng(1)
    positive = rng.uniform(size=400) < 0.3
    score = rng.normal(size=400) + positive
    own, others = score[positive], score[~positive]
    wins = (own[:, None] > others).astype(float)
    variance = wins.mean(axis=1).var(ddof=1) / len(own) + wins.mean(axis=0).var(ddof=1) / len(
        others
    )
    found = auroc(score, positive, np.arange(400))
    half = 1.966 * np.sqrt(variance)  # Student's t of 399 degrees of freedom
    assert found.high - found.low == pytest.approx(2 * half, rel=0.03)


def test_auroc_is_undefined_for_a_single_class() -> None:
    assert np.isnan(auroc([1.0, 2.0, 3.0], [True] * 3, [0, 1, 2]).estimate)


@pytest.mark.parametrize("part", [7, ranking.PART])
def test_risk_coverage_is_the_mean_error_of_the_kept_samples(
    part: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ranking, "PART", part)
    _, error, blocks = made(np.random.default_rng(2))
    score = error + np.random.default_rng(3).normal(size=error.size)  # without ties
    found = risk_coverage(score, error, blocks)
    sizes = np.arange(1, len(error) + 1)
    own, ideal = (error[np.argsort(one)].cumsum() / sizes for one in (score, error))
    at = np.rint(found.kept * len(error)).astype(int) - 1
    np.testing.assert_allclose(found.risk, own[at], rtol=1e-12)
    np.testing.assert_allclose(found.ideal, ideal[at], rtol=1e-12)
    assert found.random == pytest.approx(error.mean())
    assert found.risk[-1] == pytest.approx(error.mean())
    area = (error.mean() - own.mean()) / (error.mean() - ideal.mean())
    assert found.area.estimate == pytest.approx(area, rel=1e-12)
    assert found.area.low < area < found.area.high


@pytest.mark.parametrize("part", [7, ranking.PART])
def test_tied_scores_are_in_random_order(part: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranking, "PART", part)
    rng = np.random.default_rng(4)
    score, error = np.repeat([1.0, 2.0, 3.0], 40), rng.exponential(size=120) * 2
    found = risk_coverage(score, error, np.arange(120))
    drawn = []
    for _ in range(4000):
        order = rng.permutation(120)
        order = order[np.argsort(score[order], kind="stable")]
        drawn.append((error[order].cumsum() / np.arange(1, 121)).mean())
    mean, noise = np.mean(drawn), np.std(drawn) / np.sqrt(len(drawn))
    sizes = np.arange(1, 121)
    ideal = (np.sort(error).cumsum() / sizes).mean()
    expected = (error.mean() - mean) / (error.mean() - ideal)
    assert found.area.estimate == pytest.approx(expected, abs=5 * noise / (error.mean() - ideal))


@pytest.mark.parametrize("part", [7, ranking.PART])
def test_interval_is_that_of_the_areas_without_each_block(
    part: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ranking, "PART", part)
    score, error, blocks = made(np.random.default_rng(7))
    score = np.clip(np.round(score, 1), 0.5, 1.5)  # ties within blocks and between them
    found = risk_coverage(score, error, blocks).area
    others = [blocks != one for one in np.unique(blocks)]
    areas = [risk_coverage(score[one], error[one], blocks[one]).area.estimate for one in others]
    without = np.array(areas)
    cumulants = jackknife_cumulants(found.estimate, without)
    expected = mean_interval(found.estimate, cumulants, len(without), len(score))
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), rel=1e-9)


def test_area_is_1_for_the_ideal_order_and_negative_for_the_reverse() -> None:
    _, error, blocks = made(np.random.default_rng(5))
    assert risk_coverage(error, error, blocks).area.estimate == pytest.approx(1)
    assert risk_coverage(-error, error, blocks).area.estimate < -0.5
    constant = risk_coverage(np.ones_like(error), error, blocks)
    assert constant.area.estimate == pytest.approx(0, abs=1e-12)
    np.testing.assert_allclose(constant.risk, error.mean())
    assert np.isnan(risk_coverage(error, np.ones_like(error), blocks).area.estimate)


def test_intervals_contain_the_values_of_a_large_sample() -> None:
    """95 % nominal; fewer than 33 of 40 are seen in 0.1 % of tests."""
    rng = np.random.default_rng(6)
    score, error, blocks = made(rng, 4000)
    level = np.quantile(error, 0.9)
    true = auroc(score, error > level, blocks // 20).estimate
    area = risk_coverage(score, error, blocks // 200).area.estimate
    hits = np.zeros(2)
    for _ in range(40):
        score, error, blocks = made(rng, 30)
        of_roc = auroc(score, error > level, blocks)
        of_area = risk_coverage(score, error, blocks).area
        hits += [of_roc.low <= true <= of_roc.high, of_area.low <= area <= of_area.high]
    assert (hits >= 33).all()
