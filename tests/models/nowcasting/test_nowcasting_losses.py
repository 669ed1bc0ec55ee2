"""NowcastNet's losses and their gradients, against loops over pixels."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.ndimage import map_coordinates, maximum_filter, sobel
from torch import Tensor

from saibench.models.nowcasting.losses import (
    accumulation_loss,
    discriminator_loss,
    generator_adversarial_loss,
    motion_regularisation,
    pooling_loss,
    rain_weight,
    weighted_distance,
)
from saibench.models.nowcasting.nets.nowcastnet.evolution_operator import Evolution, evolve

EVENTS, LEADS, HEIGHT, WIDTH = 2, 3, 11, 14


def numbers(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def rain(*shape: int, seed: int = 0) -> Tensor:
    """Mostly light rain, some dry pixels, some above the maximum weight."""
    return (20 * numbers(*shape, seed=seed)).clamp(min=0)


OBSERVED = rain(EVENTS, LEADS, HEIGHT, WIDTH, seed=1)
PREDICTED = rain(EVENTS, LEADS, HEIGHT, WIDTH, seed=2)
MOTION = 2 * numbers(EVENTS, LEADS, 2, HEIGHT, WIDTH, seed=3)
INTENSITY = numbers(EVENTS, LEADS, HEIGHT, WIDTH, seed=4)
START = rain(EVENTS, HEIGHT, WIDTH, seed=5)
SOME = numbers(EVENTS, LEADS, HEIGHT, WIDTH, seed=6) > -0.5
SOME[0, 1] = False  # a frame without a valid pixel
ALL = torch.ones_like(SOME)


def weight(value: float) -> float:
    return min(24.0, 1.0 + value)


def distance_of_frame(predicted: np.ndarray, observed: np.ndarray, mask: np.ndarray) -> float:
    total, count = 0.0, 0
    for place in np.ndindex(observed.shape):
        if mask[place]:
            total += abs(predicted[place] - observed[place]) * weight(observed[place])
            count += 1
    return total / count if count else 0.0


@pytest.fixture(params=[None, SOME], ids=["all valid", "some missing"])
def mask(request: pytest.FixtureRequest) -> Tensor | None:
    return request.param


def frames(mask: Tensor | None) -> list[tuple[int, int, np.ndarray]]:
    """Event, lead and mask of every frame."""
    given = ALL if mask is None else mask
    return [(b, t, given[b, t].numpy()) for b in range(EVENTS) for t in range(LEADS)]


def test_weight_increases_with_the_rate_up_to_24() -> None:
    found = rain_weight(torch.tensor([0.0, 0.5, 22.0, 23.0, 23.5, 128.0]))
    assert found.tolist() == [1.0, 1.5, 23.0, 24.0, 24.0, 24.0]


def test_weighted_distance_is_that_of_a_loop(mask: Tensor | None) -> None:
    found = weighted_distance(PREDICTED, OBSERVED, mask)
    for b, t, valid in frames(mask):
        expected = distance_of_frame(PREDICTED[b, t].numpy(), OBSERVED[b, t].numpy(), valid)
        assert found[b, t].item() == pytest.approx(expected, rel=1e-12)


def test_accumulation_loss_is_that_of_a_loop(mask: Tensor | None) -> None:
    evolution = evolve(START, MOTION, INTENSITY)
    found = accumulation_loss(evolution, START, OBSERVED, mask)
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    expected, after = [0.0] * EVENTS, np.empty(0)
    for b, t, valid in frames(mask):
        before = START[b].numpy() if t == 0 else after
        x, y = MOTION[b, t].numpy()
        place = [rows + y, columns + x]
        smooth = map_coordinates(before, place, order=1, mode="nearest")
        after = map_coordinates(before, place, order=0, mode="nearest") + INTENSITY[b, t].numpy()
        observed = OBSERVED[b, t].numpy()
        expected[b] += distance_of_frame(smooth, observed, valid)
        expected[b] += distance_of_frame(after, observed, valid)
    assert found.tolist() == pytest.approx(expected, rel=1e-9)


def test_motion_regularisation_is_that_of_scipys_sobel(mask: Tensor | None) -> None:
    found = motion_regularisation(MOTION, OBSERVED, mask)
    expected = [0.0] * EVENTS
    for b, t, valid in frames(mask):
        total = 0.0
        for component in MOTION[b, t].numpy():
            by_y, by_x = (sobel(component, axis, mode="nearest") for axis in (0, 1))
            for place in zip(*valid.nonzero(), strict=True):
                total += (by_y[place] ** 2 + by_x[place] ** 2) * weight(
                    float(OBSERVED[b, t][place])
                )
        expected[b] += total / max(valid.sum(), 1)
    assert found.tolist() == pytest.approx(expected, rel=1e-9)


def test_uniform_motion_is_smooth_and_a_slope_is_eight_times_itself() -> None:
    dry = torch.zeros(1, 1, 9, 9)
    assert motion_regularisation(torch.full((1, 1, 2, 9, 9), 3.0), dry).item() == 0
    slope = torch.zeros(1, 1, 2, 9, 9)
    slope[0, 0, 0] = 0.5 * torch.arange(9.0)
    inner = torch.zeros(1, 1, 9, 9, dtype=torch.bool)
    inner[..., 1:-1, 1:-1] = True
    assert motion_regularisation(slope, dry, inner).item() == pytest.approx((8 * 0.5) ** 2)


def test_pooling_loss_is_that_of_scipys_maximum(mask: Tensor | None) -> None:
    draws = rain(4, EVENTS, LEADS, HEIGHT, WIDTH, seed=7)
    found = pooling_loss(draws, OBSERVED, mask)
    expected = [0.0] * EVENTS
    for b, t, valid in frames(mask):

        def pooled(field: np.ndarray, valid: np.ndarray = valid) -> np.ndarray:
            field = np.where(valid, field, -np.inf)
            return maximum_filter(field, 5)[2:-2:2, 2:-2:2]  # windows within the field

        mean = np.mean([pooled(draw[b, t].numpy()) for draw in draws], axis=0)
        observed, any_valid = pooled(OBSERVED[b, t].numpy()), pooled(valid.astype(float)) > 0
        expected[b] += distance_of_frame(mean, observed, any_valid) / LEADS
    assert found.tolist() == pytest.approx(expected, rel=1e-9)


def test_adversarial_losses_are_cross_entropies() -> None:
    observed, predicted = numbers(EVENTS, 4, 5), numbers(EVENTS, 4, 5, seed=1)
    probability_observed = 1 / (1 + np.exp(-observed.numpy()))
    probability_predicted = 1 / (1 + np.exp(-predicted.numpy()))
    fooling = -np.log(probability_predicted).mean(axis=(1, 2))
    telling = -np.log(probability_observed) - np.log(1 - probability_predicted)
    assert generator_adversarial_loss(predicted).tolist() == pytest.approx(fooling)
    found = discriminator_loss(observed, predicted)
    assert found.tolist() == pytest.approx(telling.mean(axis=(1, 2)))


def test_values_of_invalid_pixels_are_ignored() -> None:
    with_nan = torch.where(SOME, OBSERVED, torch.nan)
    evolution, draws = evolve(START, MOTION, INTENSITY), PREDICTED.unsqueeze(0).requires_grad_()
    for loss in (
        lambda observed: weighted_distance(draws[0], observed, SOME),
        lambda observed: accumulation_loss(evolution, START, observed, SOME),
        lambda observed: motion_regularisation(MOTION, observed, SOME),
        lambda observed: pooling_loss(draws, observed, SOME),
    ):
        torch.testing.assert_close(loss(with_nan), loss(OBSERVED))
    pooling = pooling_loss(draws, with_nan, SOME).sum()
    distance = weighted_distance(draws[0], with_nan, SOME).sum()
    (gradient,) = torch.autograd.grad(pooling + distance, draws)
    assert gradient.isfinite().all()
    assert (gradient[0][~SOME] == 0).all() and (gradient[0][SOME] != 0).any()


def test_losses_of_an_event_without_valid_pixels_are_zero() -> None:
    nothing = torch.zeros_like(SOME)
    assert weighted_distance(PREDICTED, OBSERVED, nothing).tolist() == [[0.0] * LEADS] * EVENTS
    assert pooling_loss(PREDICTED.unsqueeze(0), OBSERVED, nothing).tolist() == [0.0] * EVENTS
    assert motion_regularisation(MOTION, OBSERVED, nothing).tolist() == [0.0] * EVENTS


def test_loss_of_a_frame_has_gradients_only_by_this_frame() -> None:
    motion, intensity = MOTION.clone().requires_grad_(), INTENSITY.clone().requires_grad_()
    evolution = evolve(START, motion, intensity)
    for lead in range(LEADS):
        only = torch.zeros_like(SOME)
        only[:, lead] = True
        loss = accumulation_loss(evolution, START, OBSERVED, only).sum()
        gradients = torch.autograd.grad(loss, (motion, intensity), retain_graph=True)
        for gradient in gradients:
            others = [other for other in range(LEADS) if other != lead]
            assert (gradient[:, lead] != 0).any()
            assert (gradient[:, others] == 0).all()


def test_gradient_by_motion_is_of_the_bilinear_term_and_by_intensity_of_the_nearest() -> None:
    motion, intensity = MOTION.clone().requires_grad_(), INTENSITY.clone().requires_grad_()
    evolution = evolve(START, motion, intensity)
    (of_intensity,) = torch.autograd.grad(
        accumulation_loss(evolution, START, OBSERVED).sum(), intensity, retain_graph=True
    )
    sign = torch.sign(evolution.fields - OBSERVED).detach()
    expected = sign * rain_weight(OBSERVED) / (HEIGHT * WIDTH)
    torch.testing.assert_close(of_intensity, expected)

    def of_motion(value: Tensor) -> Tensor:
        step = Evolution(evolution.fields.detach(), value, evolution.intensity.detach())
        return accumulation_loss(step, START, OBSERVED)

    assert torch.autograd.gradcheck(of_motion, motion)


@pytest.mark.parametrize("loss", ["motion", "pooling"])
def test_gradients_are_difference_quotients(loss: str) -> None:
    if loss == "motion":
        value = MOTION[:1, :1].clone().requires_grad_()
        assert torch.autograd.gradcheck(
            lambda motion: motion_regularisation(motion, OBSERVED[:1, :1], SOME[:1, :1]), value
        )
    else:
        value = numbers(2, 1, 1, HEIGHT, WIDTH, seed=8).requires_grad_()
        assert torch.autograd.gradcheck(
            lambda draws: pooling_loss(draws, OBSERVED[:1, :1], SOME[:1, :1]), value
        )


def test_motion_is_regularised_in_full_precision_under_autocast() -> None:
    motion, observed = MOTION.float(), OBSERVED.float()
    with torch.autocast("cpu", torch.bfloat16):
        found = motion_regularisation(motion, observed)
    # bfloat16 would have an error of 1e-3
    torch.testing.assert_close(found, motion_regularisation(motion, observed))
