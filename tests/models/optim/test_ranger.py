"""Ranger against weaver's, its state, and the learning-rate schedule."""

from __future__ import annotations

import copy
import math
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from saibench.errors import UserError
from saibench.models.optim.lr_schedules import flat_then_decay
from saibench.models.optim.ranger import Ranger

SHAPES = [(4, 3), (3,), (2, 2, 2)]
OPTIONS = {"lr": 0.01, "weight_decay": 0.1}


def weights() -> list[nn.Parameter]:
    generator = torch.Generator().manual_seed(0)
    return [
        nn.Parameter(torch.randn(shape, generator=generator, dtype=torch.float64))
        for shape in SHAPES
    ]


def move(optimizer: torch.optim.Optimizer, params: list[nn.Parameter], steps: range) -> None:
    """Take steps with gradients that depend on the step and on the weights."""
    for step in steps:
        generator = torch.Generator().manual_seed(step)
        for weight in params:
            noise = torch.randn(weight.shape, generator=generator, dtype=weight.dtype)
            weight.grad = weight.detach() + noise
        optimizer.step()


@pytest.mark.parametrize("settings", [{}, {"betas": (0.9, 0.99), "alpha": 0.3, "k": 4}])
def test_steps_are_those_of_weaver(settings: dict) -> None:
    """Beyond the first steps, without rectification, and with many updates of the slow weights."""
    from weaver.utils.nn.optimizer.ranger import Ranger as WeaverRanger

    options = {**OPTIONS, **settings}
    ours, theirs = weights(), weights()
    own = Ranger([{"params": ours[:1]}, {"params": ours[1:], "weight_decay": 0.0}], **options)
    reference = WeaverRanger(
        [{"params": theirs[:1]}, {"params": theirs[1:], "weight_decay": 0.0}], **options
    )
    for first in range(0, 60, 3):
        move(own, ours, range(first, first + 3))
        with torch.no_grad():
            move(reference, theirs, range(first, first + 3))
        for mine, other in zip(ours, theirs, strict=True):
            # weaver holds its averages in float32, whatever the weights are
            torch.testing.assert_close(mine, other, rtol=0, atol=2e-6)
    assert (ours[0] - weights()[0]).abs().max() > 0.1


@pytest.mark.parametrize("stop", [1, 5, 6, 8, 15])
def test_resumed_training_equals_uninterrupted_training(stop: int, tmp_path: Path) -> None:
    straight = weights()
    move(Ranger(straight, **OPTIONS), straight, range(20))
    stopped = weights()
    optimizer = Ranger(stopped, **OPTIONS)
    move(optimizer, stopped, range(stop))
    torch.save({"weights": stopped, "optimizer": optimizer.state_dict()}, tmp_path / "last.ckpt")
    checkpoint = torch.load(tmp_path / "last.ckpt", weights_only=True)
    resumed = checkpoint["weights"]
    optimizer = Ranger(resumed, lr=1.0)
    optimizer.load_state_dict(checkpoint["optimizer"])
    move(optimizer, resumed, range(stop, 20))
    for mine, other in zip(resumed, straight, strict=True):
        assert torch.equal(mine, other)


def test_weights_without_a_gradient_do_not_change() -> None:
    moved, still = weights()[:2]
    optimizer = Ranger([moved, still], **OPTIONS)
    before = copy.deepcopy(still)
    move(optimizer, [moved], range(8))
    assert torch.equal(still, before)


@pytest.mark.parametrize("wrong", [{"k": 0}, {"alpha": 1.5}, {"betas": (1.0, 0.9)}, {"lr": -1}])
def test_arguments_out_of_range_are_refused(wrong: dict) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Ranger(weights(), **wrong)


def rates(steps: int, **settings: float) -> list[float]:
    optimizer = torch.optim.SGD([nn.Parameter(Tensor([0.0]))], lr=2.0)
    schedule = flat_then_decay(optimizer, steps, **settings)
    found = []
    for _ in range(steps + 1):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    return found


def test_learning_rate_is_flat_then_decays_to_one_percent() -> None:
    found = rates(100)
    assert found[:71] == [2.0] * 71
    assert found[100] == pytest.approx(0.02, rel=1e-12)
    ratios = [after / before for before, after in pairwise(found[70:])]
    assert ratios == pytest.approx([0.01 ** (1 / 30)] * 30, rel=1e-9)


def test_learning_rate_at_the_end_of_an_epoch_is_weavers() -> None:
    """weaver steps every epoch: 20 epochs, the last 6 with a factor of 0.01^(1/6)."""
    found = rates(2000)
    for decayed in range(1, 7):
        at = 2.0 * math.pow(0.01, decayed / 6)
        assert found[100 * (14 + decayed)] == pytest.approx(at, rel=1e-9)


@pytest.mark.parametrize("wrong", [{"decay_share": 0.0}, {"end_factor": 0.0}])
def test_schedules_out_of_range_are_refused(wrong: dict) -> None:
    with pytest.raises(UserError, match=next(iter(wrong))):
        rates(10, **wrong)
