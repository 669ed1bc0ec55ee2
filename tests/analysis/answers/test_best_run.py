"""How often equally good models are told apart, by simulation."""

from __future__ import annotations

import numpy as np
import polars
import pytest
from scipy import stats

from saibench.analysis.answers.best_run import (
    BestRunNumbers,
    ComparedModel,
    best_run_cautions,
    best_run_sentence,
    ranked,
)
from saibench.analysis.bootstrap import Interval
from saibench.analysis.few_blocks import PARTS
from saibench.analysis.model_errors import ModelErrors
from saibench.analysis.tested_models import TestedModel
from saibench.analysis.trusted_range.records import Quantity
from saibench.evidence.independence import Independence, marked_index

MODELS = [TestedModel(name, name, (name,), {}, trains=False) for name in "abcde"]


def errors(rng: np.random.Generator, means: list[float], samples: int = 60) -> ModelErrors:
    """Independent samples whose difficulty is common to all models."""
    common = rng.gamma(2.0, 1.0, samples)
    by_point = {
        model.label: mean + common + rng.gamma(2.0, 0.5, samples)
        for model, mean in zip(MODELS, means, strict=True)
    }
    values = {name: own[:, None] for name, own in by_point.items()}
    ids = polars.DataFrame({"sample_id": range(samples)})
    return ModelErrors("test", Quantity("error"), "", ("",), ids, values)


@pytest.mark.parametrize("count", [2, 5])
def test_the_best_of_equal_models_is_rarely_significant(count: int) -> None:
    rng, models = np.random.default_rng(count), MODELS[:count]
    trials = 120
    found = [ranked(errors(rng, [0.0] * len(MODELS)), models)[1].is_worse for _ in range(trials)]
    at_most = stats.binom.ppf(0.999, trials, 0.05)
    assert sum(found) <= at_most


def test_a_better_model_is_found() -> None:
    rng = np.random.default_rng(0)
    for _ in range(10):
        best, *others = ranked(errors(rng, [1.0, 0.0, 1.0, 2.0, 1.0]), MODELS)
        assert best.label == "b" and all(one.is_worse for one in others)
        assert others[-1].label == "d"


def test_models_that_could_not_be_tested_are_counted() -> None:
    """Three times the error of the best, without an interval: no claim that it is no worse."""

    def model(label: str, mean: float, low: float = np.nan, high: float = np.nan) -> ComparedModel:
        compared = None if label == "a" else Interval(low, mean - 65, high, 5, 400)
        return ComparedModel(
            label, (label,), 1, Interval(mean - 9, mean, mean + 9, 5, 400), compared
        )

    def sentence(*models: ComparedModel) -> str:
        return best_run_sentence(BestRunNumbers(Quantity("force_mae"), "last_tenth", models))

    best, second = model("a", 65), model("b", 72, -22, 22)
    untested = sentence(best, second, model("c", 216))
    assert "b is 7 [−22, 22] above it (not significant)" in untested
    assert "c is not tested" in untested and "no other run" not in untested
    assert "no other run" in sentence(best, second, model("c", 80, -1, 30))
    worse = sentence(best, second, model("c", 216, 90, 210), model("d", 300))
    assert "c is 151 [90, 210] above it (significant)" in worse and "d is not tested" in worse
    more = sentence(best, model("b", 80, 1, 30), model("c", 90, 2, 50), model("d", 99, 3, 60))
    assert "b is 15 [1, 30] above it (significant); 2 further are significantly" in more


def test_a_comparison_that_rests_on_four_parts_has_a_caution() -> None:
    """A trend of the second model's error, of which the test has few correlation times."""
    rng = np.random.default_rng(3)
    trend = np.linspace(60.0, 200.0, 400) + rng.normal(0.0, 20.0, 400)
    by_point = {"a": rng.normal(50.0, 5.0, 400)[:, None], "b": trend[:, None]}
    ids = np.arange(400)
    table = polars.DataFrame({"sample_id": ids, "time": ids.astype(float)})
    samples = marked_index(table, Independence("time", "time"))
    compared = ModelErrors("last_tenth", Quantity("error"), "", ("",), samples, by_point)
    best, other = ranked(compared, MODELS[:2])
    assert other.is_worse and other.difference is not None and other.difference.num_blocks == PARTS
    (caution,) = best_run_cautions(BestRunNumbers(Quantity("error"), "last_tenth", (best, other)))
    assert "with b" in caution and f"{PARTS} parts" in caution


def test_settings_with_a_single_seed_are_named() -> None:
    mean = Interval(1.0, 2.0, 3.0, 50, 400)
    models = [ComparedModel(name, (name,), seeds, mean) for name, seeds in (("a", 3), ("b", 1))]
    numbers = BestRunNumbers(Quantity("error"), "test", tuple(models))
    (caution,) = best_run_cautions(numbers)
    assert "for b:" in caution
