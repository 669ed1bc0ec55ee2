"""Spread over repeated predictions, against numpy on every draw."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from rain_by_loops import frames, rain
from torch import Tensor

from saibench.metrics.conformance import assert_metric_conforms
from saibench.metrics.nowcasting import Outlier, PredictionStability
from saibench.metrics.nowcasting.functional.rain import rain_frame_sums

EVENTS = ("00003", "00017", "00042")
DRAWS, LEADS = 5, 2
FENCE = 1.0


def stability() -> PredictionStability:
    return PredictionStability(EVENTS, DRAWS, LEADS, pixel_km=2.0, fence=FENCE)


def draws(*places: tuple[int, int], seed: int) -> tuple[Tensor, ...]:
    """Predictions of (event, draw), with masks."""
    preds, target, mask = rain(len(places), LEADS, seed=seed)
    mask[..., 0, 0] = True  # where assert_metric_conforms puts NaN
    event, draw = torch.tensor(places).T
    return preds, target, event, draw, mask


BATCHES = [
    draws((0, 0), (2, 4), (0, 3), (0, 1), seed=0),
    draws((2, 0), seed=1),
    draws((0, 2), (2, 1), (2, 2), (0, 4), (2, 3), seed=2),
]


def spread_by_numpy(preds, target, event, draw, mask) -> dict:
    scores = {name: np.full((len(EVENTS), DRAWS, LEADS), math.nan) for name in ("mae", "dr")}
    given = np.zeros(len(EVENTS))
    for e, d, of_event in zip(event, draw, frames(preds, target, mask), strict=True):
        given[e] += 1
        for lead, frame in enumerate(of_event):
            scores["mae"][e, d, lead] = frame.mean_absolute_error()
            scores["dr"][e, d, lead] = 2 * math.hypot(*frame.displacement())
    found = {name: over_defined(np.mean, values, axes=(0, 1)) for name, values in scores.items()}
    found |= {"count": (~np.isnan(scores["mae"])).sum((0, 1)), "draws": given}
    for name, values in scores.items():
        quartiles = [over_defined(lambda v, q=q: np.quantile(v, q), values) for q in (0.25, 0.75)]
        reach = FENCE * (quartiles[1] - quartiles[0])
        found |= {
            f"{name}_mean": over_defined(np.mean, values),
            f"{name}_std": over_defined(sample_std, values),
            f"{name}_lowest": over_defined(np.min, values),
            f"{name}_highest": over_defined(np.max, values),
            f"{name}_count": (~np.isnan(values)).sum(1),
            f"{name}_outliers": (values < (quartiles[0] - reach)[:, None])
            | (values > (quartiles[1] + reach)[:, None]),
        }
    return found


def sample_std(values: np.ndarray) -> float:
    return np.std(values, ddof=1) if len(values) > 1 else math.nan


def over_defined(reduce, values: np.ndarray, axes: tuple[int, ...] = (1,)) -> np.ndarray:
    """Reduce the defined numbers along `axes`; NaN without any."""
    kept = [axis for axis in range(values.ndim) if axis not in axes]
    rows = values.transpose(*kept, *axes)
    shape = rows.shape[: len(kept)]
    found = np.full(shape, math.nan)
    for at in np.ndindex(shape):
        defined = rows[at][~np.isnan(rows[at])]
        if len(defined):
            found[at] = reduce(defined)
    return found


@pytest.mark.filterwarnings("ignore:The ``compute`` method:UserWarning")
def test_stability_conforms():
    assert_metric_conforms(stability, BATCHES, spread_by_numpy)


def test_outliers_are_named():
    metric = PredictionStability(EVENTS, num_draws=8, num_leads=1)
    target = torch.zeros(1, 1, 2, 2)
    for draw in range(8):
        error = 50.0 if draw == 6 else 1.0 + draw / 10
        metric.update(target + error, target, torch.tensor([1]), torch.tensor([draw]))
    assert metric.named_outliers() == [Outlier("00017", draw=6, lead=0, score="mae", value=50.0)]


def test_sums_give_the_value_of_frames():
    preds, target, event, draw, mask = BATCHES[0]
    of_frames, of_sums = stability(), stability()
    of_frames.update(preds, target, event, draw, mask)
    of_sums.update(rain_frame_sums(preds, target, mask), event=event, draw=draw)
    torch.testing.assert_close(of_sums.compute(), of_frames.compute(), equal_nan=True)


@pytest.mark.parametrize("place", [(3, 0), (-1, 0), (0, 5), (0, -1)])
def test_an_event_or_a_draw_out_of_range_is_refused_and_forgotten_at_reset(place):
    metric = stability()
    with pytest.raises(ValueError, match=r"event or draw .*\(1 found\)"):
        metric.update(*draws((0, 0), place, seed=3))
    with pytest.raises(ValueError, match="event or draw"):
        metric.compute()
    metric.reset()
    metric.update(*BATCHES[1])
    assert metric.compute()["draws"].tolist() == [0, 0, 1]


def test_a_draw_of_two_updates_is_refused_by_name():
    metric = stability()
    metric.update(*draws((1, 4), (0, 0), (1, 4), seed=4))
    with pytest.raises(ValueError, match=r"Draw 4 of event 00017 .* 2 times"):
        metric.compute()


def test_settings_and_updates_without_draws_are_refused():
    with pytest.raises(ValueError, match=r"events=\[\]"):
        PredictionStability([], num_draws=3)
    with pytest.raises(ValueError, match="events='00003'"):
        PredictionStability("00003", num_draws=3)
    preds, target, event, _, _ = BATCHES[0]
    with pytest.raises(ValueError, match="event and draw"):
        stability().update(preds, target, event)
    with pytest.raises(ValueError, match=r"draw .*\(4,\)"):
        stability().update(preds, target, event, torch.tensor([1]))
