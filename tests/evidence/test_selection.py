"""Which settings tell the points of a study apart."""

from __future__ import annotations

import polars

from saibench.evidence.selection import differing


def test_objects_made_of_simple_settings_are_left_out() -> None:
    points = polars.DataFrame(
        {
            "point": ["a", "b", "c"],
            "train_bins": ["[0]", "[0, 1]", "[0, 1]"],
            "training.samplers": ['[{"bins": [0]}]', '[{"bins": [0, 1]}]', '[{"bins": [0, 1]}]'],
            "seed": [0, 0, 1],
        }
    )
    assert differing(points) == ["train_bins", "seed"]
    assert differing(points.drop("train_bins").head(2)) == ["training.samplers"]
