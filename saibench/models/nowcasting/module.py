"""Evaluation of any nowcasting net, and training with the weighted distance (paper §6)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torchmetrics import MeanMetric, Metric

from saibench.datamodules.nowcasting.batch import RainBatch
from saibench.datamodules.nowcasting.draws import RepeatedDraws
from saibench.datamodules.nowcasting.event import MINUTES_PER_FRAME, TARGET_FRAMES
from saibench.datamodules.structural import EvaluationPass, StructuralDataModule
from saibench.errors import UserError
from saibench.evidence.statistic import Statistic
from saibench.metrics.nowcasting import (
    ActiveAreaMAE,
    CenterOfMassDisplacement,
    CriticalSuccessIndex,
    CumulativeCSI,
    DifferentialTrend,
    MeanAbsoluteErrorByLead,
    PredictionStability,
)
from saibench.metrics.nowcasting.functional.rain import RainFrameSums, rain_frame_sums
from saibench.metrics.nowcasting.functional.rain_input import MAX_OBSERVED_RATE
from saibench.models.external.model import SAMPLE_ID, ExternalModel
from saibench.models.metrics import MetricInputs, Metrics
from saibench.models.net_interface import built_net, checked_output
from saibench.models.net_module import LOG_EVERY, NetModule, check_checkpoint
from saibench.models.nowcasting.error_parts import truth_statistics
from saibench.models.nowcasting.losses import weighted_distance
from saibench.models.nowcasting.nets.event_noise import EventNoise
from saibench.models.nowcasting.nets.nowcastnet.published import load_published
from saibench.models.nowcasting.saved_events import choose_rainiest, saved_rain
from saibench.models.nowcasting.statistics import (
    draw_statistics,
    frame_statistics,
    mass_balance,
    nowcasting_statistics,
    refuse_not_finite,
)
from saibench.models.saved_samples import save_samples
from saibench.models.untrained import refuse_random_weights

INPUTS = {"observed": "(B, T, H, W) mm/h", "noise": "(an EventNoise)"}
"""Of a net's `forward`."""
OUTPUTS = (("rain",),)
"""Of an `ExternalModel`, whose inputs are `observed` and `sample_id`."""


class NowcastingModule(NetModule):
    """A net that predicts rain from observed rain, and its errors by event and lead time.

    The training loss is NowcastNet's weighted distance, which gives heavy rain more weight.
    `NowcastNetModule` trains NowcastNet.

    Args:
        net: `_target_` and settings of the net, `forward(observed (B, T, H, W) mm/h, noise)` →
            `(B, L, H, W)` mm/h; noise is an `EventNoise`, for stochastic nets. If the truth is
            known, motion and source of a net with `evolve(observed)` → `Evolution` are tested too.
        dataset_info: information on the data: `pixel_km`, `has_truth`, and optionally the numbers
            of frames `observed` and `leads` and `frame_minutes` between two frames, by default
            those of NowcastNet: 9, 20 and 10. A net gets those that its constructor accepts.
        name: of the model, in the names of runs.
        optimizer: `_target_` and settings of a torch optimizer; unused without training.
        lr_schedule: `scheduler` (a `_target_`), `interval` and `monitor`, or None.
        checkpoint: file of initial weights, with the net's names and shapes, or None.
        thresholds: rain rates in mm/h for the critical success index.
        active_threshold: rain rate in mm/h from which a pixel is active.
        seed: of the noise in evaluation.
        steps: 0 for a net without parameters, which is not trained.
    """

    precisions = ("32-true", "bf16-mixed")
    validated = ("val/loss", "val/mae")

    def __init__(
        self,
        net: dict[str, Any],
        dataset_info: dict[str, Any],
        name: str,
        optimizer: dict[str, Any] | None = None,
        lr_schedule: dict[str, Any] | None = None,
        checkpoint: str | None = None,
        thresholds: Sequence[float] = (16.0, 32.0, 64.0),
        active_threshold: float = 5.0,
        seed: int = 0,
        steps: int | None = None,
    ) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.dataset_info = dataset_info
        self.thresholds = tuple(float(level) for level in thresholds)
        self.active_threshold = active_threshold
        self.seed = seed
        self.net = built_net(net, INPUTS, **_known_of_data(net, dataset_info))
        self.validation_loss = MeanMetric(nan_strategy="disable")  # keeps NaN
        self.validation_error = MeanMetric(nan_strategy="disable")

    @classmethod
    def check(cls, settings: Mapping[str, Any], max_steps: int | None) -> None:
        check_checkpoint(settings)
        refuse_random_weights(settings, max_steps)

    def load_initial_weights(self) -> None:
        if self.hparams["checkpoint"] is not None:
            load_published(self.net, self.hparams["checkpoint"])

    def forward(self, batch: RainBatch) -> Tensor:
        """Rain `(B, L, H, W)` in mm/h, the same for an event in any batch and on any rank."""
        if isinstance(self.net, ExternalModel):
            given = {"observed": batch.observed, SAMPLE_ID: batch.sample_id}
            rain = self._checked(self.net(given, OUTPUTS)["rain"], batch)
            self.net.refuse_not_finite(rain, batch.sample_id, "rain")
            return rain
        noise = EventNoise(batch.sample_id, self.seed)
        return self._checked(self.net(batch.observed, noise), batch)

    def _checked(self, rain: Any, batch: RainBatch) -> Tensor:
        meaning = "(B, L, H, W) in mm/h, a frame per lead time"
        return checked_output(self.net, rain, "rain", tuple(batch.target.shape), meaning)

    def training_step(self, batch: RainBatch, batch_idx: int) -> Tensor:
        losses = weighted_distance(self(batch), batch.target, batch.mask).mean(dim=1)
        loss = batch.sample_weight * losses.sum()
        if batch_idx % LOG_EVERY == 0:
            self.log("train/loss", loss, sync_dist=True)
        return loss

    def validation_step(self, batch: RainBatch, batch_idx: int) -> None:
        predicted = self(batch).float().clamp(min=0)
        self.validation_loss.update(weighted_distance(predicted, batch.target, batch.mask))
        sums = self._sums(predicted, batch)
        defined = (sums.pixels > 0) | sums.absolute_error.isnan()  # keeps NaN
        self.validation_error.update((sums.absolute_error / sums.pixels)[defined].float())

    def on_validation_epoch_end(self) -> None:
        self.log("val/loss", self.validation_loss.compute(), prog_bar=True)
        self.log("val/mae", self.validation_error.compute(), prog_bar=True)

    def statistics(self) -> list[Statistic]:
        statistics = nowcasting_statistics(
            self.leads,
            self.thresholds,
            self.active_threshold,
            self.dataset_info["has_truth"] and self.evolves,
            self.frame_minutes,
        )
        draws = self._draws()
        if draws is None:
            return statistics
        return [*statistics, *draw_statistics(draws, self.leads, self.frame_minutes)]

    @property
    def leads(self) -> int:
        """Number of predicted frames."""
        return self.dataset_info.get("leads", TARGET_FRAMES)

    @property
    def frame_minutes(self) -> int:
        """Between two frames."""
        return self.dataset_info.get("frame_minutes", MINUTES_PER_FRAME)

    @property
    def evolves(self) -> bool:
        """Whether the net predicts motion and source."""
        return hasattr(self.net, "evolve")

    def metric_inputs(self) -> dict[str, MetricInputs]:
        """Frames with their mask, or valid pixels for metrics without a mask."""
        rain = torch.linspace(0, 9, 2 * self.leads * 256).reshape(2, self.leads, 16, 16).double()
        mask = torch.ones(rain.shape, dtype=torch.bool)
        frames = {"preds": rain, "target": 2 * rain, "mask": mask}
        pixels = {"preds": rain.flatten(), "target": 2 * rain.flatten()}
        return {
            "frames": MetricInputs("mm/h", frames, required=(*frames,)),
            "pixels": MetricInputs("mm/h", pixels),
        }

    def metrics(self, evaluation: EvaluationPass) -> Metrics:
        given: dict[str, Any] = {"num_leads": self.leads}
        pixel_km, active = self.dataset_info["pixel_km"], self.active_threshold
        found: dict[str, dict[str, Metric]] = {
            "sums": {
                "mae": MeanAbsoluteErrorByLead(**given),
                "active_area_mae": ActiveAreaMAE(active, **given),
                "union_area_mae": ActiveAreaMAE(active, "union", **given),
                "displacement": CenterOfMassDisplacement(pixel_km, **given),
                "trend": DifferentialTrend(leads=range(1, self.leads), **given),
            }
        }
        for level in self.thresholds:
            found["sums"][f"csi_{level:g}"] = CriticalSuccessIndex(level, **given)
            found["sums"][f"cumulative_csi_{level:g}"] = CumulativeCSI(level, **given)
        if isinstance(evaluation.transform, RepeatedDraws):
            ids = np.unique(np.concatenate([part.sample_ids for part in evaluation.partitions]))
            self._drawn = torch.tensor(ids, device=self.device)
            events, draws = [str(event) for event in ids], evaluation.transform.count
            stability = PredictionStability(events, draws, pixel_km=pixel_km, **given)
            found["draws"] = {"stability": stability}
        return found

    def _update_metrics(
        self, sums: RainFrameSums, predicted: Tensor, batch: RainBatch, draw: int
    ) -> None:
        """Of repeated draws, the first updates the metrics of single predictions."""
        ids = batch.sample_id
        if batch.draws is not None and self.measures("draws"):
            event, number = torch.searchsorted(self._drawn, ids), torch.full_like(ids, draw)
            self.update_metrics("draws", ids, preds=sums, event=event, draw=number)
        if draw:
            return
        self.update_metrics("sums", ids, preds=sums)
        if self.measures("frames") or self.measures("pixels"):
            rain = predicted.double().clamp(min=0)
            observed, mask = batch.target.double().clamp(0, MAX_OBSERVED_RATE), batch.mask
            self.update_metrics("frames", ids, preds=rain, target=observed, mask=mask)
            event = ids.repeat_interleave(mask.flatten(1).sum(dim=1))
            self.update_metrics("pixels", event, preds=rain[mask], target=observed[mask])

    def test_step(self, batch: RainBatch, batch_idx: int) -> dict[str, Tensor]:
        if batch.draws is not None:
            return self._repeated(batch, batch.draws)
        values = self._scored(self(batch), batch)
        if batch.motion is not None and batch.source is not None and self.evolves:
            values |= truth_statistics(
                self.net.evolve(batch.observed),
                batch.observed[:, -1],
                batch.target,
                batch.motion,
                batch.source,
                batch.pixel_km,
                self.frame_minutes,
            )
        return values

    def save_samples(self, folder: Path, data: StructuralDataModule) -> None:
        save_samples(folder, self, data, choose_rainiest, saved_rain)

    def _repeated(self, batch: RainBatch, draws: int) -> dict[str, Tensor]:
        """Statistics of the first draw, and errors of every draw."""
        if not hasattr(self.net, "draws"):
            raise UserError(
                f"model={self.hparams['name']} is deterministic. Use a stochastic model for a "
                "partition of repeated draws."
            )
        noise = EventNoise(batch.sample_id, self.seed)
        frames = [
            self._scored(self._checked(predicted, batch), batch, draw)
            for draw, predicted in enumerate(self.net.draws(batch.observed, draws, noise))
        ]
        of_draws = {
            f"draw/{name}": torch.stack([of_draw[f"lead/{name}"] for of_draw in frames], dim=1)
            for name in ("mae", "mae.defined", "displacement", "displacement.defined")
        }
        return frames[0] | {name: values.flatten(1) for name, values in of_draws.items()}

    def _draws(self) -> int | None:
        """Number of draws of the partitions that are being tested, if any."""
        counts = {draws.count for draws in self.tested_transforms(RepeatedDraws)}
        if len(counts) > 1:
            raise UserError(
                f"The test partitions have {' and '.join(map(str, sorted(counts)))} draws per "
                "event. Use the same count."
            )
        return counts.pop() if counts else None

    def _scored(self, predicted: Tensor, batch: RainBatch, draw: int = 0) -> dict[str, Tensor]:
        sums = self._sums(predicted, batch)
        refuse_not_finite(sums, batch.sample_id, f"model.net={self.hparams['net']['_target_']}")
        self._update_metrics(sums, predicted, batch, draw)
        balance = mass_balance(sums, batch.observed[:, -1], batch.mask)
        return frame_statistics(sums, batch.pixel_km) | balance

    def _sums(self, predicted: Tensor, batch: RainBatch) -> RainFrameSums:
        return rain_frame_sums(
            predicted, batch.target, batch.mask, self.thresholds, self.active_threshold
        )


def _known_of_data(net: Mapping[str, Any], dataset_info: Mapping[str, Any]) -> dict[str, Any]:
    """Resolution of the data in space and time, unless set for the net."""
    known = ("pixel_km", "observed", "leads", "frame_minutes")
    return {name: dataset_info[name] for name in known if name in dataset_info and name not in net}
