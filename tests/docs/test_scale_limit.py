"""The limit of a bound that knows the scale of each frame's error, against simulation."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest

SCRIPT = Path(__file__).parents[2] / "docs/results/trusted_range/scale_limit.py"


@pytest.mark.parametrize("spread", [0.2, 0.6])
def test_limit_is_that_of_a_bound_with_the_true_scale(spread: float) -> None:
    spec = importlib.util.spec_from_file_location("scale_limit", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    rng = np.random.default_rng(0)
    scale = np.exp(spread * rng.normal(size=20_000))
    atoms = rng.uniform(0.5, 2, 9) * rng.gamma(4, 0.25, (20_000, 9))
    errors = scale[:, None] * atoms
    oracle, limit = module.limits(errors)

    frame = errors.mean(axis=1)
    plain = np.quantile(frame, 0.9)
    bound = scale * np.quantile(frame / scale, 0.9)
    assert oracle == pytest.approx(frame.mean() / plain, rel=1e-12)
    assert limit == pytest.approx(bound.mean() / plain, rel=0.03)
    assert oracle < limit < 1
