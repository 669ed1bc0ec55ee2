"""Scores by event and lead time, against pysteps, scipy.ndimage, loops and hand-worked numbers."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
import torch
from rain_by_loops import frames, rain
from scipy import ndimage
from torch import Tensor

from saibench.metrics.nowcasting.functional.csi_counts import cumulative_csi, responds_at_every_lead
from saibench.metrics.nowcasting.functional.rain import rain_frame_sums
from saibench.metrics.nowcasting.functional.rain_statistics import (
    Trend,
    active_area_error,
    center_of_mass_displacement,
    critical_success_index,
    differential_trend,
    mean_absolute_rain_error,
    mean_observed_rate,
    mean_predicted_rate,
    observed_center_of_mass,
    predicted_center_of_mass,
)
from saibench.metrics.nowcasting.functional.spread import spread_over_draws
from saibench.metrics.nowcasting.functional.trend_quadrants import trend_errors, trend_sums

THRESHOLDS = (16.0, 32.0, 64.0)


def frame(*rows: list[float]) -> Tensor:
    """One event of one lead time, (1, 1, H, W)."""
    return torch.tensor(rows)[None, None]


@pytest.mark.parametrize("masked", [False, True])
def test_statistics_are_those_of_loops(masked):
    preds, target, mask = rain(4, 3, seed=10)
    mask = mask if masked else None
    sums = rain_frame_sums(preds, target, mask, THRESHOLDS)
    displacement = center_of_mass_displacement(sums)
    for event, of_event in enumerate(frames(preds, target, mask)):
        for lead, by_loop in enumerate(of_event):
            dx, dy = by_loop.displacement()
            predicted_rate, observed_rate = by_loop.mean_rates()
            expected = [
                by_loop.mean_absolute_error(),
                by_loop.active_area_mae(5.0, "observed"),
                by_loop.active_area_mae(5.0, "union"),
                *(by_loop.csi(threshold) for threshold in THRESHOLDS),
                *(dx, dy, math.hypot(dx, dy)),
                *(predicted_rate, observed_rate),
            ]
            found = [
                mean_absolute_rain_error(sums),
                active_area_error(sums),
                active_area_error(sums, "union"),
                *(critical_success_index(sums, threshold) for threshold in THRESHOLDS),
                *displacement,
                *(mean_predicted_rate(sums), mean_observed_rate(sums)),
            ]
            found = [values[event, lead].item() for values in found]
            assert found == pytest.approx(expected, rel=1e-12, abs=1e-12, nan_ok=True)


@pytest.mark.filterwarnings("ignore:invalid value")
def test_csi_and_mae_are_those_of_pysteps():
    detcatscores = pytest.importorskip("pysteps.verification.detcatscores")
    detcontscores = pytest.importorskip("pysteps.verification.detcontscores")
    preds, target, _ = rain(3, 4, 16, 16, seed=11)
    sums = rain_frame_sums(preds, target, thresholds=THRESHOLDS)
    predicted, observed = preds.clamp(min=0).numpy(), target.clamp(0, 128).numpy()
    mae = mean_absolute_rain_error(sums)
    for at in np.ndindex(3, 4):
        pair = predicted[at], observed[at]
        expected = detcontscores.det_cont_fct(*pair, scores="MAE")["MAE"]
        assert mae[at].item() == pytest.approx(expected, rel=1e-12)
        for threshold in THRESHOLDS:
            below = np.nextafter(threshold, 0)  # an event of pysteps exceeds its threshold
            expected = detcatscores.det_cat_fct(*pair, below, scores="CSI")["CSI"]
            found = critical_success_index(sums, threshold)[at].item()
            assert found == pytest.approx(expected, rel=1e-12, nan_ok=True)


def test_centres_of_mass_are_those_of_scipy():
    preds, target, _ = rain(3, 4, 16, 16, seed=12)
    target[1, 2] = 1.0  # a centre in the middle
    sums = rain_frame_sums(preds, target)
    for found, values in [
        (observed_center_of_mass(sums), target.clamp(0, 128)),
        (predicted_center_of_mass(sums), preds.clamp(min=0)),
    ]:
        for at in np.ndindex(3, 4):
            if not values[at].any():
                assert found.x[at].isnan() and found.y[at].isnan()
                continue
            y, x = ndimage.center_of_mass(values[at].numpy())
            assert (found.x[at].item(), found.y[at].item()) == pytest.approx((x, y), rel=1e-12)


def test_csi_of_a_hand_worked_frame_with_ties():
    target = frame([16.0, 16.0, 15.9, 0.0], [20.0, 0.0, 40.0, 1.0])
    preds = frame([16.0, 15.9, 16.0, 0.0], [17.0, 30.0, 0.0, 2.0])
    sums = rain_frame_sums(preds, target, thresholds=[16.0])
    assert (sums.hits.item(), sums.misses.item(), sums.false_alarms.item()) == (2, 2, 2)
    assert critical_success_index(sums, 16.0).item() == pytest.approx(1 / 3, rel=1e-15)


def test_scores_of_dry_and_of_wet_frames():
    dry, wet = torch.zeros(1, 1, 3, 3), torch.full((1, 1, 3, 3), 20.0)
    both_dry, missed, imagined, perfect = (
        rain_frame_sums(preds, target, thresholds=[16.0])
        for preds, target in [(dry, dry), (dry, wet), (wet, dry), (wet, wet)]
    )
    csi = [critical_success_index(s, 16.0).item() for s in (both_dry, missed, imagined, perfect)]
    assert csi == pytest.approx([math.nan, 0.0, 0.0, 1.0], nan_ok=True)
    active = [active_area_error(s).item() for s in (both_dry, missed, imagined, perfect)]
    assert active == pytest.approx([math.nan, 20.0, math.nan, 0.0], nan_ok=True)
    union = [active_area_error(s, "union").item() for s in (both_dry, missed, imagined, perfect)]
    assert union == pytest.approx([math.nan, 20.0, 20.0, 0.0], nan_ok=True)
    dr = [center_of_mass_displacement(s).dr.item() for s in (both_dry, missed, imagined, perfect)]
    assert dr == pytest.approx([math.nan, math.nan, math.nan, 0.0], nan_ok=True)
    assert mean_absolute_rain_error(both_dry).item() == 0.0


def test_a_frame_without_a_valid_pixel_has_no_score():
    wet = torch.full((1, 1, 3, 3), 20.0)
    sums = rain_frame_sums(wet, wet, mask=torch.zeros(1, 1, 3, 3) > 0)
    assert mean_absolute_rain_error(sums).isnan()
    assert active_area_error(sums).isnan()
    assert critical_success_index(sums, 16.0).isnan()
    assert mean_observed_rate(sums).isnan()


def test_a_moved_field_is_displaced_by_its_motion_in_pixels_or_km():
    target = torch.zeros(1, 1, 32, 32)
    target[..., 5:9, 4:12] = torch.rand(4, 8, generator=torch.Generator().manual_seed(0)) * 50
    sums = rain_frame_sums(target.roll((12, 5), dims=(-2, -1)), target)
    pixels, km = center_of_mass_displacement(sums), center_of_mass_displacement(sums, pixel_km=2.0)
    found = [value.item() for value in (*pixels, *km)]
    assert found == pytest.approx([5, 12, 13, 10, 24, 26], rel=1e-12)


def test_trend_offsets_both_by_the_observed_start_and_divides_by_valid_pixels():
    target = torch.tensor([4.0, 6.0, 1.0])[None, :, None, None].repeat(1, 1, 2, 2)
    preds = torch.tensor([100.0, 3.0, 5.0])[None, :, None, None].repeat(1, 1, 2, 2)
    mask = torch.ones_like(target) > 0
    mask[0, 1, 0] = False  # half of the pixels of frame 1
    trend = differential_trend(rain_frame_sums(preds, target, mask), start=0, leads=[1, 2])
    assert trend.observed.tolist() == [[2.0, -3.0]]
    assert trend.predicted.tolist() == [[-1.0, 1.0]]


def test_quadrants_of_a_trend_and_what_lies_on_an_axis():
    observed = torch.tensor([[1.0], [2.0], [-1.0], [-3.0], [4.0], [0.0], [5.0], [torch.nan]])
    predicted = torch.tensor([[2.0], [5.0], [1.0], [-1.0], [-1.0], [3.0], [0.0], [1.0]])
    found = trend_errors(*trend_sums(Trend(observed.double(), predicted.double())))
    assert found["quadrant_count"].tolist() == [[2, 1, 1, 1]]
    assert found["quadrant_mae"].tolist() == [[2.0, 2.0, 2.0, 5.0]]
    assert found["quadrant_bias"].tolist() == [[2.0, 2.0, 2.0, -5.0]]
    assert found["on_axis"].tolist() == [2]
    assert found["count"].tolist() == [7]
    assert found["mae"].item() == pytest.approx((1 + 3 + 2 + 2 + 5 + 3 + 5) / 7)
    assert found["bias"].item() == pytest.approx((1 + 3 + 2 + 2 - 5 + 3 - 5) / 7)


def event_of(hits: int, misses: int, pixels: int = 250) -> tuple[Tensor, Tensor]:
    """One frame, (1, pixels), with this many hits and misses."""
    preds, target = torch.zeros(1, pixels), torch.zeros(1, pixels)
    target[0, : hits + misses] = 20.0
    preds[0, :hits] = 20.0
    return preds, target


def test_csi_is_binned_in_whole_numbers():
    cases = [(k, 200 - k) for k in range(201)]
    pairs = [event_of(*case) for case in cases]
    preds = torch.stack([p for p, _ in pairs]).unsqueeze(1)
    target = torch.stack([t for _, t in pairs]).unsqueeze(1)
    found = cumulative_csi(rain_frame_sums(preds, target), 16.0, num_bins=30, step=0.015)
    expected, overflow = [0] * 30, 0
    for hits, misses in cases:
        position = math.floor(Fraction(hits, hits + misses) / Fraction("0.015"))
        if position < 30:
            expected[position] += 1
        else:
            overflow += 1
    assert found.counts.tolist() == [expected]
    assert found.overflow.tolist() == [overflow]
    assert overflow == 201 - 90  # a CSI of 0.45 overflows


def test_an_event_enters_only_if_it_responds_at_every_lead():
    heard, silent = event_of(1, 3), event_of(0, 0)
    alarm = silent[1] + 20.0, silent[1]
    events = [(heard, heard), (heard, silent), (silent, heard), (heard, alarm), (silent, silent)]
    preds = torch.stack([torch.stack([p for p, _ in event]) for event in events])
    target = torch.stack([torch.stack([t for _, t in event]) for event in events])
    sums = rain_frame_sums(preds, target)
    assert responds_at_every_lead(sums, 16.0).tolist() == [True, False, False, True, False]
    found = cumulative_csi(sums, 16.0, num_bins=4, step=0.25)
    assert found.counts.tolist() == [[0, 2, 0, 0], [1, 1, 0, 0]]
    assert found.selected.tolist() == [True, False, False, True, False]


def test_spread_is_that_of_numpy_and_outliers_lie_beyond_the_fences():
    generator = torch.Generator().manual_seed(0)
    values = torch.randn(3, 40, 2, generator=generator, dtype=torch.float64)
    values[0, 7, 1], values[2, 3, 0] = 60.0, -60.0
    values[1, 5:, 0] = torch.nan
    values[1, :, 1] = torch.nan
    found = spread_over_draws(values)
    for event, lead in np.ndindex(3, 2):
        draws = values[event, :, lead].numpy()
        draws = draws[~np.isnan(draws)]
        assert found["count"][event, lead] == len(draws)
        here = [found[name][event, lead].item() for name in ("mean", "std")]
        if not len(draws):
            assert np.isnan(here).all()
            continue
        assert here == pytest.approx([draws.mean(), draws.std(ddof=1)], rel=1e-12)
        assert found["lowest"][event, lead] == draws.min()
        assert found["highest"][event, lead] == draws.max()
        first, third = np.quantile(draws, [0.25, 0.75])
        beyond = (values[event, :, lead] < first - 3 * (third - first)) | (
            values[event, :, lead] > third + 3 * (third - first)
        )
        assert torch.equal(found["outliers"][event, :, lead], beyond)
    assert found["outliers"].nonzero().tolist() == [[0, 7, 1], [2, 3, 0]]


def test_invalid_settings_are_refused():
    sums = rain_frame_sums(torch.zeros(1, 2, 2, 2), torch.zeros(1, 2, 2, 2))
    with pytest.raises(ValueError, match=r"\[16\.0, 32\.0, 64\.0\] .*8"):
        critical_success_index(sums, 8)
    with pytest.raises(ValueError, match=r"area=unoin .*'union'"):
        active_area_error(sums, "unoin")
    with pytest.raises(ValueError, match=r"lead 2\b.*1"):
        differential_trend(sums, leads=[1, 2])
    with pytest.raises(ValueError, match="num_bins"):
        cumulative_csi(sums, 16.0, num_bins=0)
    with pytest.raises(ValueError, match="step"):
        cumulative_csi(sums, 16.0, step=0.0)
