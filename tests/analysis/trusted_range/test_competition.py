from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from made_trust import blocks_of_errors
from sklearn.metrics import mean_pinball_loss

from saibench.analysis.trusted_range import TrustedRange
from saibench.analysis.trusted_range.competition import compete, pinball
from saibench.analysis.trusted_range.conformal import calibration_blocks
from saibench.analysis.trusted_range.splits import bounds, fit_splits

NAMES = ["distance", "other", "noise"]


def made(seed: int, num_blocks: int = 80) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """An error that depends on two of three features."""
    rng = np.random.default_rng(seed)
    distance, error, blocks = blocks_of_errors(rng, num_blocks, 10)
    other, noise = rng.uniform(size=(2, len(error)))
    return np.column_stack([distance, other, noise]), error * (0.3 + other), blocks


def test_pinball_loss_is_that_of_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    errors, found = rng.normal(size=(2, 100))
    expected = mean_pinball_loss(errors, found, alpha=0.8)
    assert pinball(errors, found, 0.8).mean() == pytest.approx(expected, rel=1e-12)


def test_features_that_predict_the_error_are_combined_and_the_others_named() -> None:
    features, error, blocks = made(0, 200)
    found = compete(features, error, blocks, 0.9, NAMES)
    assert set(found.chosen.features) == {"distance", "other"}
    assert found.useless == ("noise",)
    losses = [one.loss for one in found.candidates]
    assert losses == sorted(losses)
    assert found.chosen.loss < found.best_single.loss < found.plain
    assert found.chosen.gain > 3 * found.chosen.gain_error > 0
    assert {one.kind for one in found.candidates if len(one.features) > 1} > {"trees", "log-linear"}


def test_a_single_feature_is_preferred_if_the_others_add_nothing() -> None:
    rng = np.random.default_rng(1)
    distance, error, blocks = blocks_of_errors(rng, 100, 10)
    features = np.column_stack([rng.uniform(size=(len(error), 2)), distance])
    found = compete(features, error, blocks, 0.9, ["a", "b", "distance"])
    assert found.chosen.features == ("distance",)
    assert set(found.useless) == {"a", "b"}


def test_the_chosen_one_is_not_worse_than_no_feature_if_another_is_better() -> None:
    """In noise, a log-linear one may lie within a standard error of the best and above none."""
    better = 0
    for seed in range(12):
        rng = np.random.default_rng(seed)
        features, error = rng.uniform(size=(120, 2)), rng.exponential(size=120)
        found = compete(features, error, np.repeat(range(60), 2), 0.9, ["a", "b"])
        if any(one.loss < found.plain for one in found.candidates):
            better += 1
            assert found.chosen.loss < found.plain
    assert better > 0


@pytest.mark.parametrize("seed", [6, 7])
def test_an_error_model_wins_with_as_many_blocks_as_the_range_will_have(seed: int) -> None:
    """Steps of several features, which 20 blocks of the 30 suffice for and 10 do not, must lose."""
    rng = np.random.default_rng([30, seed])
    blocks = np.repeat(range(30), 6)
    features = 0.6 * rng.normal(size=(30, 5))[blocks] + 0.8 * rng.normal(size=(180, 5))
    error = np.exp(1.2 * (features[:, 0] > 0.5) + 0.4 * features[:, 4])
    trusted = TrustedRange.fit(np.exp(0.5 * features[:, :4]), error, blocks, splits=5)
    upper = trusted.check(np.exp(0.5 * features[:, :4])).upper
    assert np.mean(upper <= 0.8 * trusted.unconditional_bound) > 0.4


def test_width_of_a_constant_error_is_that_without_features() -> None:
    rng = np.random.default_rng(2)
    found = compete(rng.uniform(size=(200, 1)), np.zeros(200), np.repeat(range(40), 5), 0.9, ["x"])
    assert (found.plain, found.chosen.gain, found.chosen.width) == (0.0, 0.0, 1.0)
    assert found.useless == ()


def test_range_of_several_features_has_that_of_the_best_one_beside(tmp_path: Path) -> None:
    features, error, blocks = made(3)
    trusted = TrustedRange.fit(features, error, blocks, names=NAMES, tolerance=2.5)
    assert set(trusted.chosen) == {"distance", "other"}
    assert trusted.best.features[0].name == "distance" and trusted.best.single is None
    assert trusted.trusted() == trusted.best.trusted()
    assert trusted.trusted(feature="other").at.keys() == {"distance", "noise"}
    alone = TrustedRange.fit(features[:, 0], error, blocks, names=["distance"])
    kind = trusted.best.model.kind
    assert kind == alone.competition.candidates[0].kind  # of the lowest loss
    assert trusted.mean_bound < trusted.best.mean_bound < trusted.unconditional_bound
    usual, noise_far, other_far = trusted.check(
        [[0.5, 0.5, 0.5], [0.5, 0.5, 3.0], [0.5, 3.0, 0.5]]
    ).upper
    assert other_far > usual == noise_far  # noise predicts nothing of the error
    assert trusted.check([[0.5, 0.5, 3.0], [0.5, 3.0, 0.5]]).inside.tolist() == [True, False]
    assert TrustedRange.load(trusted.save(tmp_path / "range.json")) == trusted


def test_a_feature_that_predicts_the_error_but_is_not_used_closes_the_range() -> None:
    rng = np.random.default_rng(7)
    distance, error, blocks = blocks_of_errors(rng, 80, 10)
    copy = distance + 0.1 * rng.normal(size=distance.size)
    trusted = TrustedRange.fit(
        np.column_stack([distance, copy]), error, blocks, names=["distance", "copy"]
    )
    assert trusted.chosen == ("distance",) and trusted.competition is not None
    assert trusted.competition.useless == ()
    assert trusted.check([[0.5, 0.5], [0.5, 3.0]]).inside.tolist() == [True, False]


def test_of_equal_candidates_the_log_linear_one_is_chosen() -> None:
    rng = np.random.default_rng(8)
    feature = rng.uniform(0.5, 2, 1000)
    error = feature * np.exp(0.4 * rng.normal(size=1000))
    found = compete(feature[:, None], error, np.arange(1000) // 5, 0.9, ["x"])
    assert found.chosen.kind == "log-linear" and len(found.candidates) == 4
    stepped = np.where(feature > 1.2, 5.0, 1.0) * error / feature
    found = compete(feature[:, None], stepped, np.arange(1000) // 5, 0.9, ["x"])
    assert found.chosen.kind != "log-linear"


@pytest.mark.parametrize("kind", ["isotonic", "trees", "log-linear"])
def test_saved_quantiles_are_the_same_to_the_last_digit(tmp_path: Path, kind: str) -> None:
    features, error, blocks = made(4, 40)
    trusted = TrustedRange.fit(features, error, blocks, names=NAMES, kind=kind, splits=3)
    loaded = TrustedRange.load(trusted.save(tmp_path / "range.json"))
    assert loaded == trusted and loaded.model.kind == kind
    at = np.random.default_rng(0).uniform(-1, 2, (200, 3))
    np.testing.assert_allclose(loaded.check(at).upper, trusted.check(at).upper, rtol=1e-12)
    assert (loaded.check(at).expected >= 0).all()


def test_coverage_is_nominal_although_the_choice_knows_the_calibration() -> None:
    """Features and model are chosen on all fitted blocks; new blocks keep the coverage."""
    observed = []
    for seed in range(8):
        features, error, blocks = made(seed, 60)
        fits = fit_splits(features, error, blocks, 0.9, num=3)[0.9]
        new, new_error, _ = made(1000 + seed, 200)
        observed.append(np.mean(new_error <= np.median(bounds(fits, new), axis=0)))
    spread = np.std(observed) / np.sqrt(len(observed))
    assert np.mean(observed) > 0.9 - 3 * spread
    assert np.mean(observed) < 0.9 + 2 / 41 + 3 * spread  # of 40 calibration blocks


def test_bound_of_independent_samples_is_that_of_conformalised_quantile_regression() -> None:
    """Scores sorted, and the ⌈(n + 1) τ⌉-th taken, as in MAPIE and crepes."""
    rng = np.random.default_rng(5)
    feature = rng.uniform(0.5, 2, 200)
    error = feature * np.exp(0.4 * rng.normal(size=200))
    single = np.arange(200)
    trusted = TrustedRange.fit(feature, error, single, kind="isotonic", splits=1)
    calibrates = calibration_blocks(single, 0.9, 0)
    upper = trusted.model.bound(feature[:, None], 0.0)
    scores = np.sort(error[calibrates] / upper[calibrates] - 1)
    quantile = scores[int(np.ceil((len(scores) + 1) * 0.9)) - 1]
    within = trusted.model.margin(feature[:, None]) == 0
    expected = upper[within] * (1 + quantile)
    np.testing.assert_allclose(trusted.check(feature[within]).upper, expected, rtol=0.03)
    assert np.median(trusted.check(feature[within]).upper / expected) == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize("seed", [0, 1, 3])
def test_ranges_of_features_without_information_have_the_ends_of_their_own_feature(
    seed: int,
) -> None:
    rng = np.random.default_rng(seed)
    features, errors = rng.normal(size=(90, 3)), rng.exponential(size=90)
    trusted = TrustedRange.fit(features, errors, np.arange(90), kind="log-linear", splits=1)
    assert trusted.single is not None and len(trusted.competition.useless) == 2
    for fitted in (trusted, trusted.single):
        (own,) = fitted.chosen
        far = {one.name: 100.0 if one.name == own else 0.0 for one in fitted.features}
        assert not fitted.check(far).inside[0]
