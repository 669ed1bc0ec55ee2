"""Scores of jets and their intervals, against scikit-learn, plain NumPy and DeLong's variance."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, balanced_accuracy_score, roc_auc_score, roc_curve

from saibench.analysis.blocks import stratified_blocks
from saibench.analysis.bootstrap import block_bootstrap
from saibench.analysis.classification.roc_bands import background_efficiency, roc_band
from saibench.analysis.classification.scores import auc_components, interval
from saibench.analysis.jet_tagging.class_balance import BACKGROUND, BALANCE, SIGNAL, accuracy_change
from saibench.analysis.jet_tagging.energy_decay import quadratic_decay
from saibench.analysis.jet_tagging.tested_jets import ScoredJets
from saibench.evidence.selection import Cell

CELL = Cell({}, ("one",))
JETS = 2000


def made(jets: int = JETS, seed: int = 0, ties: bool = True) -> ScoredJets:
    rng = np.random.default_rng(seed)
    label = (rng.random(jets) < 0.4).astype(np.int64)
    scores = rng.normal(1.2 * (2 * label - 1), 1.0)
    if ties:
        scores = scores.round(1)
    return ScoredJets(label, rng.uniform(550, 2440, jets), {"one": scores})


def test_scores_are_those_of_scikit_learn() -> None:
    jets = made()
    label, scores = jets.label, jets.scores["one"]
    assert jets.accuracy(CELL).estimate == pytest.approx(accuracy_score(label, scores > 0))
    balanced = balanced_accuracy_score(label, scores > 0)
    assert jets.balanced_accuracy(CELL).estimate == pytest.approx(balanced)
    assert jets.auc(CELL).estimate == pytest.approx(roc_auc_score(label, scores))
    chosen = jets.bins == 3
    assert jets.auc(CELL, chosen).estimate == pytest.approx(
        roc_auc_score(label[chosen], scores[chosen])
    )
    assert jets.class_accuracy(CELL, 1).estimate == pytest.approx((scores[label == 1] > 0).mean())
    assert jets.signal_ratio(chosen).estimate == pytest.approx(label[chosen].mean())


def test_intervals_have_the_theoretical_width() -> None:
    jets = made(ties=False)
    label, scores = jets.label, jets.scores["one"]
    components = auc_components(scores, label)
    variance = sum(components[label == one].var(ddof=1) / (label == one).sum() for one in (0, 1))
    found = interval([jets.auc(CELL)])
    assert found.high - found.low == pytest.approx(2 * 1.96 * np.sqrt(variance), rel=0.15)
    right = ((scores > 0) == label).astype(float)
    strata = sum(right[label == one].var() * (label == one).sum() for one in (0, 1)) / JETS**2
    accuracy = interval([jets.accuracy(CELL)])
    assert accuracy.high - accuracy.low == pytest.approx(2 * 1.96 * np.sqrt(strata), rel=0.15)
    assert accuracy.count == JETS


def test_a_difference_of_two_models_is_paired() -> None:
    jets = made()
    noise = np.random.default_rng(1).normal(0, 0.05, JETS)
    both = ScoredJets(jets.label, jets.energy, {**jets.scores, "two": jets.scores["one"] + noise})
    scores = [both.auc(Cell({}, (name,))) for name in ("one", "two")]
    gap = interval(scores, lambda values: values[:, 0] - values[:, 1])
    alone = interval(scores[:1])
    assert gap.high - gap.low < 0.3 * (alone.high - alone.low)
    assert gap.estimate == pytest.approx(scores[0].estimate - scores[1].estimate)


def test_seeds_are_averaged() -> None:
    first, second = made(seed=0), made(seed=0)
    other = np.random.default_rng(5).normal(size=JETS)
    jets = ScoredJets(first.label, second.energy, {**first.scores, "two": other})
    both = Cell({}, ("one", "two"))
    mean = (roc_auc_score(jets.label, jets.scores["one"]) + roc_auc_score(jets.label, other)) / 2
    assert jets.auc(both).estimate == pytest.approx(mean)


@pytest.mark.parametrize("absent", [0, 1])
def test_curve_is_undefined_without_one_of_the_classes(absent: int) -> None:
    label = np.full(300, 1 - absent)
    scores = [np.random.default_rng(0).normal(size=300)]
    passed = background_efficiency(scores, label, stratified_blocks(label), 0.3)
    assert np.isnan([passed.low, passed.estimate, passed.high]).all()
    band = roc_band(scores, label, stratified_blocks(label))
    assert np.isnan([band.signal, band.low, band.high]).all()


def test_resamplings_without_a_rare_class_are_excluded() -> None:
    label = np.zeros(400, dtype=np.int64)
    label[:2] = 1
    scores = np.where(label == 1, -1.0, np.random.default_rng(0).normal(size=400))
    passed = background_efficiency([scores], label, stratified_blocks(label), 0.3)
    assert passed.estimate == pytest.approx((scores >= -1.0)[2:].mean())
    assert passed.low > 0.5  # a resampling without a top jet would put it at 0


def test_area_is_undefined_without_one_of_the_classes_but_accuracy_is_not() -> None:
    jets = ScoredJets(np.ones(30, dtype=np.int64), np.full(30, 600.0), {"one": np.arange(30.0) - 5})
    found = interval([jets.auc(CELL)])
    assert np.isnan([found.low, found.estimate, found.high]).all() and found.count == 30
    assert jets.accuracy(CELL).estimate == pytest.approx(24 / 30)
    assert jets.auc(CELL).has_few_samples


def test_interval_of_an_area_ends_at_one() -> None:
    label = np.arange(40) % 2
    scores = label - 0.5 + np.where(np.arange(40) < 4, 0.6 * (1 - 2 * label), 0)
    jets = ScoredJets(label, np.full(40, 600.0), {"one": scores})
    found = interval([jets.auc(CELL)])
    assert found.estimate < found.high == 1.0


def test_blocks_have_equal_shares_of_both_classes() -> None:
    label = made().label
    blocks = stratified_blocks(label)
    assert set(blocks) == set(range(200))
    tops = np.bincount(blocks[label == 1], minlength=200)
    assert tops.max() - tops.min() <= 1
    found = block_bootstrap(label.astype(float), blocks, share=False)
    assert found.low == pytest.approx(label.mean(), abs=0.005)  # the blocks are stratified


def test_roc_is_the_curve_of_scikit_learn_within_its_band() -> None:
    jets = made(ties=False)
    label, scores = jets.label, jets.scores["one"]
    band = roc_band([scores], label, jets.blocks, positions=12)
    passed, kept, _ = roc_curve(label, scores, drop_intermediate=False)
    np.testing.assert_allclose(band.signal, np.interp(band.background, passed, kept), atol=1e-9)
    assert (band.low <= band.signal).all() and (band.signal <= band.high).all()
    assert band.background[0] == pytest.approx(10 / (label == 0).sum())
    at = background_efficiency([scores], label, jets.blocks, 0.3)
    assert at.estimate == pytest.approx(passed[np.argmax(kept >= 0.3)])
    assert at.low < at.estimate < at.high


def by_hand(jets: ScoredJets, number: int) -> tuple[float, float, float]:
    right = (jets.scores["one"] > 0) == (jets.label == 1)
    of_bin = jets.bins == number
    classes = (right[of_bin & (jets.label == one)].mean() for one in (1, 0))
    return (float(jets.label[of_bin].mean()), *map(float, classes))


def test_parts_of_a_change_add_up_and_are_those_of_kitagawa() -> None:
    jets = made(4000)
    change = accuracy_change(jets, CELL, 2, 5)
    (r0, s0, b0), (r1, s1, b1) = by_hand(jets, 2), by_hand(jets, 5)
    right = (jets.scores["one"] > 0) == (jets.label == 1)
    whole = right[jets.bins == 5].mean() - right[jets.bins == 2].mean()
    assert change.whole.estimate == pytest.approx(whole)
    balance = (r1 - r0) * ((s0 + s1) / 2 - (b0 + b1) / 2)
    assert change.parts[BALANCE].estimate == pytest.approx(balance)
    assert change.parts[SIGNAL].estimate == pytest.approx((r0 + r1) / 2 * (s1 - s0))
    assert change.parts[BACKGROUND].estimate == pytest.approx((1 - (r0 + r1) / 2) * (b1 - b0))
    assert sum(part.estimate for part in change.parts.values()) == pytest.approx(whole)


def test_a_change_is_estimated_from_fewer_jets_than_blocks() -> None:
    given = made(60)
    energy = np.where(np.arange(60) % 2, 600.0, 900.0)
    jets = ScoredJets(given.label, energy, given.scores)
    change = accuracy_change(jets, CELL, 0, 1)
    right = (jets.scores["one"] > 0) == (jets.label == 1)
    whole = right[jets.bins == 1].mean() - right[jets.bins == 0].mean()
    assert change.whole.estimate == pytest.approx(whole)


def test_share_of_top_jets_has_the_width_of_a_binomial() -> None:
    jets = made().unstratified
    share = jets.label.mean()
    found = interval([jets.signal_ratio()])
    expected = 2 * 1.96 * np.sqrt(share * (1 - share) / JETS)
    assert found.high - found.low == pytest.approx(expected, rel=0.15)


def test_quadratic_fit_is_that_of_numpy_and_needs_enough_bins() -> None:
    jets = made(4000)
    scores = [jets.accuracy(CELL, jets.bins == number) for number in range(8)]
    fit = quadratic_decay(scores, [0, 1])
    assert fit is not None and fit.bins == tuple(range(1, 8))
    distance = np.arange(7.0)
    weights = np.sqrt([scores[number].count for number in fit.bins])
    values = [scores[number].estimate for number in fit.bins]
    curvature, slope, constant = np.polyfit(distance, values, 2, w=weights)
    assert fit.curvature.estimate == pytest.approx(curvature)
    assert fit.slope.estimate == pytest.approx(slope)
    assert fit.line[0] == pytest.approx(constant)
    assert fit.curvature.low < curvature < fit.curvature.high
    assert quadratic_decay(scores, list(range(6))) is None
