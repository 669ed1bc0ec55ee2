"""Raw and active-area MAE: table 2, means by lead time, distributions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox

from saibench.analysis.nowcasting.errors import HOURS, RainErrors, hours, rain_errors, why_no_rain
from saibench.analysis.nowcasting.event_means import mean_over_events
from saibench.evidence.once import once
from saibench.evidence.reader import StudyEvidence
from saibench.figures.captions import change_text, ends
from saibench.figures.models import draw_band
from saibench.figures.nowcasting.captions import MAE, events_text, hours_text, intervals_text
from saibench.figures.nowcasting.panels import (
    draw_histogram,
    histogram_edges,
    interval_row,
    lead_axis,
    model_colours,
)
from saibench.figures.questions import BEST
from saibench.figures.style import MUTED, PAGE_WIDTH, from_zero, legend_below, panel_title, styled

title = "Raw and active-area MAE"
paper = "Table 2 and figure 17"
question = BEST

AREAS = {"mae": "raw", "active_area_mae": "active area"}
MAX_OUTLINES = 3
"""Number of further models whose distributions are drawn as outlines."""


def needs(evidence: StudyEvidence, partition: str | None = None) -> str | None:
    return why_no_rain(evidence, AREAS, partition, HOURS)


@once
def table(evidence: StudyEvidence, partition: str | None = None) -> polars.DataFrame:
    """One row per (model, statistic, lead [min]): mean over events [mm/h] with its interval."""
    errors = rain_errors(evidence, partition)
    return polars.DataFrame(
        [
            {"model": model.label, "statistic": name, "unit": "mm/h", "lead": int(lead)}
            | interval_row(mean_over_events(values[:, position], errors.samples))
            for model in errors.models
            for name in AREAS
            for values in [errors.values(model, name)]
            for position, lead in enumerate(errors.leads)
        ]
    )


@styled
def draw(evidence: StudyEvidence, partition: str | None = None) -> Figure:
    errors, numbers = rain_errors(evidence, partition), table(evidence, partition)
    lines = 1 + len(AREAS) * len(errors.models)
    heights = (0.27 * lines + 0.5, 3.0, 2.4, 2.4)
    figure = Figure(figsize=(PAGE_WIDTH, sum(heights)), layout="constrained")
    parts = figure.subfigures(len(heights), 1, height_ratios=heights, squeeze=False)
    text, curves, *histograms = parts.flat
    _draw_table(text.subplots(), errors.hours, numbers)
    _draw_curves(curves.subplots(1, len(AREAS)), errors, numbers)
    legend_below(curves, curves.axes[0])
    letters = iter("defghijkl")
    for part, name in zip(histograms, AREAS, strict=True):
        _draw_distributions(
            part.subplots(1, len(errors.hours), sharex=True, sharey=True, squeeze=False)[0],
            errors,
            name,
        )
        for panel, lead in zip(part.axes, errors.hours, strict=True):
            panel_title(panel, next(letters), f"{AREAS[name]}, {hours(lead)}")
    return figure


def reading(evidence: StudyEvidence, partition: str | None = None) -> str:
    """The raw and the active-area MAE of the first model at the first and the last hour."""
    errors = rain_errors(evidence, partition)
    rows = table(evidence, partition).filter(
        polars.col("lead").is_in(errors.hours), model=errors.models[0].label
    )
    changes = []
    for name, area in AREAS.items():
        change = change_text(*ends(rows.filter(statistic=name), "lead"), "mm/h")
        changes.append(f"{area} MAE of {errors.models[0].label} {change}")
    raw, active = changes
    leads = " and ".join(hours(lead) for lead in (min(errors.hours), max(errors.hours)))
    return f"Between {leads} of lead time, the {raw}, and the {active}."


def caption(evidence: StudyEvidence, partition: str | None = None) -> str:
    errors = rain_errors(evidence, partition)
    first, *others = errors.models
    outlined = others[:MAX_OUTLINES]
    outlines = f", outlines: {', '.join(model.label for model in outlined)}" if outlined else ""
    last = "defghi"[len(AREAS) * len(errors.hours) - 1]
    active = evidence.units["active_area_mae"]["describe"]
    return (
        f"Raw: {MAE} [mm/h]; active area: {active} [mm/h], over frames with active pixels. "
        f"Over {events_text(errors)}. (a) The paper's table 2: means over events, with "
        "interval and number of frames; (b, c) the same by lead time; (d) to "
        f"({last}) distributions over events at {hours_text(errors.hours)}, filled: "
        f"{first.label}{outlines}; line: mean, last bin: including larger values. "
        f"{intervals_text(errors)}"
    )


def _draw_table(axes: Axes, leads: Sequence[int], numbers: polars.DataFrame) -> None:
    """Draw table 2, with rows of model and area, and columns of lead time."""
    axes.set_axis_off()
    rows = numbers.select("model", "statistic").unique(maintain_order=True).rows()
    cells = [[_cell(numbers, model, name, lead) for lead in leads] for model, name in rows]
    drawn = axes.table(
        cells,
        rowLabels=[f"{model}, {AREAS[name]} " for model, name in rows],
        colLabels=[hours(lead) for lead in leads],
        bbox=Bbox.from_bounds(0.25, 0, 0.75, 1),
        cellLoc="center",
        edges="horizontal",
    )
    drawn.auto_set_font_size(False)
    drawn.set_fontsize(9)
    for cell in drawn.get_celld().values():
        cell.set_edgecolor("#d0d0d0")
    panel_title(axes, "a", "mean absolute error [mm/h] by lead time")


def _cell(numbers: polars.DataFrame, model: str, name: str, lead: int) -> str:
    row = numbers.row(
        by_predicate=(polars.col("model") == model)
        & (polars.col("statistic") == name)
        & (polars.col("lead") == lead),
        named=True,
    )
    if not row["events"]:
        return "no active frame"
    digits = 3 if row["estimate"] < 1 else 2
    low, mean, high = (f"{row[part]:.{digits}f}" for part in ("low", "estimate", "high"))
    limits = "" if np.isnan(row["low"]) else f"  [{low}, {high}]"
    return f"{mean}{limits}  n = {row['events']:,}"


def _draw_curves(axes: np.ndarray, errors: RainErrors, numbers: polars.DataFrame) -> None:
    colours = model_colours(errors.models)
    for letter, panel, (name, area) in zip("bc", axes, AREAS.items(), strict=True):
        for label, colour in colours.items():
            of_model = (polars.col("model") == label) & (polars.col("statistic") == name)
            draw_band(panel, numbers.filter(of_model), "lead", colour, linewidth=1.8, label=label)
        panel_title(panel, letter, f"{area}, mean over events")
        panel.set_ylabel("MAE [mm/h]")
        lead_axis(panel)
        from_zero(panel)


def _draw_distributions(axes: np.ndarray, errors: RainErrors, name: str) -> None:
    models = errors.models[: 1 + MAX_OUTLINES]
    colours = model_colours(models)
    values = {
        model.label: [errors.at(model, name, lead) for lead in errors.hours] for model in models
    }
    edges = histogram_edges([column for columns in values.values() for column in columns])
    for label, columns in values.items():
        filled = label == models[0].label
        for panel, column in zip(axes, columns, strict=True):
            draw_histogram(panel, column, edges, colours[label], filled)
            panel.set_xlabel("MAE of the frame [mm/h]")
    for panel in axes:
        if not any(patch.get_data().values.any() for patch in panel.patches):
            panel.text(
                0.5, 0.5, "no active frame", transform=panel.transAxes, ha="center", color=MUTED
            )
    axes[0].set_ylabel("events")
