"""Saved forecasts of systems with and without a grid, and one that blew up."""

from __future__ import annotations

import numpy as np
import pytest

from saibench.evidence.field_dynamics.saved_forecasts import SavedForecasts, saved_forecasts
from saibench.figures.field_dynamics.forecast import draw

FRAMES = 9


def forecasts(*grid: int, channels: tuple[str, ...] = ("u",)) -> SavedForecasts:
    rng = np.random.default_rng(0)
    truth = rng.normal(size=(1, FRAMES, len(channels), *grid)).astype("f4")
    predicted = truth + 0.1
    predicted[:, -1] = np.inf  # the rollout blew up
    return saved_forecasts(
        np.array([7]), np.array(["chosen"]), np.array(["mu 1"]), channels, 0.5 * np.arange(FRAMES),
        tuple(2.0 for _ in grid), truth, predicted,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("grid", "channels", "panels"),
    [((), ("x", "y", "z"), 3), ((16,), ("u", "v"), 8), ((200, 16), ("u",), 19)],
    ids=["curves", "images", "frames"],
)
def test_each_field_is_drawn(grid: tuple[int, ...], channels: tuple[str, ...], panels: int) -> None:
    saved = forecasts(*grid, channels=channels)
    figure = draw(saved, 0)
    assert len(figure.axes) == panels, "with one bar of colours for each field"
    if not grid:
        forecast, truth = figure.axes[0].lines
        np.testing.assert_allclose(truth.get_ydata(), saved.truth[0, :, 0])
        assert np.isnan(np.asarray(forecast.get_ydata())[-1])
        return
    image = np.ma.filled(figure.axes[0].images[0].get_array(), np.nan)
    expected = saved.truth[0, :, 0].T if len(grid) == 1 else saved.truth[0, 0, 0].T
    np.testing.assert_allclose(image, expected)


def test_large_and_three_dimensional_fields_are_thinned() -> None:
    saved = forecasts(300, 8, 6)
    assert saved.truth.shape == (1, 6, 1, 100, 8)
    assert saved.lengths.tolist() == [2.0, 2.0]
    np.testing.assert_array_equal(saved.times[[0, -1]], [0.0, 4.0])
    assert np.isnan(saved.predicted[0, -1]).all()
    with pytest.raises(ValueError, match="shape"):
        SavedForecasts(**{**vars(saved), "truth": saved.truth[:, 1:]})


def test_a_file_is_read_as_it_was_written(tmp_path) -> None:
    saved = forecasts(8)
    saved.write(tmp_path / SavedForecasts.FILE)
    found = SavedForecasts.read(tmp_path / SavedForecasts.FILE)
    np.testing.assert_array_equal(found.predicted, saved.predicted)
    assert found.about.tolist() == ["mu 1"]
