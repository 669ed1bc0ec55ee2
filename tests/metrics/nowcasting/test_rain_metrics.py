"""Rain metrics against loops, with a shared pass over the frames, and invalid input."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction

import pytest
import torch
from rain_by_loops import FrameByLoop, count, frames, mean, rain
from torch import Tensor
from torchmetrics import Metric, MetricCollection

from saibench.metrics.conformance import assert_metric_conforms
from saibench.metrics.nowcasting import (
    ActiveAreaMAE,
    CenterOfMassDisplacement,
    CriticalSuccessIndex,
    CumulativeCSI,
    DifferentialTrend,
    MeanAbsoluteErrorByLead,
    RainMetric,
)
from saibench.metrics.nowcasting.functional.rain import rain_frame_sums

LEADS = 3
BINS, STEP = 8, 0.04

Reference = Callable[..., dict]


def batches(masked: bool) -> list[tuple[Tensor, ...]]:
    made = [rain(num_events, LEADS, seed=seed) for seed, num_events in enumerate([3, 5, 1])]
    for _, _, mask in made:
        mask[..., 0, 0] = True  # where assert_metric_conforms puts NaN
    return made if masked else [batch[:2] for batch in made]


def by_lead(of_frame: Callable[[FrameByLoop], float], batch: tuple) -> list[list[float]]:
    """A score of every event, lead time by lead time."""
    events = frames(*batch)
    return [[of_frame(event[lead]) for event in events] for lead in range(LEADS)]


def means_by_loop(**scores: Callable[[FrameByLoop], float]) -> Reference:
    def reference(*batch) -> dict:
        values = {name: by_lead(score, batch) for name, score in scores.items()}
        first = next(iter(values.values()))
        return {name: [mean(lead) for lead in leads] for name, leads in values.items()} | {
            "count": [count(lead) for lead in first]
        }

    return reference


def csi_by_loop(threshold: float) -> Reference:
    def reference(*batch) -> dict:
        means = means_by_loop(csi=lambda frame: frame.csi(threshold))(*batch)
        categories = by_lead(lambda frame: frame.categories(threshold), batch)
        totals = [[sum(c[k] for c in lead) for lead in categories] for k in range(3)]
        relevant = [sum(of_lead) for of_lead in zip(*totals, strict=True)]
        return means | {
            "pooled": [h / r if r else math.nan for h, r in zip(totals[0], relevant, strict=True)],
            "hits": totals[0],
            "misses": totals[1],
            "false_alarms": totals[2],
        }

    return reference


def cumulative_csi_by_loop(threshold: float) -> Reference:
    def reference(*batch) -> dict:
        counts = [[0] * BINS for _ in range(LEADS)]
        overflow, values = [0] * LEADS, [[] for _ in range(LEADS)]
        for event in frames(*batch):
            categories = [frame.categories(threshold) for frame in event]
            if not all(map(sum, categories)):
                continue
            for lead, found in enumerate(categories):
                csi = Fraction(found[0], sum(found))
                values[lead].append(float(csi))
                position = math.floor(csi / Fraction(str(STEP)))
                if position < BINS:
                    counts[lead][position] += 1
                else:
                    overflow[lead] += 1
        return {
            "csi": [mean(lead) for lead in values],
            "count": [len(lead) for lead in values],
            "counts": counts,
            "overflow": overflow,
            "num_events": len(values[0]),
        }

    return reference


def trend_by_loop(start: int, leads: list[int]) -> Reference:
    quadrants = [(1, 1), (-1, 1), (-1, -1), (1, -1)]

    def sign(value: float) -> int:
        return (value > 0) - (value < 0)

    def reference(*batch) -> dict:
        found: dict[str, list] = {}
        for lead in leads:
            errors, signs = [], []
            for event in frames(*batch):
                offset = event[start].mean_rates()[1]
                predicted, observed = event[lead].mean_rates()
                predicted, observed = predicted - offset, observed - offset
                errors.append(predicted - observed)
                signs.append((sign(observed), sign(predicted)))
            of_quadrant = [
                [e for e, s in zip(errors, signs, strict=True) if s == quadrant]
                for quadrant in quadrants
            ]
            here = {
                "mae": mean([abs(e) for e in errors]),
                "bias": mean(errors),
                "count": len(errors),
                "quadrant_count": [len(of) for of in of_quadrant],
                "quadrant_mae": [mean([abs(e) for e in of]) for of in of_quadrant],
                "quadrant_bias": [mean(of) for of in of_quadrant],
                "on_axis": sum(0 in s for s in signs),
            }
            for name, value in here.items():
                found.setdefault(name, []).append(value)
        return found

    return reference


def dr(frame: FrameByLoop) -> float:
    return math.hypot(*frame.displacement())


CASES: dict[str, tuple[Callable[[], Metric], Reference]] = {
    "csi": (lambda: CriticalSuccessIndex(16.0, LEADS), csi_by_loop(16.0)),
    "cumulative_csi": (
        lambda: CumulativeCSI(16.0, BINS, STEP, LEADS),
        cumulative_csi_by_loop(16.0),
    ),
    "mae": (
        lambda: MeanAbsoluteErrorByLead(LEADS),
        means_by_loop(mae=FrameByLoop.mean_absolute_error),
    ),
    "active_area": (
        lambda: ActiveAreaMAE(5.0, num_leads=LEADS),
        means_by_loop(active_mae=lambda frame: frame.active_area_mae(5.0, "observed")),
    ),
    "active_union": (
        lambda: ActiveAreaMAE(30.0, "union", LEADS),
        means_by_loop(active_mae=lambda frame: frame.active_area_mae(30.0, "union")),
    ),
    "displacement": (
        lambda: CenterOfMassDisplacement(2.0, LEADS),
        means_by_loop(
            dr=lambda frame: 2 * dr(frame),
            dx=lambda frame: 2 * frame.displacement()[0],
            dy=lambda frame: 2 * frame.displacement()[1],
        ),
    ),
    "trend": (
        lambda: DifferentialTrend(start=0, leads=[1, 2], num_leads=LEADS),
        trend_by_loop(0, [1, 2]),
    ),
}


@pytest.mark.filterwarnings("ignore:The ``compute`` method:UserWarning")
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("case", CASES)
def test_metric_conforms(case, masked):
    make_metric, reference = CASES[case]
    assert_metric_conforms(make_metric, batches(masked), reference)


def collection() -> MetricCollection:
    return MetricCollection(
        {
            "csi_16": CriticalSuccessIndex(16.0, LEADS),
            "csi_64": CriticalSuccessIndex(64.0, LEADS),
            "cumulative_16": CumulativeCSI(16.0, BINS, STEP, LEADS),
            "cumulative_64": CumulativeCSI(64.0, BINS, STEP, LEADS),
            "mae": MeanAbsoluteErrorByLead(LEADS),
            "active": ActiveAreaMAE(5.0, num_leads=LEADS),
            "union": ActiveAreaMAE(5.0, "union", LEADS),
            "displacement": CenterOfMassDisplacement(num_leads=LEADS),
            "displacement_km": CenterOfMassDisplacement(2.0, num_leads=LEADS),
            "trend_1": DifferentialTrend(leads=[1], num_leads=LEADS),
            "trend_2": DifferentialTrend(leads=[2], num_leads=LEADS),
        }
    )


def test_a_collection_shares_one_pass_and_no_state_even_if_the_first_batch_is_dry(monkeypatch):
    dry = torch.zeros(2, LEADS, 4, 4)
    wet = rain(3, LEADS, seed=5)
    together = collection()
    alone = collection()
    for batch in [(dry, dry, None), wet]:
        for metric in alone.values(copy_state=False):
            metric.update(*batch)
    sums = [rain_frame_sums(dry, dry, thresholds=(16, 64)), rain_frame_sums(*wet, (16, 64))]

    def no_other_pass(*_, **__):
        raise AssertionError("the frames are read again")

    monkeypatch.setattr("saibench.metrics.nowcasting.base.rain_frame_sums", no_other_pass)
    for batch in sums:
        together.update(batch)
    for name, metric in alone.items(copy_state=False):
        torch.testing.assert_close(
            together[name].compute(), metric.compute(), rtol=1e-12, atol=0, equal_nan=True
        )
    pixels, km = together["displacement"].compute(), together["displacement_km"].compute()
    assert torch.equal(km["dr"], 2 * pixels["dr"])


@pytest.mark.parametrize("masked", [False, True])
def test_lead_time_metrics_give_the_mean_by_lead_first_and_its_count(masked):
    for metric in collection().values(copy_state=False):
        for batch in batches(masked):
            metric.update(*batch)
        found = metric.compute()
        first = next(iter(found.values()))
        assert first.shape == found["count"].shape
        assert first.shape == (() if isinstance(metric, DifferentialTrend) else (LEADS,))


def test_twenty_lead_times_are_the_default():
    field = torch.rand(1, 20, 4, 4) * 40
    for metric in (
        CriticalSuccessIndex(threshold=16.0),
        CumulativeCSI(threshold=16.0),
        MeanAbsoluteErrorByLead(),
        ActiveAreaMAE(),
        CenterOfMassDisplacement(),
    ):
        metric.update(field, field)
        assert len(next(iter(metric.compute().values()))) == 20
    trend = DifferentialTrend()
    trend.update(field, field)
    assert trend.compute()["mae"].tolist() == [0, 0, 0]
    grid = CumulativeCSI(threshold=16.0).counts
    assert grid.shape == (20, 30)


@pytest.mark.parametrize("make_metric", [made for made, _ in CASES.values()], ids=list(CASES))
def test_a_value_that_is_not_finite_is_named(make_metric):
    preds, target, _ = rain(2, LEADS, seed=6)
    bad = preds.clone()
    bad[0, 1, 2, 3] = torch.inf
    with pytest.raises(ValueError, match=r"predicted .*\(1 found"):
        make_metric().update(bad, target)
    bad = target.clone()
    bad[1, 0, :2, 3] = torch.nan
    with pytest.raises(ValueError, match=r"observed .*\(2 found"):
        make_metric().update(preds, bad)


def test_a_masked_nan_is_ignored():
    preds, target, mask = rain(2, LEADS, seed=7)
    metric = MeanAbsoluteErrorByLead(LEADS)
    metric.update(preds.where(mask, torch.nan), target.where(mask, torch.nan), mask)
    assert metric.compute()["mae"].isfinite().all()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: CriticalSuccessIndex(threshold=0.0), r"threshold=0\.0"),
        (lambda: CriticalSuccessIndex(16.0, num_leads=0), "num_leads"),
        (lambda: CriticalSuccessIndex(16.0, backend="cuda"), "backend=cuda"),
        (lambda: CumulativeCSI(16.0, num_bins=0), "num_bins"),
        (lambda: CumulativeCSI(16.0, step=2.0), "step"),
        (lambda: ActiveAreaMAE(threshold=0), "threshold=0"),
        (lambda: ActiveAreaMAE(area="all"), r"area=all .*observed, union"),
        (lambda: CenterOfMassDisplacement(pixel_km=0.0), "pixel_km"),
        (lambda: DifferentialTrend(leads=[5, 20]), r"lead 20\b.*19"),
        (lambda: DifferentialTrend(start=-1), "lead -1"),
    ],
)
def test_invalid_settings_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_batches_that_do_not_match_the_settings_are_refused():
    preds, target, mask = rain(1, LEADS, seed=8)
    sums = rain_frame_sums(preds, target, thresholds=[32.0], active_threshold=5.0)
    csi: RainMetric = CriticalSuccessIndex(16.0, LEADS)
    with pytest.raises(ValueError, match=r"CriticalSuccessIndex .*num_leads=20\b.*3"):
        CriticalSuccessIndex(16.0).update(preds, target)
    with pytest.raises(ValueError, match=r"\[32\.0\] .*16\.0"):
        csi.update(sums)
    with pytest.raises(ValueError, match=r"active_threshold=10\.0 .*5\.0"):
        ActiveAreaMAE(10.0, num_leads=LEADS).update(sums)
    with pytest.raises(ValueError, match=r"CriticalSuccessIndex\.update .*target"):
        csi.update(preds)
    with pytest.raises(ValueError, match=r"rain_frame_sums .*target and mask"):
        csi.update(sums, target, mask)
