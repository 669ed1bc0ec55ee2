"""The paper's claims on growing and decaying events (§6.4, fig. 19)."""

from __future__ import annotations

import numpy as np

from saibench.analysis.bootstrap import Floats, Interval
from saibench.analysis.nowcasting.errors import HOURS, RainErrors, RainModel, hours, hours_listed
from saibench.analysis.nowcasting.event_means import mean_over_events
from saibench.analysis.nowcasting.trend import Trends, differential_trend
from saibench.analysis.proportions import combined
from saibench.findings.finding import Answer
from saibench.findings.nowcasting.shared import answer_above, answer_below
from saibench.formatting import fixed, percent

FEW_GROW = "fewer events grow than decay (§6.4, fig. 19)"
FIRST_QUADRANT = (
    "growing events are rarely predicted to grow: the first quadrant is almost empty "
    "(§6.4, fig. 19)"
)
UNDER_PREDICTED = "growing events are under-predicted (§6.4, fig. 19)"


def few_grow(errors: RainErrors, model: RainModel) -> Answer:
    grows = (growth_indicators(errors, model, lead)[0] for lead in HOURS)
    shares = [mean_over_events(values, errors.samples, share=True) for values in grows]
    numbers = ", ".join(percent(share, 0) for share in shares)
    return answer_below(
        shares[-1],
        f"{numbers} of {shares[-1].count:,} events have more rain at {hours_listed(errors.hours)} "
        "than in the first target frame.",
        0.5,
    )


def first_quadrant(errors: RainErrors, model: RainModel) -> Answer:
    """Compare the recall of growing events with that of decaying events."""
    rows = []
    for lead in HOURS:
        grows, both_grow, decays, both_decay = growth_indicators(errors, model, lead)
        growth_recall, decay_recall = (
            mean_over_events(np.where(happens == 1, both, np.nan), errors.samples, share=True)
            for happens, both in ((grows, both_grow), (decays, both_decay))
        )
        recalls = f"{percent(growth_recall, 0)} and {percent(decay_recall, 0)}"
        rows.append(f"{recalls} at {hours(errors.lead_at(lead))}")
    last = hours(errors.hours[-1])
    growing = int(np.nansum(grows))
    difference = decay_recall.estimate - growth_recall.estimate
    low, high = combined(
        difference,
        (1, -1),
        (decay_recall.estimate, growth_recall.estimate),
        ((decay_recall.low, decay_recall.high), (growth_recall.low, growth_recall.high)),
    )
    return answer_above(
        Interval(low, difference, high, growth_recall.num_blocks, growing),
        "growing events predicted to grow, and decaying events predicted to decay: "
        f"{'; '.join(rows)}; {growing:,} of {len(grows):,} events grow until {last}.",
    )


def under_predicted(errors: RainErrors, model: RainModel) -> Answer:
    shortfalls = []
    for lead in HOURS:
        trends = differential_trend(errors, model, lead)
        grows = trends.observed > 0
        short = trends.observed[grows] - trends.predicted[grows]
        shortfalls.append(mean_over_events(short, errors.among(grows)))
    numbers = ", ".join(fixed(shortfall) for shortfall in shortfalls)
    return answer_above(
        shortfalls[-1],
        f"the mean rate of growing events is under-predicted by {numbers} mm/h at "
        f"{hours_listed(errors.hours)}; {shortfalls[-1].count:,} of {len(errors.events):,} events "
        f"grow until {hours(errors.hours[-1])}.",
    )


def growth_indicators(
    errors: RainErrors, model: RainModel, lead: int
) -> tuple[Floats, Floats, Floats, Floats]:
    """Indicators (0 or 1) of each event: grows, also predicted to grow, decays, also predicted to.

    Averaged over seeds; NaN if undefined.
    """
    found = [_indicators(differential_trend(errors, seed, lead)) for seed in model.seeds()]
    grows, both_grow, decays, both_decay = np.mean(found, axis=0)
    return grows, both_grow, decays, both_decay


def _indicators(trends: Trends) -> Floats:
    """`(4, E)`."""
    observed, predicted = trends.observed, trends.predicted
    grows, decays = observed > 0, observed < 0
    found = np.stack([grows, grows & (predicted > 0), decays, decays & (predicted < 0)])
    return np.where(np.isnan(observed + predicted), np.nan, found)
