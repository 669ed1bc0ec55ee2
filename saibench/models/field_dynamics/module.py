"""Training of a net that predicts the next frame, and its rollouts in test."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torchmetrics import MeanMetric

from saibench.datamodules.field_dynamics.batch import FieldBatch
from saibench.datamodules.field_dynamics.transforms import FieldTransform
from saibench.datamodules.structural import EvaluationPass, StructuralDataModule
from saibench.errors import UserError
from saibench.evidence.statistic import Statistic
from saibench.metrics.field_dynamics import FieldErrorByLead, ValidTime
from saibench.models.external.model import SAMPLE_ID, ExternalModel
from saibench.models.field_dynamics.residual import (
    has_residual,
    residual_of,
    residual_statistic,
)
from saibench.models.field_dynamics.saved_forecasts import choose_forecasts, forecasts_of
from saibench.models.field_dynamics.statistics import field_statistics, forecast_errors
from saibench.models.metrics import MetricInputs, Metrics
from saibench.models.net_interface import built_net, checked_output
from saibench.models.net_module import LOG_EVERY, NetModule, check_checkpoint, check_optimizer
from saibench.models.published import load_weights
from saibench.models.saved_samples import save_samples
from saibench.models.untrained import refuse_random_weights
from saibench.options import NotNegative

INPUTS = {"fields": "(B, H, C, *grid)", "parameters": "(B, P)"}
"""Of a net's `forward`."""
OUTPUTS = (("fields",),)
"""Of an `ExternalModel`, whose inputs are `observed`, `parameters` and `sample_id`."""
BLOWN_UP = 1e30
"""Validation loss of a rollout that is not finite, so that the mean over forecasts is."""
OF_DATA = ("channels", "grid", "parameters", "history", "mean", "std")
"""What a net may know of the data, if its constructor accepts it."""


class FieldDynamicsModule(NetModule):
    """A net that predicts the next frame of standardised fields, applied again to its prediction.

    The training loss is the mean squared error of the standardised frames of a rollout as long as a
    training sample (`datamodule.unroll`), the validation loss that of whole forecasts; one that
    blows up counts as `BLOWN_UP`, so that training goes on. In test, too, the net predicts all
    leads, and a rollout that blows up has infinite errors.

    Args:
        net: `_target_` and settings of the net, `forward(fields (B, H, C, *grid), parameters
            (B, P))` → `(B, C, *grid)`, all standardised by the training partition; or an
            `ExternalModel`, which predicts all leads in the unit of the data.
        dataset_info: of the data module.
        name: of the model, in the names of runs.
        optimizer: `_target_` and settings of a torch optimizer; unused without training.
        lr_schedule: `scheduler` (a `_target_`), `interval` and `monitor`, or None.
        checkpoint: file of initial weights, or None.
        residual: whether the net predicts the change from the last frame.
        noise: standard deviation of the noise that is added to standardised frames in training, so
            that the net learns to correct its errors.
        seed: of the initial weights and the noise.
        steps: 0 for a model that is not trained.
    """

    precisions = ("32-true",)
    validated = ("val/loss",)
    snapshots = 3

    of_mean: Tensor
    of_std: Tensor
    of_parameter_mean: Tensor
    of_parameter_std: Tensor

    def __init__(
        self,
        net: dict[str, Any],
        dataset_info: dict[str, Any],
        name: str,
        optimizer: dict[str, Any] | None = None,
        lr_schedule: dict[str, Any] | None = None,
        checkpoint: str | None = None,
        residual: bool = False,
        noise: NotNegative = 0.0,
        seed: int = 0,
        steps: int | None = None,
    ) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.info = dataset_info
        self.seed = seed
        known = {name: dataset_info[name] for name in OF_DATA if name not in net}
        self.net = built_net(net, INPUTS, seed=seed, **known)
        for name in ("mean", "std", "parameter_mean", "parameter_std"):
            self.register_buffer(f"of_{name}", torch.tensor(dataset_info[name]), persistent=False)
        self.validation_loss = MeanMetric(nan_strategy="disable")  # keeps NaN

    @classmethod
    def check(cls, settings: Mapping[str, Any], max_steps: int | None) -> None:
        check_checkpoint(settings)
        if settings.get("optimizer") is not None:
            check_optimizer(settings, max_steps)
        refuse_random_weights(settings, max_steps)

    @property
    def trains(self) -> bool:
        return self.hparams["steps"] != 0

    def load_initial_weights(self) -> None:
        if self.hparams["checkpoint"] is not None:
            load_weights(self.net, self.hparams["checkpoint"], "modes, width and layers")

    def forward(self, batch: FieldBatch) -> Tensor:
        """Predicted frames `(B, L, C, *grid)` in the unit of the data."""
        if isinstance(self.net, ExternalModel):
            if batch.measured is not None:
                raise UserError(
                    f"{self.net.name} predicts all leads from the observed frames, and a test "
                    "partition gives it the true frame of each lead. Test other partitions."
                )
            return self._from_elsewhere(batch.observed, batch)
        fields = self._standardised(batch.observed)
        if batch.measured is not None:
            return self._restored(self.one_step(fields, batch.measured, batch))
        return self._restored(self.rollout(fields, batch))

    def _from_elsewhere(self, observed: Tensor, batch: FieldBatch) -> Tensor:
        """Predictions of an `ExternalModel` from `(B, H, C, *grid)` in the unit of the data."""
        given = {"observed": observed, "parameters": batch.parameters, SAMPLE_ID: batch.sample_id}
        meaning = "(B, L, C, *grid) in the unit of the data, a frame per lead"
        fields = self.net(given, OUTPUTS)["fields"]
        shape = tuple(batch.target.shape)
        return checked_output(self.net, fields, "fields", shape, meaning).to(observed.dtype)

    def represent(self, batch: FieldBatch) -> Tensor:
        """The next frame alone, for the latent space."""
        return self._step(self._standardised(batch.observed), self._conditions(batch))

    def rollout(self, fields: Tensor, batch: FieldBatch) -> Tensor:
        """Standardised frames `(B, L, C, *grid)` from standardised observed ones."""
        parameters, predicted = self._conditions(batch), []
        for _ in range(batch.target.shape[1]):
            frame = self._step(fields, parameters)
            predicted.append(frame)
            fields = torch.cat([fields[:, 1:], frame[:, None]], dim=1)
        return torch.stack(predicted, dim=1)

    def one_step(self, fields: Tensor, measured: Tensor, batch: FieldBatch) -> Tensor:
        """Standardised frames `(B, L, C, *grid)`, each from the measured ones before it."""
        parameters, history = self._conditions(batch), fields.shape[1]
        frames = torch.cat([fields, self._standardised(measured)], dim=1)
        predicted = [
            self._step(frames[:, lead : lead + history], parameters)
            for lead in range(measured.shape[1])
        ]
        return torch.stack(predicted, dim=1)

    def losses(self, batch: FieldBatch, fields: Tensor) -> Tensor:
        """Mean squared error `(B,)` of the standardised frames."""
        error = self.rollout(fields, batch) - self._standardised(batch.target)
        return error.square().flatten(1).mean(dim=1)

    def training_step(self, batch: FieldBatch, batch_idx: int) -> Tensor:
        fields = self._standardised(batch.observed)
        if self.hparams["noise"]:
            fields = fields + self.hparams["noise"] * self._noise(fields)
        loss = batch.weight * self.losses(batch, fields).sum()
        if batch_idx % LOG_EVERY == 0:
            self.log("train/loss", loss, sync_dist=True)
        return loss

    def _noise(self, fields: Tensor) -> Tensor:
        """Noise of this step, so that a resumed training equals an uninterrupted one."""
        numbers = (self.seed, self.global_step, self.global_rank)
        seed = int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0])
        generator = torch.Generator().manual_seed(seed)
        return torch.randn(fields.shape, generator=generator).to(fields)

    def validation_step(self, batch: FieldBatch, batch_idx: int) -> None:
        losses = self.losses(batch, self._standardised(batch.observed))
        self.validation_loss.update(torch.where(losses.isfinite(), losses, BLOWN_UP))

    def on_validation_epoch_end(self) -> None:
        self.log("val/loss", self.validation_loss.compute(), prog_bar=True)

    def statistics(self) -> list[Statistic]:
        found = field_statistics(self.info, bool(self._symmetries()))
        return [*found, residual_statistic(self.info)] if has_residual(self.info) else found

    def committee_statistics(self) -> list[Statistic]:
        describe = f"relative spread of the forecasts of the last {self.snapshots} validations"
        return [Statistic("committee_std", "", "forecast", describe, failures=True, known="before")]

    def committee_spread(
        self, predictions: Sequence[Tensor], batch: FieldBatch
    ) -> dict[str, Tensor]:
        frames = torch.stack([one.double() for one in predictions])
        spread = frames.var(dim=0).flatten(1).mean(dim=1).sqrt()
        size = batch.observed[:, -1].double().square().flatten(1).mean(dim=1).sqrt()
        return {"committee_std": spread / size}

    def metric_inputs(self) -> dict[str, MetricInputs]:
        shape = (2, self.info["leads"], len(self.info["channels"]), *self.info["grid"])
        fields = torch.linspace(-1, 1, 2 * shape[1], dtype=torch.float64)
        fields = fields.view(2, shape[1], *[1] * (len(shape) - 2)).expand(shape).contiguous()
        given = {"preds": fields + 0.1, "target": fields, "lead_time": torch.ones(2)}
        return {"fields": MetricInputs("", given)}

    def metrics(self, evaluation: EvaluationPass) -> Metrics:
        return {
            "fields": {
                "by_lead": FieldErrorByLead(self.info["leads"]),
                "valid": ValidTime(self.info["std"]),
            }
        }

    def test_step(self, batch: FieldBatch, batch_idx: int) -> dict[str, Tensor]:
        predicted = self(batch)
        lead_time = self.info["time_step"] / batch.lyapunov_time
        counted = torch.where(predicted.isnan(), torch.inf, predicted)  # a rollout that blew up
        target = batch.target.contiguous()  # metrics of users may view it
        self.update_metrics("fields", batch.sample_id, preds=counted, target=target,
                            lead_time=lead_time)  # fmt: skip
        values = forecast_errors(predicted, batch.target, self.info, batch.lyapunov_time)
        if has_residual(self.info):
            values |= residual_of(predicted, batch, self.info)
        if batch.transform is not None and batch.transform.is_symmetry:
            values["equivariance_error"] = self._equivariance_error(predicted[:, 0], batch)
        return values

    def save_samples(self, folder: Path, data: StructuralDataModule) -> None:
        save_samples(folder, self, data, choose_forecasts, forecasts_of)

    def _equivariance_error(self, of_transformed: Tensor, batch: FieldBatch) -> Tensor:
        """Distance `(B,)` of the predicted next frames, relative to their size."""
        assert batch.untransformed is not None and batch.transform is not None
        if isinstance(self.net, ExternalModel):
            frame = self._from_elsewhere(batch.untransformed, batch)[:, :1]
        else:
            own = self._standardised(batch.untransformed)
            frame = self._restored(self._step(own, self._conditions(batch))[:, None])
        times = torch.tensor([self.info["time_step"]], dtype=torch.float64)
        expected = batch.transform.apply(
            frame, times, tuple(self.info["lengths"]), batch.sample_id
        )[:, 0].double()
        distance = (of_transformed.double() - expected).square().flatten(1).sum(dim=1)
        return (distance / expected.square().flatten(1).sum(dim=1)).sqrt()

    def _symmetries(self) -> list[FieldTransform]:
        found = self.tested_transforms(FieldTransform)  # type: ignore[type-abstract]
        return [one for one in found if one.is_symmetry]

    def _step(self, fields: Tensor, parameters: Tensor) -> Tensor:
        """The next standardised frame `(B, C, *grid)`."""
        shape = (len(fields), *fields.shape[2:])
        meaning = "(B, C, *grid), the next standardised frame"
        frame = checked_output(self.net, self.net(fields, parameters), "fields", shape, meaning)
        return fields[:, -1] + frame if self.hparams["residual"] else frame

    def _standardised(self, fields: Tensor) -> Tensor:
        axes = [1] * (fields.ndim - 3)
        mean, std = (one.view(1, 1, -1, *axes) for one in (self.of_mean, self.of_std))
        return (fields - mean) / std

    def _restored(self, fields: Tensor) -> Tensor:
        axes = [1] * (fields.ndim - 3)
        mean, std = (one.view(1, 1, -1, *axes) for one in (self.of_mean, self.of_std))
        return fields * std + mean

    def _conditions(self, batch: FieldBatch) -> Tensor:
        return (batch.parameters - self.of_parameter_mean) / self.of_parameter_std
