"""Cumulative CSI: the number of events by CSI and lead time (eqs. 5 and 6)."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import matplotlib
import numpy as np
import polars
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.colors import ListedColormap, PowerNorm
from matplotlib.figure import Figure
from numpy.typing import NDArray

from saibench.analysis.nowcasting.csi_selection import hits_and_relevant, responding_events
from saibench.analysis.nowcasting.errors import RainErrors, RainModel, rain_errors, why_no_rain
from saibench.evidence.reader import StudyEvidence
from saibench.figures.nowcasting.captions import events_text, few_text, first_models, single_seeds
from saibench.figures.nowcasting.panels import lead_axis, row_label
from saibench.figures.questions import BEST
from saibench.figures.style import MUTED, panel_title, panels, styled
from saibench.metrics.nowcasting.functional.formulas import csi_counts

title = "Cumulative CSI"
paper = "Figure 15"
question = BEST

NUM_BINS = 30
STEP = Fraction(15, 1000)
OVERFLOW = NUM_BINS * STEP
"""Events with at least this CSI are counted in the overflow row."""
GAP = 1.5
"""Gap between the last bin and the overflow row, in bins."""
MAX_MODELS = 3
COLOURS = ListedColormap(matplotlib.colormaps["viridis_r"](np.linspace(0.1, 1, 256)))
"""Without the lightest tenth, so that a single event is visible on white."""


def needs(evidence: StudyEvidence, partition: str | None = None) -> str | None:
    if reason := why_no_rain(evidence, [], partition):
        return reason
    errors = rain_errors(evidence, partition)
    if not errors.thresholds:
        return f"The frames of {errors.partition} have no CSI."
    responding = [responding_events(errors, errors.models, level) for level in errors.thresholds]
    if not np.any(responding):
        return "No event responds to a threshold at every lead time."
    return None


def table(evidence: StudyEvidence, partition: str | None = None) -> polars.DataFrame:
    """One row per (model, threshold [mm/h], lead [min], bin): number of events.

    The overflow bin from 0.45 on has no upper edge.
    """
    errors = rain_errors(evidence, partition)
    edges = [float(STEP * position) for position in range(NUM_BINS + 1)]
    rows = [
        {
            "model": model.label,
            "threshold": float(threshold),
            "lead": int(lead),
            "from": edges[position],
            "to": edges[position + 1] if position < NUM_BINS else None,
            "events": int(count),
        }
        for model in errors.models
        for threshold in errors.thresholds
        for lead, of_lead in zip(errors.leads, counts(errors, model, threshold), strict=True)
        for position, count in enumerate(of_lead)
    ]
    return polars.DataFrame(rows, infer_schema_length=None)


@styled
def draw(evidence: StudyEvidence, partition: str | None = None) -> Figure:
    errors = rain_errors(evidence, partition)
    models, levels = errors.models[:MAX_MODELS], errors.thresholds
    figure, axes = panels(
        len(models), len(levels), 0.5 + 3.1 * len(models), sharex=True, sharey=True
    )
    letters = iter("abcdefghijklmnopqrstuvwxyz")
    for row, model in zip(axes, models, strict=True):
        for panel, level in zip(row, levels, strict=True):
            grid = counts(errors, model, level)
            mesh = _draw_grid(panel, grid, errors.leads)
            selected = f"{int(grid[0].sum())} of {len(errors.events)} events"
            variant = row_label(model, models, first=panel is row[0])
            panel_title(panel, next(letters), f"≥ {level} mm/h, {selected}", variant)
            if grid.any():
                bar = figure.colorbar(mesh, ax=panel, aspect=28, pad=0.02)
                bar.ax.yaxis.set_major_locator(matplotlib.ticker.MaxNLocator(4, integer=True))
                bar.outline.set_visible(False)
                bar.ax.set_ylabel("events" if panel is row[-1] else "")
        row[0].set_ylabel("CSI")
    for panel in axes[-1]:
        lead_axis(panel)
    return figure


def reading(evidence: StudyEvidence, partition: str | None = None) -> str:
    """The share of events with a high CSI at the first and the last lead time."""
    rows = table(evidence, partition)
    rows = rows.filter(model=rows["model"][0])
    own = rows.filter(threshold=rows["threshold"].min())
    first, last = (own.filter(lead=lead) for lead in (own["lead"].min(), own["lead"].max()))
    total = int(first["events"].sum())
    if not total:
        return ""
    high, low = (
        int(part.filter(polars.col("to").is_null())["events"].sum()) for part in (first, last)
    )
    return (
        f"The CSI of {own['model'][0]} at {own['threshold'][0]:g} mm/h is {float(OVERFLOW):g} or "
        f"more for {high:,} of {total:,} events after {first['lead'][0]} min, and for {low:,} "
        f"after {last['lead'][0]} min."
    )


def caption(evidence: StudyEvidence, partition: str | None = None) -> str:
    errors = rain_errors(evidence, partition)
    chosen = ", ".join(
        f"{int(responding_events(errors, errors.models, level).sum()):,} at {level} mm/h"
        for level in errors.thresholds
    )
    intersection = " with every model" if len(errors.models) > 1 else ""
    return (
        f"Number of events by lead time [min] and CSI, in {NUM_BINS} bins of {float(STEP):g}; top "
        f"row: CSI of {float(OVERFLOW):g} or more. Of {events_text(errors)}, those with a hit, a "
        f"miss or a false alarm at every lead time{intersection}: {chosen}. White: none."
        f"{single_seeds(errors.models)}{first_models(MAX_MODELS, len(errors.models))}"
        f"{few_text(errors)}"
    )


def counts(errors: RainErrors, model: RainModel, threshold: str) -> NDArray[np.int64]:
    """Events of eq. 6, `(leads, bins + 1)`; the last column is the overflow from 0.45 on."""
    hits, relevant = hits_and_relevant(errors, model, threshold)
    chosen = responding_events(errors, errors.models, threshold)
    return np.stack(csi_counts(hits, relevant, chosen, NUM_BINS, float(STEP)), axis=-1)


def _draw_grid(axes: Axes, grid: NDArray[np.int64], leads: NDArray[np.int64]) -> QuadMesh:
    """Draw the events; the first lead time is the spacing of the frames."""
    lead_edges = (np.arange(grid.shape[0] + 1) + 0.5) * float(leads[0])
    bin_edges = np.arange(NUM_BINS + 1) * float(STEP)
    masked = np.ma.masked_equal(grid, 0)
    top = bin_edges[-1] + GAP * float(STEP)
    spread = PowerNorm(0.5, vmin=0, vmax=max(int(grid.max()), 1))  # full bins hide others
    scale: dict[str, Any] = {"cmap": COLOURS, "norm": spread, "rasterized": True}
    mesh = axes.pcolormesh(lead_edges, bin_edges, masked[:, :-1].T, **scale)
    axes.pcolormesh(lead_edges, [top, top + 2 * float(STEP)], masked[:, -1:].T, **scale)
    axes.axhspan(bin_edges[-1], top, color="white", linewidth=0)
    axes.axhline(bin_edges[-1], color=MUTED, linewidth=0.7)
    axes.axhline(top, color=MUTED, linewidth=0.7)
    axes.set_yticks(
        [0, 0.15, 0.3, 0.45, top + float(STEP)], ["0", "0.15", "0.30", "0.45", "≥ 0.45"]
    )
    axes.set_ylim(0, top + 2 * float(STEP))
    axes.grid(visible=False)
    if not grid.any():
        axes.text(
            0.5, 0.5, "no event responds\nat every lead time", transform=axes.transAxes, ha="center"
        )
    return mesh
