"""Errors due to the motion and due to the source, if both are known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor

from saibench.models.nowcasting.error_parts import truth_statistics
from saibench.models.nowcasting.nets.nowcastnet.evolution_operator import Evolution

LEADS, SIDE = 3, 12


def made(seed: int = 0) -> dict[str, Tensor]:
    """Two events with a motion and a source that vary from pixel to pixel."""
    rng = torch.Generator().manual_seed(seed)
    shape = 2, LEADS, SIDE, SIDE
    return {
        "start": 10 * torch.rand(2, SIDE, SIDE, generator=rng),
        "target": 10 * torch.rand(shape, generator=rng),
        "motion": 2 * torch.randn(2, 2, SIDE, SIDE, generator=rng),
        "source": 0.5 * torch.randn(shape, generator=rng),
        "predicted_motion": 2 * torch.randn(2, LEADS, 2, SIDE, SIDE, generator=rng),
        "predicted_source": 0.5 * torch.randn(shape, generator=rng),
    }


def parts(rain: dict[str, Tensor], motion: Tensor, source: Tensor) -> dict[str, NDArray[Any]]:
    evolution = Evolution(rain["target"], motion, source)
    truth = (rain[name] for name in ("start", "target", "motion", "source"))
    found = truth_statistics(evolution, *truth, pixel_km=2.0)
    return {name.removeprefix("lead/"): values.numpy() for name, values in found.items()}


def evolved_error(rain: dict[str, Tensor], motion: Tensor, source: Tensor) -> NDArray[Any]:
    """By scipy's linear interpolation, the nearest pixel beyond the border."""
    y, x = np.indices((SIDE, SIDE))
    errors = np.zeros((2, LEADS))
    for event in range(2):
        frame = rain["start"][event].double().numpy()
        for lead in range(LEADS):
            dx, dy = motion[event, lead].double().numpy()
            moved = ndimage.map_coordinates(frame, [y + dy, x + dx], order=1, mode="nearest")
            frame = np.maximum(moved + source[event, lead].double().numpy(), 0)
            errors[event, lead] = np.abs(frame - rain["target"][event, lead].numpy()).mean()
    return errors


def test_each_part_is_the_error_with_the_other_term_true() -> None:
    rain = made()
    origin = -rain["motion"].unsqueeze(1).expand_as(rain["predicted_motion"])
    found = parts(rain, rain["predicted_motion"], rain["predicted_source"])
    for name, motion, source in (
        ("velocity_part", rain["predicted_motion"], rain["source"]),
        ("source_part", origin, rain["predicted_source"]),
        ("scheme_part", origin, rain["source"]),
    ):
        expected = evolved_error(rain, motion, source)
        np.testing.assert_allclose(found[name], expected, rtol=1e-4, err_msg=name)


def test_true_motion_and_source_leave_the_error_of_the_scheme() -> None:
    rain = made()
    origin = -rain["motion"].unsqueeze(1).expand_as(rain["predicted_motion"])
    found = parts(rain, origin, rain["source"])
    assert not found["motion_error"].any() and not found["source_error"].any()
    for part in ("velocity_part", "source_part"):  # sums of some thousand float32
        np.testing.assert_allclose(found[part], found["scheme_part"], rtol=1e-5)


def test_error_of_the_motion_is_in_km_per_hour_and_moves_the_rain() -> None:
    """One pixel of 2 km per 10 minutes too far to the right; no pixel is interpolated."""
    start = torch.zeros(1, SIDE, SIDE)
    start[0, 5, 2] = 6.0
    target = torch.stack([start.roll(lead + 1, dims=-1) for lead in range(LEADS)], dim=1)
    motion = torch.zeros(1, 2, SIDE, SIDE)
    motion[:, 0] = 1.0
    rain = {
        "start": start,
        "target": target,
        "motion": motion,
        "source": torch.zeros_like(target),
    }
    too_far = torch.zeros(1, LEADS, 2, SIDE, SIDE)
    too_far[:, :, 0] = -2.0
    found = parts(rain, too_far, torch.full_like(target, 0.25))
    np.testing.assert_allclose(found["motion_error"], 12.0, rtol=1e-5)
    np.testing.assert_allclose(found["source_error"], 0.25, rtol=1e-5)
    np.testing.assert_allclose(found["scheme_part"], 0.0, atol=1e-5)
    np.testing.assert_allclose(found["velocity_part"], 2 * 6.0 / SIDE**2, rtol=1e-4)
    np.testing.assert_allclose(found["source_part"], [[0.25, 0.5, 0.75]], rtol=1e-4)


def test_a_dry_frame_has_no_error_of_motion() -> None:
    rain = made()
    rain["target"][0, 1] = 0.0
    found = parts(rain, rain["predicted_motion"], rain["predicted_source"])
    assert np.isnan(found["motion_error"]).tolist() == [[False, True, False], [False] * 3]
    assert found["source_error"] == pytest.approx(
        (rain["predicted_source"] - rain["source"]).abs().mean((2, 3)).numpy(), rel=1e-5
    )
