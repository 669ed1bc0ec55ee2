"""Contestants of the rain metrics: saibench (all metrics), pysteps (CSI, MAE), torchmetrics (CSI).

Each returns its scores by lead time, of which the benchmark compares the common ones.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torchmetrics import MetricCollection
from torchmetrics.functional.regression import critical_success_index as torchmetrics_csi

from saibench.metrics.nowcasting import (
    ActiveAreaMAE,
    CenterOfMassDisplacement,
    CriticalSuccessIndex,
    CumulativeCSI,
    DifferentialTrend,
    MeanAbsoluteErrorByLead,
    PredictionStability,
)
from saibench.metrics.nowcasting.functional.rain import Backend, rain_frame_sums

THRESHOLDS = (16.0, 32.0, 64.0)

Scores = dict[str, np.ndarray]
"""Means over events, by lead time: "csi_16", "csi_32", "csi_64", "mae", if computed."""


@dataclass(frozen=True)
class Contestant:
    """A way to score (B, 20, H, W) frames; `scores` is synchronous."""

    name: str
    does: str
    scores: Callable[[Tensor, Tensor], Scores]


def saibench(num_events: int, num_leads: int, device: torch.device, backend: Backend) -> Contestant:
    """Every rain metric, at three thresholds if it has one, from one pass."""
    at_thresholds = {
        f"{name}_{threshold:.0f}": made(threshold, num_leads=num_leads)
        for threshold in THRESHOLDS
        for name, made in [("csi", CriticalSuccessIndex), ("cumulative", CumulativeCSI)]
    }
    metrics = MetricCollection(
        at_thresholds
        | {
            "mae": MeanAbsoluteErrorByLead(num_leads),
            "active_area": ActiveAreaMAE(num_leads=num_leads),
            "active_union": ActiveAreaMAE(area="union", num_leads=num_leads),
            "displacement": CenterOfMassDisplacement(pixel_km=2.0, num_leads=num_leads),
            "trend": DifferentialTrend(num_leads=num_leads),
        }
    ).to(device)
    events = torch.arange(num_events, device=device)
    names = [str(event) for event in range(num_events)]
    stability = PredictionStability(names, num_draws=1, num_leads=num_leads).to(device)

    def scores(preds: Tensor, target: Tensor) -> Scores:
        sums = rain_frame_sums(preds, target, thresholds=THRESHOLDS, backend=backend)
        metrics.update(sums)  # accumulated over calls, as in a test
        stability.reset()
        stability.update(sums, event=events, draw=torch.zeros_like(events))
        spread = stability.compute()
        found = metrics.compute()
        csi = {f"csi_{threshold:.0f}": f"csi_{threshold:.0f}_csi" for threshold in THRESHOLDS}
        return {name: found[key].cpu().numpy() for name, key in csi.items()} | {
            "mae": spread["mae_mean"].mean(dim=0).cpu().numpy()
        }

    return Contestant(f"saibench, {backend}", f"{len(metrics) + 1} metrics", scores)


def frame_sums(backend: Backend) -> Contestant:
    """Only the pass over the frames, without the metrics."""

    def scores(preds: Tensor, target: Tensor) -> Scores:
        sums = rain_frame_sums(preds, target, thresholds=THRESHOLDS, backend=backend)
        return {"mae": (sums.absolute_error / sums.pixels).mean(dim=0).cpu().numpy()}

    return Contestant(f"sums, {backend}", "all sums", scores)


def pysteps() -> Contestant:
    """CSI at three thresholds and MAE, of each frame; on the CPU only."""
    with contextlib.redirect_stdout(io.StringIO()):  # it prints the place of its settings
        from pysteps.verification.detcatscores import det_cat_fct
        from pysteps.verification.detcontscores import det_cont_fct

    # pysteps counts rates above the threshold, and radar rates can be equal to it
    below = [np.nextafter(np.float32(threshold), np.float32(0)) for threshold in THRESHOLDS]

    def of_frame(predicted: np.ndarray, observed: np.ndarray) -> list[float]:
        csi = [det_cat_fct(predicted, observed, level, scores="CSI")["CSI"] for level in below]
        return [*csi, det_cont_fct(predicted, observed, scores="MAE")["MAE"]]

    def scores(preds: Tensor, target: Tensor) -> Scores:
        predicted, observed = preds.flatten(0, 1).numpy(), target.flatten(0, 1).numpy()
        with np.errstate(invalid="ignore"):
            found = [of_frame(*pair) for pair in zip(predicted, observed, strict=True)]
        names = [*(f"csi_{threshold:.0f}" for threshold in THRESHOLDS), "mae"]
        by_event = np.reshape(found, (*preds.shape[:2], len(names)))
        return dict(zip(names, nan_mean(by_event).T, strict=True))

    return Contestant("pysteps", "3 CSI, MAE", scores)


def torchmetrics() -> Contestant:
    """CSI at three thresholds, of each frame."""

    def scores(preds: Tensor, target: Tensor) -> Scores:
        by_frame = preds.flatten(0, 1), target.flatten(0, 1)
        shape = preds.shape[:2]
        return {
            f"csi_{threshold:.0f}": torchmetrics_csi(*by_frame, threshold, keep_sequence_dim=0)
            .reshape(shape)
            .nanmean(dim=0)
            .cpu()
            .numpy()
            for threshold in THRESHOLDS
        }

    return Contestant("torchmetrics", "3 CSI", scores)


def nan_mean(values: np.ndarray) -> np.ndarray:
    """Mean over events, ignoring NaN."""
    defined = ~np.isnan(values)
    with np.errstate(invalid="ignore"):
        return np.where(defined, values, 0.0).sum(axis=0) / defined.sum(axis=0)
