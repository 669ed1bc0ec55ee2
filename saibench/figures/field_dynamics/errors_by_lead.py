"""Error of the forecasts of each model by lead."""

from __future__ import annotations

import numpy as np
import polars
from matplotlib.figure import Figure

from saibench.analysis.bootstrap import Floats, Interval
from saibench.analysis.field_dynamics.forecasts import (
    PERSISTENCE,
    Forecasts,
    forecasts,
    why_no_forecasts,
)
from saibench.analysis.tested_models import TestedModel, over_trained_seeds, seeds_text
from saibench.evidence.once import once
from saibench.evidence.reader import StudyEvidence
from saibench.figures.captions import partition_text
from saibench.figures.models import (
    MAX_MODELS,
    draw_band,
    first_models,
    interval_row,
    model_colours,
)
from saibench.figures.questions import BEST
from saibench.figures.style import from_zero, legend_below, panel_title, panels, styled
from saibench.formatting import number

title = "Error by lead"
paper = ""
question = BEST

SHOWN = {"vrmse": "VRMSE", "standardised_error": "error in standard deviations"}
LIMIT = 3.0
"""Upper end of the axes: a rollout that blew up would hide all others."""


def needs(evidence: StudyEvidence) -> str | None:
    return why_no_forecasts(evidence, "by_lead")


@once
def table(evidence: StudyEvidence) -> polars.DataFrame:
    """One row per (statistic, model, lead): mean error with its interval, and failed forecasts.

    `failed` counts forecasts with an infinite error, which the mean excludes.
    """
    found = forecasts(evidence)
    return polars.DataFrame(
        {"statistic": statistic, "model": model.label, "lead": lead}
        | _mean(found, model, statistic, position)
        for statistic in SHOWN
        for model in found.models
        for position, lead in enumerate(found.labels("lead"))
    )


def _mean(
    found: Forecasts, model: TestedModel, statistic: str, position: int
) -> dict[str, float | int]:
    """Mean over the forecasts that did not fail, and the number of those that did."""

    def values(own: TestedModel) -> Floats:
        return found.along(own, "lead", statistic)[:, position]

    def mean(own: TestedModel) -> Interval:
        return found.mean(np.where(np.isfinite(values(own)), values(own), np.nan))

    failed = int((~np.isfinite(values(model))).sum())
    return interval_row(over_trained_seeds(mean, model), "forecasts") | {"failed": failed}


@styled
def draw(evidence: StudyEvidence) -> Figure:
    found, numbers = forecasts(evidence), table(evidence)
    colours = model_colours(found.models[:MAX_MODELS], [PERSISTENCE])
    figure, axes = panels(1, len(SHOWN), 3.4, sharex=True)
    for letter, panel, (statistic, name) in zip("ab", axes[0], SHOWN.items(), strict=True):
        for label, colour in colours.items():
            own = numbers.filter(statistic=statistic, model=label).fill_nan(None).drop_nulls()
            draw_band(panel, own, "lead", colour, label=label)
        from_zero(panel)
        panel.set_ylim(top=min(panel.get_ylim()[1], LIMIT))
        panel.set_xlabel("lead [frames]")
        panel_title(panel, letter, name)
    axes[0, 0].set_ylabel("mean over forecasts")
    legend_below(figure, axes[0, 0])
    return figure


def reading(evidence: StudyEvidence) -> str:
    """The model with the smallest VRMSE at the last lead."""
    rows = table(evidence).filter(statistic="vrmse", failed=0).fill_nan(None)
    rows = rows.filter(polars.col("lead") == polars.col("lead").max()).sort("estimate")
    if not rows.height:
        return ""
    best = rows.row(0, named=True)
    return (
        f"At lead {best['lead']}, {best['model']} has the smallest VRMSE, "
        f"{number(best['estimate'])}; the mean of a frame has 1."
    )


def caption(evidence: StudyEvidence) -> str:
    found, numbers = forecasts(evidence), table(evidence)
    lost = numbers.filter(polars.col("lead") == polars.col("lead").max(), statistic="vrmse")
    failed = ", ".join(
        f"{row['model']} {row['failed']}" for row in lost.iter_rows(named=True) if row["failed"]
    )
    excluded = f" Infinite at the last lead, and excluded: {failed}." if failed else ""
    return (
        "Mean error by lead: VRMSE (root mean squared error over the standard deviation of the "
        "true frame) and root mean squared error in standard deviations of the training "
        f"partition, over {partition_text(evidence)}. Bands: 95 % intervals from resampling "
        f"independent blocks of the test.{excluded}{seeds_text(found.models)}"
        f"{first_models(len(found.models))}"
    )
