"""A harmonic oscillator fitted to swings."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from pendulum.data import SwingBatch
from pendulum.metric import Skill, skill
from saibench.datamodules.structural import EvaluationPass
from saibench.evidence.statistic import Axis, PartitionMetric, Statistic
from saibench.models.base import BenchmarkModule
from saibench.models.metrics import MetricInputs, Metrics


class Harmonic(BenchmarkModule):
    """`release · exp(−decay · t) · cos(frequency · t)`, exact for small angles only.

    Args:
        dataset_info: of the data: `read_at` in ms.
        lr: learning rate.
        seed: of the initial frequency.
    """

    validated = ("val/loss",)

    def __init__(self, dataset_info: dict[str, Any], lr: float = 0.02, seed: int = 0) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.read_at: tuple[int, ...] = tuple(dataset_info["read_at"])
        first = np.random.default_rng(seed).uniform(2.8, 3.2)
        self.frequency = torch.nn.Parameter(torch.tensor(first, dtype=torch.float32))
        self.decay = torch.nn.Parameter(torch.tensor(0.0))

    def forward(self, batch: SwingBatch) -> Tensor:
        """Return angles `(B, T)` in degrees."""
        seconds = torch.tensor(self.read_at, device=self.device) / 1000
        shape = torch.exp(-self.decay * seconds) * torch.cos(self.frequency * seconds)
        return batch.release[:, None] * shape

    def losses(self, batch: SwingBatch) -> Tensor:
        """Return the loss of each swing `(B,)`, relative to its release."""
        return ((self(batch) - batch.angle) / batch.release[:, None]).square().mean(dim=1)

    def training_step(self, batch: SwingBatch, batch_idx: int) -> Tensor:
        return batch.weight * self.losses(batch).sum()

    def validation_step(self, batch: SwingBatch, batch_idx: int) -> None:
        loss = self.losses(batch).mean()
        self.log("val/loss", loss, batch_size=len(batch), sync_dist=True)

    def configure_optimizers(self) -> Any:
        return torch.optim.Adam(self.parameters(), lr=self.hparams["lr"])

    def statistics(self) -> list[Statistic]:
        after = Axis("after", self.read_at)
        return [
            Statistic(
                "angle_error", "°", "reading", "mean absolute error of the angle",
                summaries={"angle_mae": "mean"},
            ),
            Statistic(
                "late_error", "°", "swing", "predicted less read angle, at the last reading",
                summaries={"late_error": "mean"},
            ),
            Statistic(
                "angle_error", "°", "reading", "absolute error of the angle", after,
                summaries={"angle_mae": "mean"},
            ),
            Statistic("angle", "°", "reading", "angle that was read", after),
            Statistic("predicted", "°", "reading", "predicted angle", after),
        ]  # fmt: skip

    def partition_metrics(self) -> list[PartitionMetric]:
        def of_columns(predicted: np.ndarray, angle: np.ndarray) -> float:
            return float(skill(np.square(predicted - angle).sum(), np.square(angle).sum()))

        columns = ("after/predicted", "after/angle")
        return [PartitionMetric("skill", "", "reading", columns, of_columns)]

    def metric_inputs(self) -> dict[str, MetricInputs]:
        angle = torch.arange(8.0).reshape(2, 4)
        return {"angle": MetricInputs("°", {"preds": angle, "target": angle.square()})}

    def metrics(self, evaluation: EvaluationPass) -> Metrics:
        return {"angle": {"skill": Skill()}}

    def test_step(self, batch: SwingBatch, batch_idx: int) -> dict[str, Tensor]:
        predicted = self(batch)
        self.update_metrics("angle", batch.sample_id, preds=predicted, target=batch.angle)
        error = predicted - batch.angle
        return {
            "angle_error": error.abs().mean(dim=1),
            "late_error": error[:, -1],
            "after/angle_error": error.abs(),
            "after/angle": batch.angle,
            "after/predicted": predicted,
        }
