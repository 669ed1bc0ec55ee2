"""Base classes of the rain metrics: input, sums of the frames and checks."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor

from saibench.metrics.nowcasting.functional.rain import (
    RAIN_REFUSALS,
    Backend,
    RainFrameSums,
    check_backend,
    rain_frame_sums,
)
from saibench.metrics.nowcasting.functional.rain_input import ACTIVE_THRESHOLD, check_threshold
from saibench.metrics.strict import StrictMetric


class RainMetric(StrictMetric):
    """A metric of predicted and observed rain, updated with frames or with their sums.

    `update(preds, target, mask)` takes rates in mm/h, (B, L, H, W) with L = `num_leads`, and an
    optional mask of the same shape, True for valid pixels. `update(rain_frame_sums(...))` lets
    several metrics share one pass over the frames, also in a `torchmetrics.MetricCollection`:

    >>> from torchmetrics import MetricCollection
    >>> from saibench.metrics.nowcasting import CriticalSuccessIndex, MeanAbsoluteErrorByLead
    >>> from saibench.metrics.nowcasting.functional.rain import rain_frame_sums
    >>> metrics = MetricCollection(
    ...     {
    ...         "mae": MeanAbsoluteErrorByLead(num_leads=2),
    ...         "csi_16": CriticalSuccessIndex(threshold=16.0, num_leads=2),
    ...         "csi_32": CriticalSuccessIndex(threshold=32.0, num_leads=2),
    ...     }
    ... )
    >>> preds, target = torch.full((4, 2, 8, 8), 20.0), torch.full((4, 2, 8, 8), 40.0)
    >>> metrics.update(rain_frame_sums(preds, target, thresholds=(16.0, 32.0)))
    >>> scores = metrics.compute()
    >>> scores["csi_16_csi"].tolist(), scores["csi_32_csi"].tolist()
    ([1.0, 1.0], [0.0, 0.0])

    Args:
        num_leads: L, the number of predicted frames.
        thresholds: rates in mm/h for hits, misses and false alarms.
        active_threshold: rate in mm/h that defines the active area; None if not needed.
        settings: numbers that distinguish metrics of one class with different settings.
        backend: see `rain_frame_sums`; no effect if sums are passed.
        kwargs: those of `torchmetrics.Metric`.
    """

    is_differentiable = False
    higher_is_better = False
    refusals: ClassVar[tuple[str, ...]] = RAIN_REFUSALS

    settings: Tensor

    def __init__(
        self,
        num_leads: int,
        *,
        thresholds: Sequence[float] = (),
        active_threshold: float | None = None,
        settings: Sequence[float] = (),
        backend: Backend = "auto",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if num_leads < 1:
            raise ValueError(f"num_leads must be at least 1, not {num_leads}.")
        for threshold in (*thresholds, active_threshold):
            if threshold is not None:
                check_threshold(threshold)
        check_backend(backend)
        self.num_leads = num_leads
        self.thresholds = tuple(thresholds)
        self.active_threshold = active_threshold
        self.backend: Backend = backend
        # A MetricCollection updates metrics of equal states only once, and the states of CSI at 16
        # and at 64 mm/h are equal after a dry batch. This constant state makes them differ.
        self.add_state("settings", torch.tensor([num_leads, *settings], dtype=torch.float64), "max")

    def sums_of(
        self, preds: Tensor | RainFrameSums, target: Tensor | None, mask: Tensor | None
    ) -> RainFrameSums:
        """The sums of a batch of frames, or the sums that were passed instead of frames.

        Raises:
            ValueError: frames or sums don't match the settings of this metric.
        """
        if isinstance(preds, RainFrameSums):
            if target is not None or mask is not None:
                raise ValueError("Pass either rain_frame_sums or frames with target and mask.")
            sums = preds
        elif target is None:
            raise ValueError(f"{type(self).__name__}.update needs a target.")
        else:
            active = ACTIVE_THRESHOLD if self.active_threshold is None else self.active_threshold
            sums = rain_frame_sums(preds, target, mask, self.thresholds, active, self.backend)
        if sums.num_leads != self.num_leads:
            raise ValueError(
                f"{type(self).__name__} has num_leads={self.num_leads}, but this batch has "
                f"{sums.num_leads} lead times."
            )
        if self.active_threshold not in (None, sums.active_threshold):
            raise ValueError(
                f"{type(self).__name__} needs rain_frame_sums with active_threshold="
                f"{self.active_threshold} mm/h, not {sums.active_threshold}."
            )
        return sums


class LeadTimeMetric(RainMetric):
    """A rain metric whose states are sums over events; a subclass implements `add`."""

    @abstractmethod
    def add(self, sums: RainFrameSums) -> None:
        """Add a batch to the states."""

    def update(
        self,
        preds: Tensor | RainFrameSums,
        target: Tensor | None = None,
        mask: Tensor | None = None,
    ) -> None:
        sums = self.sums_of(preds, target, mask)
        self.refuse(sums.refused)
        self.add(sums)


class MeanByLead(LeadTimeMetric):
    """Mean of one or more scores over frames, at each lead time.

    Every frame with a defined score has the same weight, as in the paper. A subclass lists its
    `scores` and implements `of_frames`. `compute()` returns the mean of each score, (L,) float64,
    NaN without a defined score, and "count", (L,) int64, the number of frames with one.
    """

    scores: ClassVar[tuple[str, ...]]

    frames: Tensor

    def __init__(self, num_leads: int, **options: Any) -> None:
        super().__init__(num_leads, **options)
        zeros = torch.zeros(num_leads, dtype=torch.float64)
        for score in self.scores:
            self.add_state(f"{score}_sum", zeros.clone(), dist_reduce_fx="sum")
        self.add_state("frames", zeros.long(), dist_reduce_fx="sum")

    @abstractmethod
    def of_frames(self, sums: RainFrameSums) -> Sequence[Tensor]:
        """Values (B, L) of each of `scores`, NaN if undefined, all for the same frames."""

    def add(self, sums: RainFrameSums) -> None:
        for score, values in zip(self.scores, self.of_frames(sums), strict=True):
            total = getattr(self, f"{score}_sum")
            defined = ~values.isnan()
            total += torch.where(defined, values, 0.0).sum(dim=0)
        self.frames += defined.sum(dim=0)

    def compute(self) -> dict[str, Tensor]:
        self.raise_if_refused()
        means = {score: getattr(self, f"{score}_sum") / self.frames for score in self.scores}
        return means | {"count": self.frames}
