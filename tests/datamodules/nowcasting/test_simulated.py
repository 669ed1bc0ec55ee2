"""Simulated rain obeys the continuity equation with its true motion and source."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from saibench.datamodules.nowcasting.event import FRAMES, OBSERVED_FRAMES, RainEvent
from saibench.datamodules.nowcasting.random_fields import (
    displacement,
    divergence_free_wind,
    power_law_field,
)
from saibench.datamodules.nowcasting.simulated import SimulatedRain
from saibench.errors import UserError

RAIN = SimulatedRain(events=3, size=64)


@pytest.fixture(scope="module")
def event() -> RainEvent:
    return RAIN.event(1)


def test_a_frame_is_the_one_before_moved_plus_the_source(event: RainEvent) -> None:
    """x(p, t) = x(p - motion, t - 1) + source; interpolation is all that differs."""
    assert event.motion is not None and event.source is not None
    y, x = np.indices(event.rate.shape[1:])
    places = [y - event.motion[1], x - event.motion[0]]
    inside = np.all([(axis >= 0) & (axis <= 63) for axis in places], axis=0)
    assert inside.mean() > 0.8
    for frame in range(OBSERVED_FRAMES, FRAMES):
        moved = ndimage.map_coordinates(event.rate[frame - 1], places, order=3, mode="nearest")
        residual = event.rate[frame] - moved - event.source[frame - OBSERVED_FRAMES]
        unmoved = event.rate[frame] - event.rate[frame - 1]
        assert np.abs(residual[inside]).mean() < 0.2 * np.abs(unmoved[inside]).mean()


def test_without_wind_a_frame_is_the_one_before_plus_the_source() -> None:
    still = SimulatedRain(size=32, slowest=0, fastest=0, eddies=0).event(0)
    np.testing.assert_array_equal(still.motion, 0)
    np.testing.assert_allclose(np.diff(still.rate, axis=0)[8:], still.source, atol=1e-5)
    assert np.abs(still.source).mean() > 0.01


def test_the_wind_has_no_divergence() -> None:
    wind = divergence_free_wind(np.random.default_rng(0), 64, mean=(1, 2), eddies=0.5, largest=64)
    k = 2j * np.pi * np.fft.fftfreq(64)
    k[32] = 0
    divergence = np.fft.ifft2(k * np.fft.fft2(wind[0]) + k[:, None] * np.fft.fft2(wind[1]))
    assert np.abs(divergence).max() < 1e-12
    np.testing.assert_allclose(wind.mean(axis=(1, 2)), (1, 2), atol=1e-12)
    eddies = wind - wind.mean(axis=(1, 2), keepdims=True)
    np.testing.assert_allclose(np.square(eddies).sum(axis=0).mean(), 0.25, rtol=1e-9)


def test_a_uniform_wind_displaces_by_itself() -> None:
    wind = np.stack([np.full((32, 32), 1.25), np.full((32, 32), -0.5)])
    np.testing.assert_allclose(displacement(wind), wind, atol=1e-12)


def test_air_in_solid_rotation_comes_from_along_the_circle() -> None:
    """Near the centre of an eddy of sines the flow is a rotation of a known angular speed."""
    size, speed = 256, 0.05
    y, x = np.indices((size, size)) - size / 2
    wave = 2 * np.pi / size
    wind = np.stack([-speed * np.sin(wave * y) / wave, speed * np.sin(wave * x) / wave])
    place = (slice(None), size // 2, size // 2 + 8)
    came_from = np.array([8.0, 0.0]) - displacement(wind)[place]
    np.testing.assert_allclose(came_from, 8 * np.array([np.cos(speed), -np.sin(speed)]), atol=3e-3)


def test_the_spectrum_has_the_given_slope() -> None:
    rng = np.random.default_rng(0)
    fields = [power_law_field(rng, 128, slope=3.0, largest=128) for _ in range(30)]
    power = np.mean([np.abs(np.fft.fft2(field)) ** 2 for field in fields], axis=0)
    frequency = np.hypot(*np.meshgrid(np.fft.fftfreq(128), np.fft.fftfreq(128)))
    near = [power[np.abs(frequency - at) < 0.01].mean() for at in (0.05, 0.2)]
    np.testing.assert_allclose(np.log(near[0] / near[1]) / np.log(0.2 / 0.05), 3.0, atol=0.15)


def test_an_event_depends_on_its_number_and_the_seed_alone() -> None:
    again = SimulatedRain(events=100, size=64).event(1)
    np.testing.assert_array_equal(again.rate, RAIN.event(1).rate)
    assert not np.array_equal(again.rate, RAIN.event(2).rate)
    assert not np.array_equal(again.rate, SimulatedRain(events=3, size=64, seed=1).event(1).rate)


def test_rates_are_realistic() -> None:
    rates = np.stack([SimulatedRain(size=32).event(number).rate for number in range(40)])
    assert 0.08 < (rates > 0).mean() < 0.35
    assert 0.01 < (rates >= 5).mean() < 0.1
    assert 30 < rates.max() < 400


def test_events_are_read_back_as_they_were_made(tmp_path: Path) -> None:
    events = RAIN.load(tmp_path)
    made, read = RAIN.event(2), events.read(2)
    np.testing.assert_allclose(read.rate, np.minimum(made.rate, 128), rtol=1e-3, atol=1e-4)
    np.testing.assert_array_equal(read.motion, made.motion)
    np.testing.assert_allclose(read.source, made.source, rtol=1e-3, atol=1e-4)
    assert events.index["sample_id"].to_list() == [0, 1, 2]
    assert {field.name for field in events.feature_fields()} == set(events.index.columns) - {
        "sample_id"
    }


@pytest.mark.parametrize(
    "arguments", [{"events": 0}, {"size": 48}, {"pixel_km": 0}, {"slowest": 9, "fastest": 8}]
)
def test_impossible_rain_is_refused(arguments: dict[str, float]) -> None:
    with pytest.raises(
        UserError, match=f"data.{list(arguments)[-1]}={list(arguments.values())[-1]}"
    ):
        SimulatedRain(**arguments)  # type: ignore[arg-type]
