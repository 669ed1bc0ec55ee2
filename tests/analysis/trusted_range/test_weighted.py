"""The features that a bound names are those that it depends on."""

from __future__ import annotations

import numpy as np
import pytest
from made_trust import blocks_of_errors

from saibench.analysis.trusted_range import TrustedRange
from saibench.analysis.trusted_range.competition import Candidate, Competition
from saibench.analysis.trusted_range.error_model import fit_error_model
from saibench.analysis.trusted_range.model_curves import KINDS
from saibench.analysis.trusted_range.records import Quantity


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("columns", [(), (2, 0)])
def test_weighted_features_are_those_that_change_the_bound(
    kind: str, columns: tuple[int, ...]
) -> None:
    """The third feature may only rise, and the error falls with it."""
    rng = np.random.default_rng(0)
    features = rng.uniform(0.1, 1, (400, 3))
    errors = np.exp(2 * features[:, 0] - features[:, 2] + 0.2 * rng.standard_normal(400))
    model = fit_error_model(
        features,
        errors,
        np.arange(400) // 10,
        kind=kind,  # type: ignore[arg-type]
        columns=columns,
        open_sides=["", "", "low"],
    )
    line = np.linspace(model.low, model.high, 50)
    changing = set()
    for column in range(3):
        at = np.tile(np.array(model.typical), (50, 1))
        at[:, column] = line[:, column]
        if np.ptp(model.base(at) + model.local_spread(at)) > 1e-12:
            changing.add(column)
    assert changing <= model.weighted <= (set(columns) or {0, 1, 2})
    assert 0 in changing and (kind != "log-linear" or 2 not in model.weighted)


def test_a_coefficient_of_zero_names_no_feature(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error rises with one distance, and falls with four others, which no bound may."""
    names = [f"distance_{number}" for number in range(5)]
    each = [Candidate(tuple(own), "log-linear", 1, 0, 0, 1) for own in (names, names[:1])]
    monkeypatch.setattr(
        "saibench.analysis.trusted_range.trusted_range.compete",
        lambda *_, **__: Competition(tuple(each), each[0], 1.0, ()),
    )
    rng = np.random.default_rng(1)
    feature, errors, blocks = blocks_of_errors(rng, 40, 10)
    others = [1.5 - feature + rng.uniform(0, 0.1, len(feature)) for _ in range(4)]
    trusted = TrustedRange.fit(
        np.column_stack([feature + 0.1, *others]),
        errors,
        blocks,
        names=[Quantity(name, training="low") for name in names],
        splits=5,
    )
    assert trusted.competition is not None
    assert trusted.competition.chosen.features == tuple(names)
    assert trusted.chosen == ("distance_0",)
