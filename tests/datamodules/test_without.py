from __future__ import annotations

import numpy as np
import polars
import pytest

from saibench.datamodules.samplers import Chain, Subset, Where, Window, Without
from saibench.errors import UserError

INDEX = polars.DataFrame(
    {"sample_id": np.arange(200)[::-1] * 3, "time": np.random.default_rng(0).uniform(size=200)}
)


def test_a_draw_and_what_it_leaves_are_all_samples() -> None:
    draw = Subset(fraction=0.9, seed=17)
    drawn, left = draw.select(INDEX), Without((draw,)).select(INDEX)
    assert len(left) == 20
    assert sorted([*drawn, *left]) == list(range(200))
    ids = INDEX["sample_id"].to_numpy()[left]
    assert (np.diff(ids) > 0).all()


def test_it_leaves_what_the_samplers_one_after_another_select() -> None:
    steps = (Window(start=0, size=0.5), Where(by="time", at_least=0.3))
    left = Without(steps).select(INDEX)
    assert set(left) == set(range(200)) - set(Chain(steps).select(INDEX))
    assert Without(steps).features() == {"time"}
    assert Without((Chain(steps),)) == Without(steps)


def test_within_a_window_it_leaves_the_rest_of_the_window() -> None:
    window, draw = Window(start=0, size=0.5), Subset(fraction=0.9, seed=17)
    drawn, left = (window | draw).select(INDEX), (window | Without((draw,))).select(INDEX)
    assert sorted([*drawn, *left]) == sorted(window.select(INDEX))


def test_it_describes_hashes_and_refuses() -> None:
    sampler = Without((Subset(fraction=0.9, seed=17),))
    assert sampler.describe() == "all samples except: 90 % of the samples drawn with seed 17"
    assert sampler.hash() != Without((Subset(fraction=0.9, seed=18),)).hash()
    with pytest.raises(UserError, match="not a sampler"):
        Without(("time",))  # type: ignore[arg-type]
