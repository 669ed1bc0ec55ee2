"""Rain metrics over two real gloo processes equal one process, however events are distributed."""

from __future__ import annotations

import pytest
import torch
from process_group import (
    SEVEN_ON_TWO_RANKS,
    assert_equal_to_one_process,
    found_on_ranks,
    values_on,
)

from saibench.metrics.nowcasting import (
    ActiveAreaMAE,
    CenterOfMassDisplacement,
    CriticalSuccessIndex,
    CumulativeCSI,
    DifferentialTrend,
    MeanAbsoluteErrorByLead,
    PredictionStability,
    RainMetric,
)
from saibench.metrics.nowcasting.functional.rain import rain_frame_sums

NUM_EVENTS = 7
LEADS = 3


def metrics_of(events: list[int]) -> dict[str, RainMetric]:
    """Each metric after one update per event."""
    generator = torch.Generator().manual_seed(0)
    shape = 2, NUM_EVENTS, LEADS, 6, 8
    preds, target = 40 * torch.rand(shape, generator=generator, dtype=torch.float64)
    metrics: dict[str, RainMetric] = {
        "csi": CriticalSuccessIndex(32.0, LEADS),
        "cumulative_csi": CumulativeCSI(32.0, num_bins=10, step=0.04, num_leads=LEADS),
        "mae": MeanAbsoluteErrorByLead(LEADS),
        "active": ActiveAreaMAE(30.0, "union", LEADS),
        "displacement": CenterOfMassDisplacement(num_leads=LEADS),
        "trend": DifferentialTrend(leads=[1, 2], num_leads=LEADS),
    }
    names = [f"{event:05d}" for event in range(NUM_EVENTS)]
    stability = PredictionStability(names, num_draws=1, num_leads=LEADS)
    for event in events:
        here = slice(event, event + 1)
        sums = rain_frame_sums(preds[here], target[here], thresholds=(32,), active_threshold=30)
        for metric in metrics.values():
            metric.update(sums)
        stability.update(sums, event=torch.tensor([event]), draw=torch.tensor([0]))
    return metrics | {"stability": stability}


def twice_the_same_draw() -> str:
    """Error of `compute` after two ranks got the same draw."""
    metric = PredictionStability(["00007"], num_draws=1, num_leads=1)
    frame, first = torch.ones(1, 1, 2, 2), torch.tensor([0])
    metric.update(frame, frame, first, first)
    try:
        return f"computed {metric.compute()}"
    except ValueError as error:
        return str(error)


def found_on(rank: int) -> dict:
    return {"values": values_on(rank, metrics_of), "twice": twice_the_same_draw()}


@pytest.fixture(scope="module")
def ranks(tmp_path_factory: pytest.TempPathFactory) -> list[dict]:
    """Results of two processes."""
    metrics_of([0])  # compiles the kernels before the fork
    return found_on_ranks(found_on, tmp_path_factory.mktemp("ranks"))


@pytest.mark.filterwarnings("ignore:The ``compute`` method:UserWarning")  # without events
@pytest.mark.parametrize("case", SEVEN_ON_TWO_RANKS)
def test_every_rank_has_the_value_of_one_process(ranks, case):
    for rank in ranks:
        assert_equal_to_one_process(rank["values"], case, metrics_of)


def test_seven_events_on_two_ranks_count_as_seven(ranks):
    for rank in ranks:
        found = rank["values"]["both_have_some"]
        assert found["mae"]["count"].tolist() == [NUM_EVENTS] * LEADS
        assert found["cumulative_csi"]["num_events"] == NUM_EVENTS
        assert found["stability"]["draws"].tolist() == [1] * NUM_EVENTS


def test_a_draw_given_to_two_ranks_stops_both(ranks):
    for rank in ranks:
        assert "Draw 0 of event 00007" in rank["twice"]
