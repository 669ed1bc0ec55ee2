"""Scores of each event at each lead time, from the sums of `rain_frame_sums`.

Scores are float64, and NaN if undefined: no valid pixel, no rain, no hit, miss or false alarm, or
a NaN in the frame. Rates are in mm/h, positions in pixels from the centre of the first pixel: x
counts columns, y rows, downwards. DESIGN.md gives the decisions behind the paper's equations.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple, get_args

import torch
from torch import Tensor

from saibench.errors import closest
from saibench.metrics.nowcasting.functional.formulas import Trend, rate_trend
from saibench.metrics.nowcasting.functional.rain import RainFrameSums

ActiveArea = Literal["observed", "union"]
ACTIVE_AREAS: tuple[str, ...] = get_args(ActiveArea)


class CenterOfMass(NamedTuple):
    """Column and row of the intensity-weighted centre, each (B, L), in pixels."""

    x: Tensor
    y: Tensor


class Displacement(NamedTuple):
    """Predicted minus observed centre of mass, and the distance, each (B, L)."""

    dx: Tensor
    dy: Tensor
    dr: Tensor


def mean_absolute_rain_error(sums: RainFrameSums) -> Tensor:
    """(B, L) mean of |pred - target| over a frame's valid pixels."""
    return sums.absolute_error / sums.pixels


def active_area_error(sums: RainFrameSums, area: ActiveArea = "observed") -> Tensor:
    """(B, L) mean of |pred - target| over a frame's active pixels; NaN without active pixels.

    `observed` are the pixels whose observed rate reaches `sums.active_threshold` (table 2 and
    fig. 17 of the paper); `union` adds those whose predicted rate does.
    """
    check_area(area)
    if area == "observed":
        return sums.active_error / sums.active
    return sums.union_error / sums.union


def critical_success_index(sums: RainFrameSums, threshold: float) -> Tensor:
    r"""(B, L) CSI at `threshold`, :math:`A / (A + B + C)` (eq. 4); NaN when A + B + C = 0.

    Raises:
        ValueError: `sums` lack this threshold.
    """
    hits, relevant = hits_and_relevant(sums, threshold)
    return hits.double() / relevant


def hits_and_relevant(sums: RainFrameSums, threshold: float) -> tuple[Tensor, Tensor]:
    """(B, L) number of hits A, and of hits, misses and false alarms A + B + C."""
    at = sums.position_of(threshold)
    hits = sums.hits[..., at]
    return hits, hits + sums.misses[..., at] + sums.false_alarms[..., at]


def mean_observed_rate(sums: RainFrameSums) -> Tensor:
    """(B, L) mean of the observed rate over a frame's valid pixels (fig. 16)."""
    return sums.target_rain / sums.pixels


def mean_predicted_rate(sums: RainFrameSums) -> Tensor:
    """(B, L) mean of the predicted rate over a frame's valid pixels."""
    return sums.pred_rain / sums.pixels


def observed_center_of_mass(sums: RainFrameSums) -> CenterOfMass:
    """Centre of the observed rain (eq. 7); NaN for a frame without rain."""
    return CenterOfMass(sums.target_x / sums.target_rain, sums.target_y / sums.target_rain)


def predicted_center_of_mass(sums: RainFrameSums) -> CenterOfMass:
    """Centre of the predicted rain (eq. 7); NaN for a frame without rain."""
    return CenterOfMass(sums.pred_x / sums.pred_rain, sums.pred_y / sums.pred_rain)


def center_of_mass_displacement(sums: RainFrameSums, pixel_km: float | None = None) -> Displacement:
    """From the observed to the predicted centre of mass (eq. 7, fig. 18).

    Args:
        sums: of the frames.
        pixel_km: edge of a pixel in km, for a result in km; None gives pixels.
    """
    observed, predicted = observed_center_of_mass(sums), predicted_center_of_mass(sums)
    edge = 1.0 if pixel_km is None else pixel_km
    dx, dy = (predicted.x - observed.x) * edge, (predicted.y - observed.y) * edge
    return Displacement(dx, dy, torch.hypot(dx, dy))


def differential_trend(
    sums: RainFrameSums, start: int = 0, leads: Sequence[int] = (5, 11, 17)
) -> Trend:
    """Change of each event's mean rate since frame `start`, observed and predicted (eq. 8).

    Both are relative to the *observed* frame `start`. Means are over valid pixels, which are the
    paper's 512² if all are valid.

    Args:
        sums: of the frames.
        start: i of eq. 8, an index of a target frame.
        leads: the K values of j; 5, 11, 17 are 1, 2, 3 h after the last input frame.

    >>> from saibench.metrics.nowcasting.functional.rain import rain_frame_sums
    >>> target = torch.tensor([2.0, 3.0]).reshape(1, 2, 1, 1)
    >>> preds = torch.tensor([9.0, 1.0]).reshape(1, 2, 1, 1)
    >>> trend = differential_trend(rain_frame_sums(preds, target), start=0, leads=[1])
    >>> trend.observed.item(), trend.predicted.item()
    (1.0, -1.0)
    """
    check_leads([start, *leads], sums.num_leads)
    return rate_trend(mean_observed_rate(sums), mean_predicted_rate(sums), start, list(leads))


def check_area(area: str) -> None:
    """Raise `ValueError` for an area that is neither `observed` nor `union`."""
    if area not in ACTIVE_AREAS:
        raise ValueError(f"area={area} is unknown: {closest(area, ACTIVE_AREAS)}")


def check_leads(leads: Sequence[int], num_leads: int) -> None:
    """Raise `ValueError` for an index that is not below `num_leads`."""
    for lead in leads:
        if not 0 <= lead < num_leads:
            raise ValueError(f"There is no lead {lead}. Valid values: 0 to {num_leads - 1}.")
