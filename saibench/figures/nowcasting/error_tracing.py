"""Correlations of MAE with intensity and displacement; parts of MAE from motion and source."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from saibench.analysis.bootstrap import Floats, Interval
from saibench.analysis.nowcasting.errors import RainErrors, RainModel, rain_errors, why_no_rain
from saibench.analysis.nowcasting.event_means import mean_over_events
from saibench.analysis.nowcasting.linear_fit import LinearFit, linear_fit
from saibench.analysis.nowcasting.relations import (
    DISPLACEMENT,
    INTENSITY,
    MAE,
    PAIRS,
    Relation,
    event_numbers,
    relation,
)
from saibench.evidence.once import once
from saibench.evidence.reader import StudyEvidence
from saibench.figures.captions import row_interval
from saibench.figures.models import draw_band
from saibench.figures.nowcasting.captions import events_text, first_models, intervals_text
from saibench.figures.nowcasting.panels import (
    dots,
    interval_row,
    lead_axis,
    model_colours,
    row_label,
)
from saibench.figures.questions import DRIVERS
from saibench.figures.style import (
    INK,
    MUTED,
    PALETTE,
    axis_label,
    from_zero,
    panel_title,
    panels,
    styled,
)
from saibench.formatting import fixed, joined

title = "Error tracing"
paper = "Figure 21"
question = DRIVERS

QUANTITIES = {
    MAE: ("MAE", "mm/h"),
    DISPLACEMENT: ("δr", "km"),
    INTENSITY: ("mean observed rain rate", "mm/h"),
}
"""Name and unit of each column."""
PARTS = {"velocity_part": "motion's part", "source_part": "source's part", "mae": "total error"}
SCHEME = "scheme_part"
FIT = "#d62728"
MAX_MODELS = 3


def needs(evidence: StudyEvidence, partition: str | None = None) -> str | None:
    if reason := why_no_rain(evidence, QUANTITIES, partition):
        return reason
    enough = len(rain_errors(evidence, partition).events) > 2
    return None if enough else "It takes three events."


@dataclass(frozen=True, eq=False)
class FittedPair:
    """Two quantities of the events `(E,)` of one model, with their correlations and fit.

    Args:
        model: label.
        across, up: names of the quantities.
        x, y: their values.
        relation, fit: of them.
    """

    model: str
    across: str
    up: str
    x: Floats
    y: Floats
    relation: Relation
    fit: LinearFit


@once
def fitted_pairs(evidence: StudyEvidence, partition: str | None = None) -> list[FittedPair]:
    """The `PAIRS` of each model."""
    errors = rain_errors(evidence, partition)
    found = []
    for model in errors.models:
        numbers = event_numbers(errors, model)
        for across, up in PAIRS:
            x, y = numbers[across], numbers[up]
            related = relation(numbers, across, up, errors.samples)
            fit = linear_fit(x, y, errors.samples)
            found.append(FittedPair(model.label, across, up, x, y, related, fit))
    return found


@once
def table(evidence: StudyEvidence, partition: str | None = None) -> polars.DataFrame:
    """Correlations and fits per (model, pair), then parts of the error per (model, lead [min])."""
    errors = rain_errors(evidence, partition)
    rows: list[dict[str, str | int | float | None]] = []
    for pair in fitted_pairs(evidence, partition):
        of_pair = {"model": pair.model, "of": pair.up, "with": pair.across, "lead": None}
        for name, interval in (
            ("spearman", pair.relation.rho),
            ("partial spearman", pair.relation.partial),
            ("slope", pair.fit.slope),
            ("r_squared", pair.fit.r_squared),
        ):
            rows.append({**of_pair, "statistic": name, **interval_row(interval)})
    for model in _with_truth(errors):
        rows += [
            {"model": model.label, "of": part, "with": None, "lead": lead, "statistic": "mean"}
            | interval_row(interval)
            for part in (*PARTS, SCHEME, "motion_error", "source_error")
            if errors.has(model, part)
            for lead, interval in _by_lead(errors, model, part)
        ]
    return polars.DataFrame(rows, infer_schema_length=None)


@styled
def draw(evidence: StudyEvidence, partition: str | None = None) -> Figure:
    errors = rain_errors(evidence, partition)
    models, known = errors.models[:MAX_MODELS], _with_truth(errors)[:1]
    rows = len(models) + len(known)
    figure, axes = panels(rows, len(PAIRS), 0.3 + 3.4 * rows)
    letters = iter("abcdefghijklmnopq")
    for row, model in zip(axes, models, strict=False):
        pairs = [one for one in fitted_pairs(evidence, partition) if one.model == model.label]
        for panel, pair in zip(row, pairs, strict=True):
            _draw_pair(panel, pair, model_colours(errors.models)[model.label])
            variant = row_label(model, models, first=panel is row[0])
            panel_title(panel, next(letters), _correlations(pair.relation), variant)
    for model in known:
        _draw_parts(axes[-1], errors, model)
        for number, (panel, text) in enumerate(
            zip(axes[-1], ("MAE by origin", "origin and intensity", "motion itself"), strict=True)
        ):
            panel_title(panel, next(letters), text, model.label if number == 0 else " ")
    return figure


def reading(evidence: StudyEvidence, partition: str | None = None) -> str:
    """How the MAE of the first model correlates with rain rate and displacement."""
    rows = table(evidence, partition).filter(statistic="spearman", of=MAE)
    rows = rows.filter(model=rows["model"].first())
    parts = [
        f"{QUANTITIES[row['with']][0]} (ρ = {fixed(row_interval(row))})"
        for row in rows.iter_rows(named=True)
    ]
    return (
        f"Rank correlation of the MAE of {rows['model'][0]} with {joined(parts)}." if parts else ""
    )


def caption(evidence: StudyEvidence, partition: str | None = None) -> str:
    errors = rain_errors(evidence, partition)
    known = _with_truth(errors)[:1]
    scheme = (
        " and of the error with both true, common to both parts: interpolation of pixels and rain "
        "from outside (dotted)"
        if known and errors.has(known[0], SCHEME)
        else ""
    )
    parts = (
        " Bottom: with known true motion and source, the last observed frame evolves with the "
        "predicted motion and the true source (motion's part), or with the true motion and the "
        "predicted source (source's part); their MAE by lead time, with that of the whole "
        f"prediction{scheme}, the same against the event's mean rain rate, and the distance of the "
        "predicted from the true motion [km/h], weighted by the rain rate."
        if known
        else ""
    )
    return (
        "MAE [mm/h], distance of the centres of mass δr [km] and observed rain rate [mm/h], each "
        f"averaged over an event's lead times, one dot per event, over {events_text(errors)}. Red: "
        "linear fit and its 95 % band. ρ: Spearman's rank correlation; ρ′: the partial one, "
        f"controlling for the third quantity.{parts}"
        f"{first_models(MAX_MODELS, len(errors.models))} {intervals_text(errors)}"
    )


def _with_truth(errors: RainErrors) -> list[RainModel]:
    """The models with separate errors of motion and source."""
    return [model for model in errors.models if errors.has(model, "velocity_part")]


def _by_lead(errors: RainErrors, model: RainModel, name: str) -> list[tuple[int, Interval]]:
    values = errors.values(model, name)
    means = [mean_over_events(column, errors.samples) for column in values.T]
    return list(zip(errors.leads.tolist(), means, strict=True))


def _correlations(relation: Relation) -> str:
    return f"ρ {fixed(relation.rho)}\nρ′ {fixed(relation.partial)}"


def _draw_pair(axes: Axes, pair: FittedPair, colour: str) -> None:
    x, y, fit = pair.x, pair.y, pair.fit
    axes.scatter(x, y, color=colour, **dots(len(x)))
    axes.fill_between(fit.x, fit.low, fit.high, color=FIT, alpha=0.18, linewidth=0)
    axes.plot(fit.x, fit.line, color=FIT, linewidth=1.4)
    axes.set_xlabel(axis_label(*QUANTITIES[pair.across]))
    axes.set_ylabel(axis_label(*QUANTITIES[pair.up]))
    defined = ~np.isnan(x + y)
    if not defined.any():
        axes.text(0.5, 0.5, "no event has both", transform=axes.transAxes, ha="center", color=MUTED)
    top = 1.08 * float(np.max(y, where=defined, initial=0.0))
    axes.set_xlim(left=0)
    axes.set_ylim(0, top or 1.0)  # the band of few events can be much wider


def _draw_parts(axes: np.ndarray, errors: RainErrors, model: RainModel) -> None:
    by_lead, by_intensity, motion = axes
    colours = (PALETTE[0], PALETTE[1], INK)
    for (part, label), colour in zip(PARTS.items(), colours, strict=True):
        _draw_lead_curve(by_lead, errors, model, part, colour, label)
    if errors.has(model, SCHEME):
        means = [mean.estimate for _, mean in _by_lead(errors, model, SCHEME)]
        by_lead.plot(errors.leads, means, color=INK, linestyle=":", label="both true")
    by_lead.legend(loc="upper left", ncols=2, columnspacing=0.8, handlelength=1.4, borderpad=0.2)
    by_lead.set_ylabel("MAE [mm/h]")
    intensity = errors.values(model, INTENSITY).mean(axis=1)
    for (part, label), colour in list(zip(PARTS.items(), colours, strict=True))[:2]:
        of_event = errors.values(model, part).mean(axis=1)
        by_intensity.scatter(intensity, of_event, color=colour, label=label, **dots(len(intensity)))
    by_intensity.set_xlabel(axis_label(*QUANTITIES[INTENSITY]))
    by_intensity.set_ylabel("part of the MAE [mm/h]")
    _draw_lead_curve(motion, errors, model, "motion_error", PALETTE[0], "motion error")
    motion.set_ylabel("error of the motion [km/h]")
    by_intensity.set_xlim(left=0)
    for panel in axes:
        from_zero(panel)
    by_lead.set_ylim(0, 1.3 * by_lead.get_ylim()[1])  # room for the legend


def _draw_lead_curve(
    axes: Axes, errors: RainErrors, model: RainModel, name: str, colour: str, label: str
) -> None:
    rows = polars.DataFrame(
        [{"lead": lead, **interval_row(mean)} for lead, mean in _by_lead(errors, model, name)]
    )
    draw_band(axes, rows, "lead", colour, linewidth=1.8, label=label)
    lead_axis(axes)
