from __future__ import annotations

import math

import numpy as np
import pytest
from made_curves import LAWS, SIZES, curve_of, exact_curve

from saibench.analysis.learning_curve import sentences
from saibench.analysis.learning_curve.data_needed import (
    ANSWERED,
    BEYOND,
    NEVER,
    REACHED,
    data_needed,
)
from saibench.analysis.learning_curve.extrapolation import TooFewSizes, extrapolate
from saibench.analysis.learning_curve.prediction import check

FEW = 200
"""Resamplings, enough for what is asserted here."""


@pytest.mark.parametrize("name", LAWS)
def test_the_true_law_is_selected(name: str) -> None:
    found = extrapolate(exact_curve(LAWS[name]), num_resamples=2)
    assert found.law.name == name
    assert found.misses[name] == min(found.misses.values())
    assert found.at(15_000).estimate == pytest.approx(LAWS[name](15_000), rel=2e-3)


def test_intervals_cover_the_truth_at_four_times_the_largest_size() -> None:
    rng = np.random.default_rng(11)
    covered = {"error": 0, "size": 0, "check": 0}
    curves = 10
    for name, law in LAWS.items():
        for _ in range(curves):
            curve = curve_of(rng, law, trainings=2)
            found = extrapolate(curve, num_resamples=FEW)
            at, truth = found.at(4 * SIZES[-1]), law(4 * SIZES[-1])
            covered["error"] += at.low <= truth <= at.high
            size = 2.5 * SIZES[-1]
            needed = data_needed(found, law(size), reach=math.inf).size
            covered["size"] += needed.low <= size <= needed.high
            tested = check(curve, num_resamples=FEW)
            assert tested is not None, name
            covered["check"] += not tested.misses
    # 95 % of 40, less three standard errors; benchmarks/learning_curve_coverage.py has many more
    assert min(covered.values()) >= 0.85 * curves * len(LAWS), covered


def test_little_noise_gives_narrow_intervals() -> None:
    rng = np.random.default_rng(5)
    widths = []
    for noise in (0.005, 0.05):
        curve = curve_of(rng, LAWS["power"], trainings=3, noise=noise, hardness=0.01)
        found = extrapolate(curve, num_resamples=FEW)
        at = found.at(2 * SIZES[-1])
        widths.append((at.high - at.low) / at.estimate)
    assert 3 * widths[0] < widths[1]


def test_a_broken_law_fails_its_check_on_the_held_out_size() -> None:
    def broken(n: float) -> float:
        return LAWS["power"](min(n, 3200))

    curve = curve_of(np.random.default_rng(2), broken, trainings=3, noise=0.01)
    found = check(curve)
    assert found is not None and found.misses
    assert found.largest_fitted == 3200
    (predicted,) = found.predictions
    assert predicted.ratio.estimate == pytest.approx(2**0.45, rel=0.1)
    assert "significantly wrong" in sentences.check_sentence(found, curve)


def test_targets_are_answered_or_refused() -> None:
    law = LAWS["power with offset"]
    curve = curve_of(np.random.default_rng(4), law, trainings=3, noise=0.005)
    found = extrapolate(curve)
    assert found.law.name == "power with offset"

    def answer(target: float) -> tuple[str, str]:
        needed = data_needed(found, target)
        return needed.verdict, sentences.needed_sentence(needed, found, target)

    verdict, sentence = answer(law(10_000))
    assert verdict == ANSWERED and "times the largest training set" in sentence
    needed = data_needed(found, law(10_000)).size
    assert needed.low < 10_000 < needed.high
    assert "times the largest" not in answer(law(1000))[1]
    verdict, sentence = answer(law(500_000))
    assert verdict == BEYOND and "10 times the largest training set, 64,000" in sentence
    verdict, sentence = answer(5.0)
    assert verdict == NEVER and "limit" in sentence
    verdict, sentence = answer(100.0)
    assert verdict == REACHED and "smallest training set, 200" in sentence


def test_too_few_sizes_are_refused() -> None:
    with pytest.raises(TooFewSizes, match="3 training set sizes"):
        extrapolate(exact_curve(LAWS["power"], SIZES[:3]))
    four = exact_curve(LAWS["power"], SIZES[:4])
    assert extrapolate(four, num_resamples=2).law.name == "power"
    assert check(four) is None
    assert "5 sizes" in sentences.check_sentence(None, four)
    perfect = exact_curve(lambda n: 0.0)
    with pytest.raises(TooFewSizes, match="zero"):
        extrapolate(perfect)


def test_noise_is_estimated_from_trainings_of_equal_size() -> None:
    curve = curve_of(np.random.default_rng(8), LAWS["power"], trainings=40, noise=0.04)
    noise = curve.seed_noise()
    assert noise is not None and noise.freedom == 39 * len(SIZES)
    assert noise.relative == pytest.approx(0.04, rel=0.12)
    spread = [np.log(np.array(of_size)).var(ddof=1) for of_size in curve.trainings]
    assert noise.relative == pytest.approx(math.sqrt(np.mean(spread)))
    assert exact_curve(LAWS["power"]).seed_noise() is None
