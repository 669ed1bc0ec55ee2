"""The interval of the AUC of one class of several is that of the class against all others."""

from __future__ import annotations

import numpy as np
import polars

from saibench.analysis.classification.metric_intervals import metric_interval
from saibench.analysis.metric_sources import Statistics

COUNT = 300


def test_the_area_of_a_class_has_its_own_labels() -> None:
    rng = np.random.default_rng(0)
    of_class = rng.integers(0, 2, COUNT).astype(float)
    logit = rng.normal(of_class, 1)
    ids = np.arange(COUNT)
    of_signal = polars.DataFrame({"sample_id": ids, "label": rng.integers(0, 2, COUNT)})
    several = Statistics(
        of_signal,
        {("class_logit", "class", "Hbb"): logit, ("of_class", "class", "Hbb"): of_class},
    )
    of = {"how": "auc", "label": "Hbb", "columns": ["class/class_logit", "class/of_class"]}
    own = polars.DataFrame({"sample_id": ids, "label": of_class.astype(int)})
    alone = Statistics(own, {("logit", "", ""): logit})
    expected = metric_interval("auc", {"of": {"how": "auc", "columns": ["logit"]}}, alone)
    found = metric_interval("auc_Hbb", {"of": of}, several)
    assert found is not None and expected is not None
    assert found[0] == expected[0]


def test_the_area_of_a_class_of_numbered_labels() -> None:
    """As of a table of scores, whose label is the number of the class."""
    rng = np.random.default_rng(1)
    number = rng.integers(0, 3, COUNT)
    score = rng.normal(number == 2, 1)
    of = {"how": "auc", "columns": ["score_Hbb", "label"], "of_class": 2}
    ids = np.arange(COUNT)
    several = Statistics(
        polars.DataFrame({"sample_id": ids, "label": number}), {("score_Hbb", "", ""): score}
    )
    own = polars.DataFrame({"sample_id": ids, "label": (number == 2).astype(int)})
    alone = Statistics(own, {("logit", "", ""): score})
    expected = metric_interval("auc", {"of": {"how": "auc", "columns": ["logit"]}}, alone)
    found = metric_interval("auc_Hbb", {"of": of}, several)
    assert found is not None and expected is not None
    assert found[0] == expected[0]
