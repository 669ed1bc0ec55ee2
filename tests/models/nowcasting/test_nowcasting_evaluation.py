"""Statistics of events: undefined without valid pixels, refused if the prediction is NaN."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from saibench.datamodules.nowcasting.batch import RainBatch
from saibench.errors import UserError
from saibench.evidence.writer import checked_values
from saibench.models.nowcasting.displacement_demo import DisplacementDemo
from saibench.models.nowcasting.module import NowcastingModule

FACTS = {"pixel_km": 2.0, "has_truth": False}
NETS = "saibench.models.nowcasting.nets.baselines"


def module(net: str = "Persistence") -> NowcastingModule:
    return NowcastingModule({"_target_": f"{NETS}.{net}"}, dict(FACTS), "a_model", steps=0)


@pytest.fixture
def batch() -> RainBatch:
    rng = torch.Generator().manual_seed(0)
    rain = 30 * torch.rand(3, 29, 16, 16, generator=rng)
    mask = torch.rand(3, 20, 16, 16, generator=rng) < 0.9
    observed, target = rain[:, :9], torch.where(mask, rain[:, 9:], 0.0)
    return RainBatch(torch.tensor([4, 7, 9]), observed, target, mask, pixel_km=2.0)


class Broken(nn.Module):
    """Persistence, except for one pixel of one frame of the second event."""

    def __init__(self, value: float) -> None:
        super().__init__()
        self.value = value

    def forward(self, observed: Tensor, noise: object = None) -> Tensor:
        predicted = observed[:, -1:].repeat(1, 20, 1, 1)
        predicted[1, 5, 3, 2] = self.value
        return predicted


@pytest.mark.parametrize("value", [torch.nan, torch.inf, -torch.inf])
def test_one_pixel_that_is_not_finite_is_an_error_that_names_the_event(
    value: float, batch: RainBatch
) -> None:
    broken = module()
    broken.net = Broken(value)
    batch = replace(batch, mask=torch.ones_like(batch.mask))
    with pytest.raises(RuntimeError, match=r"predicted .*1 frames .*1 events .*\[7\]"):
        broken.test_step(batch, 0)


def test_predictions_of_invalid_pixels_are_ignored(batch: RainBatch) -> None:
    broken = module()
    broken.net = Broken(torch.nan)
    mask = batch.mask.clone()
    mask[1, 5, 3, 2] = False
    assert broken.test_step(replace(batch, mask=mask), 0)["mae"].isfinite().all()


def test_frames_and_events_without_valid_pixels_are_undefined(batch: RainBatch) -> None:
    mask = batch.mask.clone()
    mask[0, 3] = False
    mask[2] = False
    batch = replace(batch, mask=mask, target=torch.where(mask, batch.target, 0.0))
    persistence = module()
    values = persistence.test_step(batch, 0)
    for name in ("mae", "observed_rate", "predicted_rate"):
        assert values[f"lead/{name}"].isnan().nonzero().tolist() == [
            [0, 3],
            *([2, lead] for lead in range(20)),
        ]
    error = (batch.observed[0, -1] - batch.target[0]).abs().double().numpy()
    seen = [error[lead][mask[0, lead]].mean() for lead in range(20) if lead != 3]
    assert values["mae"][0].item() == pytest.approx(np.mean(seen), rel=1e-6)
    assert values["mae"].isnan().tolist() == [False, False, True]
    columns = {name: value.numpy() for name, value in values.items()}
    checked = checked_values(
        persistence.statistics(), columns | {"sample_id": batch.sample_id.numpy()}
    )
    for statistic in persistence.statistics():
        np.testing.assert_array_equal(checked[statistic.key], columns[statistic.key])


def test_no_prediction_makes_a_score_undefined(batch: RainBatch) -> None:
    """NaN predictions of rainy frames with valid pixels are refused, not excluded."""
    persistence = module()
    frames = 3 * batch.target
    frames[0, 2], frames[1, 4:6] = 0.0, 4.0  # a dry frame, and two without heavy rain
    batch = replace(batch, target=frames)
    values = persistence.test_step(batch, 0)
    nan = {n: torch.full_like(v, torch.nan) for n, v in values.items() if v.is_floating_point()}
    columns = {name: value.numpy() for name, value in (values | nan).items()}
    ids = {"sample_id": batch.sample_id.numpy()}
    for statistic in persistence.statistics():
        with pytest.raises(RuntimeError, match=f"{statistic.key} "):
            checked_values([statistic], columns | ids)
    dry = np.argwhere(~columns["lead/displacement.defined"]).tolist()
    assert dry == [[0, 2]]
    assert columns["lead/mae.defined"].all()


def test_validation_error_is_the_mean_over_frames_with_valid_pixels(batch: RainBatch) -> None:
    mask = batch.mask.clone()
    mask[0, 3] = False
    mask[2] = False
    persistence = module()
    persistence.validation_step(replace(batch, mask=mask), 0)
    error = (batch.observed[:, -1:] - batch.target).abs().numpy()
    seen = [
        error[event, lead][mask[event, lead]].mean()
        for event in range(3)
        for lead in range(20)
        if mask[event, lead].any()
    ]
    assert persistence.validation_error.compute().item() == pytest.approx(np.mean(seen), rel=1e-5)


def test_validation_error_of_a_nan_prediction_is_nan(batch: RainBatch) -> None:
    broken = module()
    broken.net = Broken(torch.nan)
    broken.validation_step(replace(batch, mask=torch.ones_like(batch.mask)), 0)
    assert broken.validation_error.compute().isnan()
    assert broken.validation_loss.compute().isnan()


def test_events_that_respond_at_every_lead_time_are_marked(batch: RainBatch) -> None:
    target = batch.target.clone()
    target[1, 19] = 0.0
    observed = torch.full_like(batch.observed, 1.0)  # persistence has no false alarm
    found = module().test_step(replace(batch, observed=observed, target=target), 0)
    assert found["responds_16"].tolist() == [1, 0, 1]
    assert found["responds_32"].tolist() == [0, 0, 0]


def test_a_net_gets_the_pixel_size_of_the_data_unless_it_is_set() -> None:
    pytest.importorskip("pysteps")
    dataset_info = {"pixel_km": 0.5, "has_truth": False}
    steps = NowcastingModule({"_target_": f"{NETS}.Steps"}, dataset_info, "steps", steps=0)
    assert steps.net.pixel_km == 0.5
    own = {"_target_": f"{NETS}.Steps", "pixel_km": 1.0}
    assert NowcastingModule(own, dataset_info, "steps", steps=0).net.pixel_km == 1.0


def test_scores_of_shifted_frames_are_those_of_numpy(batch: RainBatch) -> None:
    shifts = [0, 1, 5, 16, 40]
    demo = DisplacementDemo(dict(FACTS), "displacement_demo", shifts)
    found = demo.test_step(batch, 0)
    for event in range(3):
        frame = batch.observed[event, -1].double().numpy()
        for position, shift in enumerate(shifts):
            still, moved = np.zeros((16, 56)), np.zeros((16, 56))
            still[:, :16], moved[:, shift : shift + 16] = frame, frame
            error = np.abs(still - moved).sum() / frame.size
            assert found["shift/mae"][event, position].item() == pytest.approx(error)
            assert found["shift/displacement"][event, position].item() == pytest.approx(2 * shift)
    assert demo.statistics()[0].axis.labels == (0, 2, 10, 32, 80)


@pytest.mark.parametrize("shifts", [[], [4, 2], [-1, 3], [0, 1, 1]])
def test_invalid_shifts_are_refused(shifts: list[int]) -> None:
    with pytest.raises(UserError, match=r"model\.shifts="):
        DisplacementDemo(dict(FACTS), "displacement_demo", shifts)


def test_shifts_of_equal_kilometres_are_refused() -> None:
    with pytest.raises(UserError, match=r"model\.shifts=.*0\.25 km"):
        DisplacementDemo({"pixel_km": 0.25}, "displacement_demo", [0, 1, 2])
