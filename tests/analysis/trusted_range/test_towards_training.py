"""A sample nearer to training than all tested ones is inside, with the bound of the edge."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from made_trust import blocks_of_errors

from saibench.analysis.trusted_range import Quantity, TrustedRange
from saibench.analysis.trusted_range.edges import EDGE_BLOCKS
from saibench.analysis.trusted_range.model_curves import KINDS, ModelKind
from saibench.analysis.trusted_range.sentences import check_sentences, tolerance_sentence
from saibench.analysis.trusted_range.splits import fitted_range
from saibench.evidence.known import training_side
from saibench.evidence.schema import Field

DISTANCE = Quantity("distance", training="low")
SIMILARITY = Quantity("similarity", training="high")


def made(quantity: Quantity, kind: ModelKind = "monotone") -> TrustedRange:
    """Errors that rise with a distance from 0.2 to 1.2, or fall with a similarity."""
    feature, error, blocks = blocks_of_errors(np.random.default_rng(0), 60, 10)
    feature = 0.2 + (1 - feature if quantity.training == "high" else feature)
    return TrustedRange.fit(feature, error, blocks, kind=kind, names=[quantity], tolerance=3.0)


@pytest.mark.parametrize("kind", ["monotone", "quadratic", "isotonic", "log-linear"])
@pytest.mark.parametrize("quantity", [DISTANCE, SIMILARITY], ids=lambda one: one.training)
def test_nearer_samples_are_inside_with_the_bound_of_the_edge(
    quantity: Quantity, kind: ModelKind
) -> None:
    trusted = made(quantity, kind)
    low, high = trusted.low[0], trusted.high[0]
    near, far = (low, high) if quantity.training == "low" else (high, low)
    outward = np.sign(near - far)
    check = trusted.check([near, near + 0.1 * outward, near + 10 * outward, far - 0.1 * outward])
    assert check.inside.tolist() == [True, True, True, False]
    assert check.upper[1] == check.upper[2] <= check.upper[0]
    assert check.expected[1] == check.expected[2]
    assert check.upper[3] > trusted.check(far).upper[0]


def test_an_undeclared_feature_has_two_ends() -> None:
    known, both = made(DISTANCE), made(Quantity("distance"))
    assert known.low == both.low
    below = both.low[0] - 0.1
    assert known.check(below).inside[0] and not both.check(below).inside[0]
    assert both.check(below).upper[0] > known.check(below).upper[0]


@pytest.mark.parametrize("kind", [None, *KINDS])
def test_no_bound_falls_away_from_training(kind: ModelKind | None) -> None:
    """The errors fall with the distance, and with the similarity given the distance they rise."""
    rng = np.random.default_rng(3)
    distance = rng.uniform(0.2, 1.2, 600)
    similarity = 1 - distance + 0.1 * rng.normal(size=600)
    other = rng.normal(size=600)
    error = np.exp(-distance + 2 * (similarity + distance) + other + 0.3 * rng.normal(size=600))
    quantities = [DISTANCE, SIMILARITY, Quantity("other")]
    features = np.column_stack([distance, similarity, other])
    trusted = TrustedRange.fit(
        features, error, np.arange(600) // 5, kind=kind, names=quantities, splits=2
    )
    at = rng.uniform(-0.5, 1.7, (200, 3))
    moved = at + rng.uniform(0, 0.5, (200, 1)) * [1, -1, 0]
    near, far = trusted.check(at), trusted.check(moved)
    assert (far.upper >= near.upper * (1 - 1e-9)).all()
    assert (far.expected >= near.expected * (1 - 1e-9)).all()


def test_a_useless_distance_is_closed_away_from_training_only() -> None:
    rng = np.random.default_rng(7)
    distance, error, blocks = blocks_of_errors(rng, 80, 10)
    chance = rng.uniform(size=(len(error), 3))
    names = [DISTANCE, *(Quantity(f"chance {side}", training=side) for side in ("low", "high", ""))]
    trusted = TrustedRange.fit(np.column_stack([distance, chance]), error, blocks, names=names)
    assert trusted.competition is not None and len(trusted.competition.useless) == 3
    far = {0: (True, False), 1: (False, True), 2: (True, True)}  # below, above
    for column, expected in far.items():
        usual = np.full((2, 4), 0.5)
        usual[:, 1 + column] = -9, 9
        assert tuple(trusted.check(usual).inside) == expected


def test_a_saved_range_keeps_the_side_of_training(tmp_path: Path) -> None:
    trusted = made(DISTANCE)
    loaded = TrustedRange.load(trusted.save(tmp_path / "range.json"))
    assert loaded == trusted
    assert loaded.check(0.0).inside[0] and loaded.features[0].training == "low"


def test_sentences_call_nearer_samples_neither_outside_nor_extrapolated() -> None:
    trusted = made(DISTANCE)
    found = trusted.trusted()
    assert found.below is None and found.intervals[0][0] == trusted.low[0]
    assert "Beyond the data" not in tolerance_sentence(trusted, found)
    near = " ".join(check_sentences(trusted, {"distance": 0.0}, 3.0))
    far = " ".join(check_sentences(trusted, {"distance": 2.0}, 3.0))
    assert "outside the fitted range" not in near
    assert "outside the fitted range" in far


def test_side_of_training_by_declaration_or_name() -> None:
    declared = Field("mine", "float64", role="feature", training="high")
    assert training_side(declared) == "high"
    assert training_side(Field.from_arrow(declared.to_arrow())) == "high"
    assert training_side(Field("soap_distance", "float64", role="feature")) == "low"
    assert training_side(Field("soap_similarity", "float64", role="feature")) == "high"
    assert training_side(Field("predicted_energy", "float64", role="feature")) == ""
    assert training_side(Field("mine", "float64", role="feature", training="near")) == ""


def test_many_features_exclude_about_as_many_new_samples_as_one() -> None:
    """The share of new samples outside, with one and with eight independent features."""
    rng = np.random.default_rng(0)
    blocks = np.repeat(np.arange(100), 5)
    outside = {}
    for count in (1, 8):
        shares = []
        for _ in range(20):
            low, high = fitted_range(rng.normal(size=(500, count)), blocks)
            new = rng.normal(size=(2000, count))
            shares.append(np.mean(np.any((new < low) | (new > high), axis=1)))
        outside[count] = np.mean(shares)
    # the k-th largest of n samples is exceeded by a share k / (n + 1) of new ones, on each side
    assert outside[1] == pytest.approx(2 * EDGE_BLOCKS / 501, rel=0.3)
    assert outside[8] == pytest.approx(2 * 8 / 501, rel=0.3)
