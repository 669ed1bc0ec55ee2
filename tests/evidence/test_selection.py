"""Settings that distinguish the points of a study."""

from __future__ import annotations

from pathlib import Path

import polars

from saibench.evidence.reader import StudyEvidence
from saibench.evidence.selection import differing, short_names


def test_objects_composed_of_simple_settings_are_omitted() -> None:
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


def test_points_with_equal_slugs_get_unique_names() -> None:
    def record(slug: str, **settings: object) -> dict:
        return {"slug": slug, "state": "complete", "settings": settings}

    records = {
        "a": record("alone", steps=1, **{"model.net._target_": "nets.One"}),
        "b": record("by_model", steps=1, **{"model.net._target_": "nets.One"}),
        "c": record("by_model", steps=2, **{"model.net._target_": "nets.Two"}),
        "d": record("by_nothing", **{"model.net._target_": "nets.One"}),
        "e": record("by_nothing", **{"model.net._target_": "mine.One"}),
    }
    assert short_names(StudyEvidence(Path(), records, {}, {})) == {
        "a": "alone",
        "b": "by_model (model.net = One)",
        "c": "by_model (model.net = Two)",
        "d": "by_nothing-d",
        "e": "by_nothing-e",
    }
