"""The evolution operator and its gradients against SciPy and shifts by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.ndimage import map_coordinates
from torch import Tensor

from saibench.models.nowcasting.nets.nowcastnet.evolution_operator import advected, evolve, warp


def numbers(*shape: int, seed: int = 0, scale: float = 1.0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return scale * torch.randn(shape, generator=generator, dtype=torch.float64)


def constant_motion(x: float, y: float, height: int, width: int) -> Tensor:
    return torch.tensor([x, y]).reshape(1, 2, 1, 1).expand(1, 2, height, width)


@pytest.mark.parametrize(("mode", "order"), [("nearest", 0), ("bilinear", 1)])
@pytest.mark.parametrize("scale", [0.4, 3.0, 40.0])
def test_warp_is_that_of_scipy(mode: str, order: int, scale: float) -> None:
    """Also outside the field, with the nearest pixel of the border."""
    field, motion = numbers(2, 3, 11, 17), numbers(2, 2, 11, 17, seed=1, scale=scale)
    rows, columns = np.mgrid[:11, :17]
    expected = np.empty((2, 3, 11, 17))
    for event, (x, y) in enumerate(motion.numpy()):
        for channel, plane in enumerate(field[event].numpy()):
            place = [rows + y, columns + x]
            expected[event, channel] = map_coordinates(plane, place, order=order, mode="nearest")
    found = warp(field, motion, mode)
    torch.testing.assert_close(found, torch.from_numpy(expected), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("mode", ["nearest", "bilinear"])
def test_whole_pixels_are_a_shift(mode: str) -> None:
    """Motion points to the origin of the rain: 2 columns to the right and 1 row above."""
    field = numbers(1, 1, 8, 10)
    moved = warp(field, constant_motion(2, -1, 8, 10), mode)
    torch.testing.assert_close(moved[..., 1:, :-2], field[..., :-1, 2:])
    torch.testing.assert_close(moved[..., 1:, -2:], field[..., :-1, -1:].expand(1, 1, 7, 2))


def test_half_a_pixel_is_a_mean_of_two() -> None:
    field = numbers(1, 1, 6, 9)
    moved = warp(field, constant_motion(0.5, 0, 6, 9), "bilinear")
    torch.testing.assert_close(moved[..., :-1], (field[..., 1:] + field[..., :-1]) / 2)


def test_positions_in_large_fields_are_exact_under_autocast() -> None:
    field = torch.arange(512.0 * 512).reshape(1, 1, 512, 512)
    with torch.autocast("cpu", torch.bfloat16):
        still = warp(field, torch.zeros(1, 2, 512, 512, dtype=torch.bfloat16), "nearest")
    assert torch.equal(still, field)


def test_evolution_is_step_by_step() -> None:
    start, motion = numbers(2, 12, 9), numbers(2, 3, 2, 12, 9, seed=1, scale=2)
    intensity = numbers(2, 3, 12, 9, seed=2)
    evolution = evolve(start, motion, intensity)
    rows, columns = np.mgrid[:12, :9]
    for event in range(2):
        field = start[event].numpy()
        for lead in range(3):
            x, y = motion[event, lead].numpy()
            before, place = field, [rows + y, columns + x]
            field = map_coordinates(before, place, order=0, mode="nearest")
            field = field + intensity[event, lead].numpy()
            np.testing.assert_allclose(evolution.fields[event, lead], field, atol=1e-12)
            smooth = map_coordinates(before, place, order=1, mode="nearest")
            of_motion = advected(start, evolution)[event, lead]
            np.testing.assert_allclose(of_motion, smooth, atol=1e-9)


def test_zero_motion_and_growth_add_up() -> None:
    growth = torch.full((1, 4, 5, 5), 0.5)
    fields = evolve(torch.ones(1, 5, 5), torch.zeros(1, 4, 2, 5, 5), growth).fields
    expected = torch.tensor([1.5, 2.0, 2.5, 3.0]).reshape(1, 4, 1, 1).expand(1, 4, 5, 5)
    assert torch.equal(fields, expected)


def test_a_frame_has_gradients_only_by_its_own_motion_and_intensity() -> None:
    start = numbers(1, 8, 8).requires_grad_()
    motion = numbers(1, 4, 2, 8, 8, seed=1).requires_grad_()
    intensity = numbers(1, 4, 8, 8, seed=2).requires_grad_()
    evolution = evolve(start, motion, intensity)
    weight = numbers(8, 8, seed=3)

    def gradients(value: Tensor) -> tuple[Tensor | None, ...]:
        inputs = (start, motion, intensity)
        return torch.autograd.grad(value, inputs, retain_graph=True, allow_unused=True)

    for lead in range(4):
        others = [other for other in range(4) if other != lead]
        of_start, of_motion, of_intensity = gradients((weight * evolution.fields[0, lead]).sum())
        assert of_start is None
        assert of_motion is None or (of_motion == 0).all(), "the nearest pixel has no gradient"
        torch.testing.assert_close(of_intensity[0, lead], weight)
        assert (of_intensity[0, others] == 0).all()

        of_start, of_motion, of_intensity = gradients(
            (weight * advected(start, evolution)[0, lead]).sum()
        )
        assert of_start is None and of_intensity is None
        assert (of_motion[0, lead] != 0).any()
        assert (of_motion[0, others] == 0).all()


def test_gradient_by_the_motion_is_the_difference_quotient() -> None:
    field, motion = numbers(1, 1, 6, 6), numbers(1, 2, 6, 6, seed=1).requires_grad_()
    assert torch.autograd.gradcheck(lambda m: warp(field, m, "bilinear"), motion)
