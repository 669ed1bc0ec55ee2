"""Scores of predicted rain by lead time: CSI, absolute errors, displacement.

The mathematics is in `saibench.metrics.nowcasting.functional.rain_statistics`.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from saibench.metrics.nowcasting.base import MeanByLead
from saibench.metrics.nowcasting.functional.rain import RainFrameSums
from saibench.metrics.nowcasting.functional.rain_statistics import (
    ACTIVE_AREAS,
    ActiveArea,
    active_area_error,
    center_of_mass_displacement,
    check_area,
    critical_success_index,
    mean_absolute_rain_error,
)


class CriticalSuccessIndex(MeanByLead):
    r"""Critical success index at a threshold, by lead time.

    .. math:: \mathrm{CSI} = \frac{A}{A + B + C}

    with A hits (observed and predicted rate reach the threshold), B misses (only the observed
    rate) and C false alarms (only the predicted rate) among a frame's valid pixels: eq. 4 of the
    paper, with :math:`\ge` throughout.

    Args:
        threshold: rain rate in mm/h.
        num_leads: L.
        options: `backend`, and those of `torchmetrics.Metric`.

    `compute()` returns, each (L,),

    - "csi": the mean over frames with A + B + C > 0, NaN without such frames;
    - "count": the number of these frames;
    - "pooled": the CSI of the summed counts of all frames, as in forecast verification;
    - "hits", "misses", "false_alarms": these counts.

    Raises:
        ValueError: shapes don't match; rates of valid pixels are NaN or infinite: in `update` on
            a CPU, in `compute` on an accelerator.

    >>> csi = CriticalSuccessIndex(threshold=16.0, num_leads=1)
    >>> target = torch.tensor([16.0, 20.0, 0.0, 0.0]).reshape(1, 1, 2, 2)
    >>> preds = torch.tensor([16.0, 15.9, 30.0, 0.0]).reshape(1, 1, 2, 2)
    >>> csi.update(preds, target)
    >>> csi.compute()["csi"]
    tensor(0.3333, dtype=torch.float64)
    """

    higher_is_better = True
    scores = ("csi",)

    hits: Tensor
    misses: Tensor
    false_alarms: Tensor

    def __init__(self, threshold: float, num_leads: int = 20, **options: Any) -> None:
        super().__init__(num_leads, thresholds=[threshold], settings=[threshold], **options)
        self.threshold = threshold
        for category in ("hits", "misses", "false_alarms"):
            zeros = torch.zeros(num_leads, dtype=torch.int64)
            self.add_state(category, zeros, dist_reduce_fx="sum")

    def of_frames(self, sums: RainFrameSums) -> tuple[Tensor]:
        return (critical_success_index(sums, self.threshold),)

    def add(self, sums: RainFrameSums) -> None:
        super().add(sums)
        at = sums.position_of(self.threshold)
        self.hits += sums.hits[..., at].sum(dim=0)
        self.misses += sums.misses[..., at].sum(dim=0)
        self.false_alarms += sums.false_alarms[..., at].sum(dim=0)

    def compute(self) -> dict[str, Tensor]:
        relevant = self.hits + self.misses + self.false_alarms
        return super().compute() | {
            "pooled": self.hits.double() / relevant,
            "hits": self.hits,
            "misses": self.misses,
            "false_alarms": self.false_alarms,
        }


class MeanAbsoluteErrorByLead(MeanByLead):
    """Mean absolute error of the rain rate, by lead time; row "Raw" of the paper's table 2.

    The mean over a frame's valid pixels, then over frames.

    Args:
        num_leads: L.
        options: `backend`, and those of `torchmetrics.Metric`.

    `compute()` returns "mae" (L,), mm/h, and "count" (L,), the number of frames with valid pixels.

    Raises:
        ValueError: as `CriticalSuccessIndex`.

    >>> mae = MeanAbsoluteErrorByLead(num_leads=2)
    >>> mae.update(torch.full((3, 2, 8, 8), 1.5), torch.zeros(3, 2, 8, 8))
    >>> {name: value.tolist() for name, value in mae.compute().items()}
    {'mae': [1.5, 1.5], 'count': [3, 3]}
    """

    scores = ("mae",)

    def __init__(self, num_leads: int = 20, **options: Any) -> None:
        super().__init__(num_leads, **options)

    def of_frames(self, sums: RainFrameSums) -> tuple[Tensor]:
        return (mean_absolute_rain_error(sums),)


class ActiveAreaMAE(MeanByLead):
    """Mean absolute error of active pixels, by lead time; row "Active" of the paper's table 2.

    The mean over a frame's active pixels, then over the frames with active pixels.

    Args:
        threshold: rain rate in mm/h from which a pixel is active.
        area: `observed`: the observed rate reaches the threshold; `union`: the observed or the
            predicted rate does.
        num_leads: L.
        options: `backend`, and those of `torchmetrics.Metric`.

    `compute()` returns "active_mae" (L,), mm/h, NaN without active pixels, and "count" (L,), the
    number of frames with active pixels.

    Raises:
        ValueError: as `CriticalSuccessIndex`.

    >>> active = ActiveAreaMAE(threshold=5.0, num_leads=1)
    >>> target = torch.tensor([5.0, 4.9, 0.0, 0.0]).reshape(1, 1, 2, 2)
    >>> active.update(torch.zeros(1, 1, 2, 2), target)
    >>> {name: value.item() for name, value in active.compute().items()}
    {'active_mae': 5.0, 'count': 1}
    """

    scores = ("active_mae",)

    def __init__(
        self,
        threshold: float = 5.0,
        area: ActiveArea = "observed",
        num_leads: int = 20,
        **options: Any,
    ) -> None:
        check_area(area)
        settings = [threshold, ACTIVE_AREAS.index(area)]
        super().__init__(num_leads, active_threshold=threshold, settings=settings, **options)
        self.area: ActiveArea = area

    def of_frames(self, sums: RainFrameSums) -> tuple[Tensor]:
        return (active_area_error(sums, self.area),)


class CenterOfMassDisplacement(MeanByLead):
    """Distance between the predicted and the observed centre of mass, by lead time (eq. 7).

    The centre of mass of the rain rate over a frame's valid pixels. Frames with a dry prediction
    or observation are excluded.

    Args:
        pixel_km: edge of a pixel in km, for distances in km; None gives pixels.
        num_leads: L.
        options: `backend`, and those of `torchmetrics.Metric`.

    `compute()` returns, each (L,), "dr": the mean distance; "dx" and "dy": the mean signed
    displacements, predicted minus observed, to the right and downwards; "count": the number of
    frames in which both have rain.

    Raises:
        ValueError: as `CriticalSuccessIndex`.

    >>> displacement = CenterOfMassDisplacement(pixel_km=2.0, num_leads=1)
    >>> target = torch.zeros(1, 1, 8, 8)
    >>> target[0, 0, 1, 1] = 10.0
    >>> displacement.update(target.roll((4, 3), dims=(-2, -1)), target)
    >>> {name: value.item() for name, value in displacement.compute().items()}
    {'dr': 10.0, 'dx': 6.0, 'dy': 8.0, 'count': 1}
    """

    scores = ("dr", "dx", "dy")

    def __init__(self, pixel_km: float | None = None, num_leads: int = 20, **options: Any) -> None:
        super().__init__(num_leads, **options)
        if pixel_km is not None and not pixel_km > 0:
            raise ValueError(f"pixel_km must be above 0, not {pixel_km}.")
        self.pixel_km = pixel_km

    def of_frames(self, sums: RainFrameSums) -> tuple[Tensor, Tensor, Tensor]:
        displacement = center_of_mass_displacement(sums)
        return displacement.dr, displacement.dx, displacement.dy

    def compute(self) -> dict[str, Tensor]:
        edge = 1.0 if self.pixel_km is None else self.pixel_km
        pixels = super().compute()
        return {score: pixels[score] * edge for score in self.scores} | {"count": pixels["count"]}
