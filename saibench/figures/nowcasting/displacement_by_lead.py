"""Displacement of the predicted from the observed centre of mass, by lead time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from saibench.analysis.nowcasting.errors import (
    HOURS,
    RainErrors,
    RainModel,
    hours,
    rain_errors,
    why_no_rain,
)
from saibench.analysis.nowcasting.event_means import mean_over_events
from saibench.evidence.reader import StudyEvidence
from saibench.figures.captions import first_and_last
from saibench.figures.nowcasting.captions import (
    DISPLACEMENT,
    events_text,
    first_models,
    intervals_text,
    missing_hours,
    single_seeds,
)
from saibench.figures.nowcasting.panels import (
    dots,
    draw_histogram,
    histogram_edges,
    model_colours,
    row_label,
)
from saibench.figures.questions import DRIVERS
from saibench.figures.style import INK, MUTED, error_bars, panel_title, panels, styled
from saibench.formatting import bracketed, minus, number

title = "Displacement of the centre of mass"
paper = "Figure 18"
question = DRIVERS

COLUMNS = ["displacement_x", "displacement_y", "displacement"]
MAX_MODELS = 3


def needs(evidence: StudyEvidence, partition: str | None = None) -> str | None:
    return why_no_rain(evidence, COLUMNS, partition, HOURS)


def table(evidence: StudyEvidence, partition: str | None = None) -> polars.DataFrame:
    """One row per (model, lead [min], event): δx, δy and δr [km], null for frames without rain."""
    errors = rain_errors(evidence, partition)
    places = [
        polars.DataFrame({name: errors.at(model.first_seed(), name, lead) for name in COLUMNS})
        .fill_nan(None)
        .select(
            polars.lit(model.label).alias("model"),
            polars.lit(lead).alias("lead"),
            polars.Series("sample_id", errors.events),
            polars.all(),
        )
        for model in errors.models
        for lead in errors.hours
    ]
    return polars.concat(places)


@styled
def draw(evidence: StudyEvidence, partition: str | None = None) -> Figure:
    errors = rain_errors(evidence, partition)
    models = [model.first_seed() for model in errors.models[:MAX_MODELS]]
    heights = [3.5] * len(models) + [2.6]
    figure, axes = panels(len(heights), len(errors.hours), sum(heights), height_ratios=heights)
    letters = iter("abcdefghijklmno")
    limit = _limit(errors, models)
    for row, model in zip(axes, models, strict=False):
        for panel, lead in zip(row, errors.hours, strict=True):
            _draw_places(panel, errors, model, lead, limit)
            variant = row_label(model, models, first=panel is row[0])
            panel_title(panel, next(letters), hours(lead), variant)
        row[0].set_ylabel("δy, down [km]")
    _draw_distances(axes[-1], errors, models)
    for panel, lead in zip(axes[-1], errors.hours, strict=True):
        panel_title(panel, next(letters), f"distance, {hours(lead)}")
    return figure


def reading(evidence: StudyEvidence, partition: str | None = None) -> str:
    """The median distance of the centres of mass at the first and the last hour."""
    rows = table(evidence, partition)
    rows = rows.filter(model=rows["model"][0]).drop_nulls("displacement")
    medians = rows.group_by("lead").agg(polars.col("displacement").median()).sort("lead").rows()
    if not medians:
        return ""
    at = [f"{number(median)} km at {hours(lead)}" for lead, median in medians]
    return (
        f"The centre of mass that {rows['model'][0]} predicts is {first_and_last(at)} from the "
        "observed one (median over events)."
    )


def caption(evidence: StudyEvidence, partition: str | None = None) -> str:
    errors = rain_errors(evidence, partition)
    model = errors.models[0]
    bias = "; ".join(
        f"{_mean(errors, model, 'displacement_x', lead)} and "
        f"{_mean(errors, model, 'displacement_y', lead)} km at {hours(lead)}"
        for lead in errors.hours
    )
    scatters = min(MAX_MODELS, len(errors.models))
    return (
        "Top: predicted minus observed centre of mass [km], oriented as the map, one dot per "
        f"event, over {events_text(errors)}; cross: mean over events with its interval, circle: "
        f"contains half of the events. Bottom: distribution of δr [km], {DISPLACEMENT}; filled: "
        f"{model.label}, line: mean, last bin: including larger values. Mean δx and δy of "
        f"{model.label}: {bias}{missing_hours(errors.hours)}.{single_seeds(errors.models)}"
        f"{first_models(scatters, len(errors.models))} {intervals_text(errors)}"
    )


def _mean(errors: RainErrors, model: RainModel, column: str, lead: int) -> str:
    mean = mean_over_events(errors.at(model.first_seed(), column, lead), errors.samples)
    return minus(bracketed(mean, shown="{:+.1f}".format))


def _limit(errors: RainErrors, models: Sequence[RainModel]) -> float:
    """Limit of all scatter axes in km, larger than any displacement."""
    places = [errors.at(model, name, lead) for model in models for name in COLUMNS[:2]
              for lead in errors.hours]  # fmt: skip
    found = np.abs(np.concatenate(places))
    return 1.08 * float(np.nanmax(found)) if not np.isnan(found).all() else 1.0


def _draw_places(axes: Axes, errors: RainErrors, model: RainModel, lead: int, limit: float) -> None:
    x, y, distance = (errors.at(model, name, lead) for name in COLUMNS)
    axes.axhline(0, color=MUTED, linewidth=0.8)
    axes.axvline(0, color=MUTED, linewidth=0.8)
    colour = model_colours(errors.models)[model.label]
    axes.scatter(x, y, color=colour, **dots(len(x)))
    angles = np.linspace(0, 2 * np.pi, 181)
    half = np.nanmedian(distance) if not np.isnan(distance).all() else np.nan
    circle = half * np.cos(angles), half * np.sin(angles)
    axes.plot(*circle, color=INK, linewidth=1.1, linestyle="--")
    across, down = (mean_over_events(values, errors.samples) for values in (x, y))
    axes.errorbar(
        [across.estimate], [down.estimate], color=INK, linewidth=1.8, zorder=4,
        xerr=error_bars([across.estimate], [across.low], [across.high]),
        yerr=error_bars([down.estimate], [down.low], [down.high]),
    )  # fmt: skip
    limit = limit or 1.0  # if nothing is displaced
    axes.set_xlim(-limit, limit)
    axes.set_ylim(limit, -limit)  # rows of a map count downwards
    axes.set_aspect("equal")
    axes.set_xlabel("δx, right [km]")


def _draw_distances(axes: np.ndarray, errors: RainErrors, models: Sequence[RainModel]) -> None:
    colours = model_colours(errors.models)
    values = {
        model.label: [errors.at(model, "displacement", lead) for lead in errors.hours]
        for model in models
    }
    edges = histogram_edges([column for columns in values.values() for column in columns])
    for panel in axes[1:]:
        panel.sharey(axes[0])
    for model in models:
        for panel, column in zip(axes, values[model.label], strict=True):
            draw_histogram(panel, column, edges, colours[model.label], filled=model is models[0])
    for panel in axes:
        panel.set_xlabel("δr [km]")
    axes[0].set_ylabel("events")
