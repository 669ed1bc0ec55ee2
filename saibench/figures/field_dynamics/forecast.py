"""One saved forecast beside the truth: curves, a space–time image, or frames."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from saibench.evidence.field_dynamics.saved_forecasts import SavedForecasts
from saibench.figures.style import INK, PAGE_WIDTH, PALETTE, styled

MAX_CHANNELS = {0: 6, 1: 3, 2: 2}
"""Most channels that are drawn, by the number of axes of the grid."""
MISSING = "#b5b5b5"
"""Colour of a forecast that blew up."""
IMAGE: dict[str, Any] = {"origin": "lower", "interpolation": "none"}
"""Pixels are drawn as they are, which keeps the page small."""


@styled
def draw(saved: SavedForecasts, sample: int) -> Figure:
    """The forecast at this position of `saved`."""
    axes = len(saved.lengths)
    truth, predicted = saved.truth[sample], saved.predicted[sample]
    channels = range(min(len(saved.channels), MAX_CHANNELS[axes]))
    if axes == 0:
        return _curves(saved, truth, predicted, list(channels))
    height = {1: 2.5, 2: 4.9}[axes]
    figure = Figure(figsize=(PAGE_WIDTH, height * len(channels)), layout="constrained")
    parts: Any = figure.subfigures(len(channels), 1, squeeze=False)[:, 0]
    for channel, part in zip(channels, parts, strict=True):
        panel = _image if axes == 1 else _frames
        panel(part, saved, channel, truth[:, channel], predicted[:, channel])
    return figure


def _curves(
    saved: SavedForecasts, truth: np.ndarray, predicted: np.ndarray, channels: list[int]
) -> Figure:
    figure = Figure(figsize=(PAGE_WIDTH, 0.5 + 1.3 * len(channels)), layout="constrained")
    panels = figure.subplots(len(channels), 1, squeeze=False, sharex=True)[:, 0]
    for channel, panel in zip(channels, panels, strict=True):
        panel.plot(saved.times, predicted[:, channel], color=PALETTE[1], label="forecast")
        panel.plot(saved.times, truth[:, channel], color=INK, linestyle="--", label="truth")
        panel.set_ylabel(str(saved.channels[channel]))
        panel.set_ylim(*_with_margin(truth[:, channel]))
        panel.margins(x=0)
    panels[-1].set_xlabel("time since the start")
    panels[0].legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, borderaxespad=0.1)
    return figure


def _image(
    part: Any, saved: SavedForecasts, channel: int, truth: np.ndarray, predicted: np.ndarray
) -> None:
    """Truth, forecast and error over time (across) and space (up)."""
    panels, step = part.subplots(1, 3, sharey=True), saved.times[1] - saved.times[0]
    extent = (saved.times[0] - step / 2, saved.times[-1] + step / 2, 0, saved.lengths[0])
    shown = []
    for panel, (name, values, colours) in zip(panels, _parts(truth, predicted), strict=True):
        shown.append(panel.imshow(values.T, aspect="auto", extent=extent, **IMAGE, **colours))
        _plain(panel, name)
        panel.set_xlabel("time since the start")
    panels[0].set_ylabel("x")
    _colour_bars(part, saved, channel, shown, panels, 0.015)


def _frames(
    part: Any, saved: SavedForecasts, channel: int, truth: np.ndarray, predicted: np.ndarray
) -> None:
    """A row each of truth, forecast and error, with a column per frame."""
    panels = part.subplots(3, len(saved.times), squeeze=False)
    extent = (0, saved.lengths[0], 0, saved.lengths[1])
    shown = []
    for row, (name, frames, colours) in zip(panels, _parts(truth, predicted), strict=True):
        for panel, frame, time in zip(row, frames, saved.times, strict=True):
            shown.append(panel.imshow(np.swapaxes(frame, 0, 1), extent=extent, **IMAGE, **colours))
            _plain(panel, f"time {float(time):g}" if name == "truth" else "")
            panel.set_xticks([])
            panel.set_yticks([])
        row[0].set_ylabel(name)
    _colour_bars(part, saved, channel, shown, panels, 0.01)


def _parts(
    truth: np.ndarray, predicted: np.ndarray
) -> list[tuple[str, np.ndarray, dict[str, Any]]]:
    """Name, values and scale of truth, forecast and error."""
    colours = _colours(truth)
    return [
        ("truth", truth, colours),
        ("forecast", predicted, colours),
        ("forecast − truth", predicted - truth, _around_zero(truth)),
    ]


def _colour_bars(
    part: Any, saved: SavedForecasts, channel: int, shown: list[Any], panels: Any, pad: float
) -> None:
    """One bar if the error has the scale of the field, else two."""
    name, whole = str(saved.channels[channel]), list(np.ravel(panels))
    part.colorbar(shown[0], ax=whole, label=name, pad=pad)
    if shown[0].get_clim() != shown[-1].get_clim():
        part.colorbar(shown[-1], ax=whole, label=f"error of {name}", pad=pad)


def _plain(panel: Axes, title: str) -> None:
    panel.set_title(title)
    panel.grid(False)
    panel.set_facecolor(MISSING)


def _colours(truth: np.ndarray) -> dict[str, Any]:
    """A diverging scale for fields of both signs; else from the least to the largest value."""
    low, high = float(truth.min()), float(truth.max())
    if low < 0 < high:
        return _around_zero(truth)
    return {"cmap": "viridis", "vmin": low, "vmax": high}


def _around_zero(truth: np.ndarray) -> dict[str, Any]:
    largest = float(np.abs(truth).max()) or 1.0
    return {"cmap": "RdBu_r", "vmin": -largest, "vmax": largest}


def _with_margin(values: np.ndarray) -> tuple[float, float]:
    """Limits that a forecast which blows up does not widen."""
    low, high = float(values.min()), float(values.max())
    margin = 0.25 * (high - low) or 1.0
    return low - margin, high + margin
