"""Spread of an event's scores over the noise of a stochastic net."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from saibench.metrics.functional.checks import check_integers
from saibench.metrics.nowcasting.base import RainMetric
from saibench.metrics.nowcasting.functional.formulas import FENCE
from saibench.metrics.nowcasting.functional.rain import RAIN_REFUSALS, RainFrameSums
from saibench.metrics.nowcasting.functional.rain_statistics import (
    center_of_mass_displacement,
    mean_absolute_rain_error,
)
from saibench.metrics.nowcasting.functional.spread import spread_over_draws

SCORES = ("mae", "dr")


@dataclass(frozen=True)
class Outlier:
    """A prediction whose score is an outlier among the event's draws."""

    event: str
    draw: int
    lead: int
    score: str
    value: float


class PredictionStability(RainMetric):
    """Spread of MAE and displacement over repeated predictions of events (fig. 20).

    Args:
        events: names of the E events.
        num_draws: D, number of predictions per event.
        num_leads: L.
        pixel_km: edge of a pixel in km, for displacements in km; None gives pixels.
        fence: a draw is an outlier if it is more than this many interquartile ranges outside the
            quartiles of its event's draws.
        options: `backend`, and those of `torchmetrics.Metric`.

    `update(preds, target, event, draw, mask)` takes a batch of predictions with their positions in
    `events` and their draw numbers, (B,) integers; each pair once, in any order, on any rank.
    `update(rain_frame_sums(...), event=..., draw=...)` takes sums instead of frames.

    `compute()` returns, with `<score>` "mae" (mm/h) and "dr" (displacement),

    - "mae", "dr": (L,) means over all draws of all events with a defined score;
    - "count": (L,) the number of draws in "mae";
    - "draws": (E,) the number of draws of each event;
    - "<score>_mean", "_std", "_lowest", "_highest", "_count": (E, L) over the event's draws;
    - "<score>_outliers": (E, D, L) bool, listed by `named_outliers`.

    Raises:
        ValueError: as `CriticalSuccessIndex`; events or draws are out of range: in `update` on a
            CPU, in `compute` on an accelerator; a pair was updated twice: in `compute`.

    >>> stability = PredictionStability(["00003", "00007"], num_draws=2, num_leads=1)
    >>> target = torch.zeros(2, 1, 4, 4)
    >>> for draw, error in enumerate([1.0, 3.0]):
    ...     stability.update(target + error, target, torch.tensor([0, 1]), torch.full((2,), draw))
    >>> stability.compute()["mae_mean"].tolist(), stability.compute()["mae_highest"].tolist()
    ([[2.0], [2.0]], [[3.0], [3.0]])
    """

    refusals = (*RAIN_REFUSALS, "predictions whose event or draw is out of range")

    mae_values: Tensor
    dr_values: Tensor
    updates: Tensor

    def __init__(
        self,
        events: Sequence[str],
        num_draws: int,
        num_leads: int = 20,
        pixel_km: float | None = None,
        fence: float = FENCE,
        **options: Any,
    ) -> None:
        super().__init__(num_leads, settings=[len(events), num_draws], **options)
        if isinstance(events, str) or not events or num_draws < 1:
            raise ValueError(
                "PredictionStability needs a list of events and num_draws >= 1, not "
                f"events={events!r} and num_draws={num_draws}."
            )
        self.events = tuple(map(str, events))
        self.num_draws = num_draws
        self.pixel_km = pixel_km
        self.fence = fence
        # One element per draw, set once by one rank: quartiles need every value.
        zeros = torch.zeros(len(self.events), num_draws, num_leads, dtype=torch.float64)
        self.add_state("mae_values", zeros, dist_reduce_fx="sum")
        self.add_state("dr_values", zeros.clone(), dist_reduce_fx="sum")
        self.add_state("updates", zeros[..., 0].long(), dist_reduce_fx="sum")

    def update(
        self,
        preds: Tensor | RainFrameSums,
        target: Tensor | None = None,
        event: Tensor | None = None,
        draw: Tensor | None = None,
        mask: Tensor | None = None,
    ) -> None:
        if event is None or draw is None:
            raise ValueError("PredictionStability.update needs event and draw.")
        sums = self.sums_of(preds, target, mask)
        batch = sums.pixels.shape[:1]
        check_integers(event, batch, "event")
        check_integers(draw, batch, "draw")
        num_events = len(self.events)
        inside = (event >= 0) & (event < num_events) & (draw >= 0) & (draw < self.num_draws)
        self.refuse(torch.cat([sums.refused, (~inside).sum().unsqueeze(0)]))
        # An accelerator raises later, so an index out of range must be clamped here.
        place = event.clamp(0, num_events - 1).long(), draw.clamp(0, self.num_draws - 1).long()
        for values, scores in (
            (self.mae_values, mean_absolute_rain_error(sums)),
            (self.dr_values, center_of_mass_displacement(sums).dr),
        ):
            values.index_put_(place, scores.to(values.dtype), accumulate=True)
        self.updates.index_put_(place, inside.long(), accumulate=True)

    def compute(self) -> dict[str, Tensor]:
        self.raise_if_refused()
        self._raise_if_updated_twice()
        values = self._values()
        found = {score: values[score].nanmean(dim=(0, 1)) for score in SCORES}
        found["count"] = (~values["mae"].isnan()).sum(dim=(0, 1))
        found["draws"] = self.updates.sum(dim=1)
        for score in SCORES:
            spread = spread_over_draws(values[score], self.fence)
            found |= {f"{score}_{name}": value for name, value in spread.items()}
        return found

    def named_outliers(self) -> list[Outlier]:
        """Outliers in the order of events, draws and lead times."""
        found = self.compute()
        values = self._values()
        return [
            Outlier(self.events[event], draw, lead, score, float(values[score][event, draw, lead]))
            for score in SCORES
            for event, draw, lead in found[f"{score}_outliers"].nonzero().tolist()
        ]

    def _values(self) -> dict[str, Tensor]:
        """Scores (E, D, L), NaN for missing draws."""
        present = (self.updates > 0).unsqueeze(-1)
        edge = 1.0 if self.pixel_km is None else self.pixel_km
        return {
            "mae": torch.where(present, self.mae_values, torch.nan),
            "dr": torch.where(present, self.dr_values, torch.nan) * edge,
        }

    def _raise_if_updated_twice(self) -> None:
        for event, draw in (self.updates > 1).nonzero().tolist():
            raise ValueError(
                f"Draw {draw} of event {self.events[event]} was passed to update "
                f"{self.updates[event, draw]} times. Pass each draw once."
            )
