"""Scores of the Common Task Framework from evidence, and the finding on them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars
import pytest
from scipy import stats

from saibench.analysis.field_dynamics.common_task import CORRECTED, SCORES, over_data, scores
from saibench.findings.field_dynamics.common_task import findings
from saibench.findings.finding import SUPPORTED

ERRORS = (70.0, 80.0, 60.0)


@dataclass(eq=False)
class Metrics:
    """What the scores read of a study's evidence."""

    points: polars.DataFrame
    metrics: dict[str, Any]


def study(errors: tuple[float | None, ...] = ERRORS, *, of_zeros: float | None = None) -> Any:
    """Runs of one model, whose every official error is the same, and corrected ones 10 larger.

    Args:
        errors: by seed.
        of_zeros: the error of zeros, with the same seeds; None for no such runs.
    """
    runs = [("fno", seed, error) for seed, error in enumerate(errors)]
    if of_zeros is not None:
        runs += [("zeros", seed, of_zeros) for seed in range(len(errors))]
    names: dict[int, set[str]] = {pair: set() for pair in range(1, 10)}
    for pair, error in SCORES.values():
        names[pair].add(error)
    metrics = {
        f"{model}{seed}": {
            f"pair_{pair}": {name: {"value": error} for name in own}
            | {
                CORRECTED[name]: {"value": error and error + 10}
                for name in own
                if "long" not in name
            }
            for pair, own in names.items()
        }
        for model, seed, error in runs
    }
    table = polars.DataFrame(
        {
            "point": list(metrics),
            "state": "complete",
            "model.name": [model for model, _, _ in runs],
            "seed": [seed for _, seed, _ in runs],
        }
    )
    return Metrics(table, metrics)


def test_scores_are_100_minus_the_error_and_their_mean() -> None:
    found = scores(study())
    assert found.height == 3 * 13
    first = found.filter(seed=0)
    assert first.filter(score="E1").select("official", "corrected").row(0) == (30.0, 20.0)
    assert first.filter(score="E2").select("official", "corrected").row(0) == (30.0, 30.0)
    assert first.filter(score="mean")["corrected"].item() == pytest.approx((7 * 20 + 5 * 30) / 12)


def test_scores_are_clipped_and_a_failure_has_the_lowest() -> None:
    found = scores(study((450.0, None)))
    assert set(found["official"]) == {-100.0}


def test_interval_is_that_of_student_over_seeds() -> None:
    mean = scores(study()).filter(score="mean")
    values = 100 - np.array(ERRORS)
    low, high = stats.t.interval(0.95, 2, values.mean(), stats.sem(values))
    found = over_data(mean, "official")
    assert (found.low, found.estimate, found.high) == pytest.approx((low, 30.0, high))


def test_a_model_above_zeros_is_found() -> None:
    (found,) = findings(study(of_zeros=100.0))
    assert found.verdict == SUPPORTED and "30" in found.numbers


def test_zeros_have_the_score_that_they_were_tested_with() -> None:
    """Their histograms miss those of an attractor, so that a negative mean may be above theirs."""
    (found,) = findings(study((130.0, 140.0, 120.0), of_zeros=190.0))
    assert found.verdict == SUPPORTED and "60" in found.numbers
    assert findings(study()) == [], "without zeros there is no comparison"
