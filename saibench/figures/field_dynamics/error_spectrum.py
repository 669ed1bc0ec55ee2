"""Power of the error and of the truth by wavenumber, and the share of phases by lead."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars
from matplotlib.figure import Figure

from saibench.analysis.bootstrap import Floats
from saibench.analysis.field_dynamics.forecasts import (
    PERSISTENCE,
    Forecasts,
    forecasts,
    why_no_forecasts,
)
from saibench.analysis.tested_models import TestedModel
from saibench.evidence.once import once
from saibench.evidence.reader import StudyEvidence
from saibench.figures.captions import partition_text
from saibench.figures.models import MAX_MODELS, first_models, model_colours
from saibench.figures.questions import DRIVERS
from saibench.figures.style import INK, from_zero, legend_below, panel_title, panels, styled
from saibench.formatting import number

title = "Error by wavenumber"
paper = ""
question = DRIVERS

TRUTH = "truth"
LEAST = 1e-8
"""Lower end of the axis, relative to the largest power: less is rounding of single precision."""


def needs(evidence: StudyEvidence) -> str | None:
    return why_no_forecasts(evidence, "by_wavenumber")


@once
def table(evidence: StudyEvidence) -> polars.DataFrame:
    """One row per (model, curve, position).

    `error power` and `predicted power` are by wavenumber, means over leads and forecasts; `truth`
    has its own power. `share of phases` in the mean squared error is by lead.
    """
    found = forecasts(evidence)
    rows = []
    for model in found.models:
        curves = {name: _power(found, model, f"{name}_power") for name in ("error", "predicted")}
        for name, values in curves.items():
            rows += _rows(model.label, f"{name} power", dict(enumerate(values)))
        share = dict(zip(found.labels("lead"), _share_of_phases(found, model), strict=True))
        rows += _rows(model.label, "share of phases", share)
    truth = dict(enumerate(_power(found, found.models[0], "true_power")))
    return polars.DataFrame([*rows, *_rows(TRUTH, "power", truth)])


@styled
def draw(evidence: StudyEvidence) -> Figure:
    found, numbers = forecasts(evidence), table(evidence)
    colours = model_colours(found.models[:MAX_MODELS], [PERSISTENCE])
    figure, (row,) = panels(1, 2, 3.4)
    truth = numbers.filter(model=TRUTH, curve="power")
    row[0].plot(truth["position"], truth["value"], color=INK, linestyle="--", label=TRUTH, zorder=3)
    for label, colour in colours.items():
        for panel, curve in zip(row, ("error power", "share of phases"), strict=True):
            own = numbers.filter(model=label, curve=curve).fill_nan(None).drop_nulls()
            panel.plot(own["position"], own["value"], color=colour, label=label)
    row[0].set_yscale("log")
    row[0].set_ylim(bottom=LEAST * truth["value"].to_numpy().max())
    row[0].set_xlabel("wavenumber [waves per domain]")
    row[0].set_ylabel("power of the error")
    row[1].set_xlabel("lead [frames]")
    row[1].set_ylabel("share of the mean squared error")
    from_zero(row[1])
    panel_title(row[0], "a", "by wavenumber")
    panel_title(row[1], "b", "errors of phase")
    legend_below(figure, row[0])
    return figure


def reading(evidence: StudyEvidence) -> str:
    """The share of the phases at the last lead, of the first model."""
    own = table(evidence).filter(curve="share of phases").fill_nan(None).drop_nulls()
    if not own.height:
        return ""
    last = own.filter(model=own["model"][0]).row(-1, named=True)
    return (
        f"Of the mean squared error of {last['model']} at lead {last['position']}, "
        f"{number(100 * last['value'])} % is of the phases of the waves."
    )


def caption(evidence: StudyEvidence) -> str:
    found = forecasts(evidence)
    return (
        "a: power of the error by wavenumber, mean over leads and forecasts; dashed: power of the "
        "truth, which the error exceeds where phases are lost. b: share of the mean squared error "
        "that is of the phases of the waves; the rest is of their amplitudes. Over "
        f"{partition_text(evidence)}, without forecasts that blew up."
        f"{first_models(len(found.models))}"
    )


def _power(found: Forecasts, model: TestedModel, column: str) -> Floats:
    """`(K,)` mean over the forecasts that did not blow up."""
    values = found.along(model, "wavenumber", column)
    return values[np.isfinite(values).all(axis=1)].mean(axis=0) if len(values) else values[0]


def _share_of_phases(found: Forecasts, model: TestedModel) -> Floats:
    """`(L,)`; NaN at a lead without an error."""
    phase, amplitude = (
        found.along(model, "lead", f"{name}_part") for name in ("phase", "amplitude")
    )
    whole = np.isfinite(phase) & np.isfinite(amplitude)
    sums = [np.where(whole, part, 0.0).sum(axis=0) for part in (phase, amplitude)]
    with np.errstate(invalid="ignore"):
        return sums[0] / (sums[0] + sums[1])


def _rows(model: str, curve: str, values: Mapping[int, float]) -> list[dict[str, object]]:
    return [
        {"model": model, "curve": curve, "position": position, "value": float(value)}
        for position, value in values.items()
    ]
