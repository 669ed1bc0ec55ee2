"""The limit of a bound that knows the scale of each frame's error, against simulation."""

from __future__ import annotations

import numpy as np
import pytest
from docs_pages import DOCS


@pytest.mark.parametrize("spread", [0.2, 0.6])
def test_limit_is_that_of_a_bound_with_the_true_scale(
    spread: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(DOCS / "results" / "trusted_range")
    from scale_limit import limits

    rng = np.random.default_rng(0)
    scale = np.exp(spread * rng.normal(size=20_000))
    atoms = rng.uniform(0.5, 2, 9) * rng.gamma(4, 0.25, (20_000, 9))
    errors = scale[:, None] * atoms
    oracle, limit = limits(errors)

    frame = errors.mean(axis=1)
    plain = np.quantile(frame, 0.9)
    bound = scale * np.quantile(frame / scale, 0.9)
    assert oracle == pytest.approx(frame.mean() / plain, rel=1e-12)
    assert limit == pytest.approx(bound.mean() / plain, rel=0.03)
    assert oracle < limit < 1
