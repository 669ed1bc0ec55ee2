"""Training and evaluation of a tagger of top jets (paper §5)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from hydra.utils import instantiate
from lightning.pytorch.utilities import rank_zero_warn
from torch import Tensor
from torch.nn.functional import cross_entropy
from torchmetrics import MeanMetric

from saibench.datamodules.jet_tagging.batch import JetBatch
from saibench.datamodules.jet_tagging.transforms import BeamRotations
from saibench.datamodules.structural import EvaluationPass, StructuralDataModule
from saibench.errors import UserError
from saibench.evidence.statistic import PartitionMetric, Statistic
from saibench.imports.targets import build
from saibench.metrics.jet_tagging import BinnedROC, TaggingAccuracy
from saibench.models.base import BenchmarkModule
from saibench.models.jet_tagging.nets.published import load_released
from saibench.models.jet_tagging.saved_jets import saved_jets, telling_jets
from saibench.models.jet_tagging.statistics import angle_labels, jet_metrics, jet_statistics
from saibench.models.metrics import MetricInputs, Metrics
from saibench.models.net_interface import built_net, checked_output
from saibench.models.saved_samples import save_samples
from saibench.models.untrained import refuse_random_weights

INPUTS = {"momenta": "(B, P, 4) GeV", "mask": "(B, P) bool"}
"""Of a net's `forward`."""

LOG_EVERY = 50
"""Steps between two logged training losses."""
AUC_ERROR = 0.005
"""What `val/auc` may be off by, at most, without a warning; logits near 0 have 1e-5."""


class JetTaggingModule(BenchmarkModule):
    """Cross-entropy training of a net that tells top jets from QCD jets, and its scores.

    The gradient's noise (dropout) depends on seed, step and rank alone, so that a training that
    resumes goes on as it would have.

    Args:
        net: `_target_` and settings of the net, `forward(momenta (B, P, 4) GeV, mask (B, P))` →
            logits `(B, 2)` of top and QCD, in this order, as in the released weights.
        optimizer: `_target_` and settings of a torch optimizer. Its weight decay leaves out biases,
            everything one-dimensional, and what the net names in `no_weight_decay()`.
        facts: of the training partition; none is needed.
        name: of the model, in the names of points.
        lr_schedule: `scheduler` (a `_target_`), `interval` and `monitor`, or None.
        checkpoint: file of weights to start from, or None.
        fresh_head: start with a last layer of one's own, to fine-tune a net of other classes.
        seed: of the initial weights and the dropout.
    """

    validated = ("val/loss", "val/accuracy", "val/auc")

    def __init__(
        self,
        net: dict[str, Any],
        optimizer: dict[str, Any],
        facts: dict[str, Any],
        name: str,
        lr_schedule: dict[str, Any] | None = None,
        checkpoint: str | None = None,
        fresh_head: bool = False,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.seed = seed
        self.net = built_net(net, INPUTS, seed=seed)
        self.validation_loss = MeanMetric(nan_strategy="disable")  # a NaN is not to vanish
        self.validation_accuracy = TaggingAccuracy()
        self.validation_roc = BinnedROC()
        self._has_warned_of_ties = False

    @classmethod
    def check(cls, settings: Mapping[str, Any], max_steps: int | None) -> None:
        """Refuse a net, optimizer, schedule or checkpoint that cannot be had."""
        built_net(settings["net"], INPUTS, seed=0)
        weights = [torch.nn.Parameter(torch.zeros(1))]
        optimizer = build(settings["optimizer"], "model.optimizer", weights)
        schedule = settings.get("lr_schedule")
        if schedule is not None and max_steps != 0:
            build(schedule["scheduler"], "lr_schedule.scheduler", optimizer)
        checkpoint = settings.get("checkpoint")
        if checkpoint is not None and not Path(checkpoint).is_file():
            raise UserError(
                f"model.checkpoint={checkpoint} is not a file; the path of a checkpoint, or null, "
                "would work."
            )
        if settings.get("fresh_head") and checkpoint is None:
            raise UserError(
                "model.fresh_head=true is for a net that starts from model.checkpoint, which is "
                "null; fresh_head=false would work."
            )
        refuse_random_weights(settings, max_steps)

    def load_initial_weights(self) -> None:
        if self.hparams["checkpoint"] is not None:
            load_released(self.net, self.hparams["checkpoint"], self.hparams["fresh_head"])

    def forward(self, batch: JetBatch) -> Tensor:
        """Logits `(B, 2)` of top and QCD, in single precision."""
        return self._logits(batch.momenta, batch.mask).float()

    def configure_optimizers(self) -> Any:
        optimizer = instantiate(self.hparams["optimizer"], decay_groups(self.net))
        schedule = self.hparams["lr_schedule"]
        if schedule is None:
            return optimizer
        scheduler = instantiate(schedule["scheduler"], optimizer)
        return {"optimizer": optimizer, "lr_scheduler": {**schedule, "scheduler": scheduler}}

    def training_step(self, batch: JetBatch, batch_idx: int) -> Tensor:
        torch.manual_seed(_seed_of(self.seed, self.global_step, self.global_rank))
        loss = batch.sample_weight * self.jet_losses(self(batch), batch).sum()
        if self.global_step % LOG_EVERY == 0:
            self.log("train/loss", loss, sync_dist=True)
        return loss

    def jet_losses(self, logits: Tensor, batch: JetBatch) -> Tensor:
        """Cross-entropy of each jet `(B,)`."""
        return cross_entropy(logits, 1 - batch.label, reduction="none")

    def on_validation_epoch_start(self) -> None:
        self.validation_loss.reset()
        self.validation_accuracy.reset()
        self.validation_roc.reset()

    def validation_step(self, batch: JetBatch, batch_idx: int) -> None:
        logits = self(batch)
        self.validation_loss.update(self.jet_losses(logits, batch))
        log_odds = logits[:, 0] - logits[:, 1]
        self.validation_accuracy.update(log_odds, batch.label)
        self.validation_roc.update(log_odds, batch.label)

    def on_validation_epoch_end(self) -> None:
        self.log("val/loss", self.validation_loss.compute(), prog_bar=True)
        accuracy = self.validation_accuracy.compute()["all"]
        self.log("val/accuracy", accuracy.float(), prog_bar=True)
        found = self.validation_roc.compute()
        self.log("val/auc", found["auc"].float())
        self._warn_of_ties(float(found["auc_error"]))

    def _warn_of_ties(self, error: float) -> None:
        """Say once that `val/auc` is not what it would be without bins."""
        if self._has_warned_of_ties or not error > AUC_ERROR:  # NaN where a class is absent
            return
        self._has_warned_of_ties = True
        rank_zero_warn(
            f"val/auc may be off by up to {error:.3f}: of {200 * error:.1f} % of the pairs of a "
            f"signal and a background jet, the logits agree in sign and the first "
            f"{self.validation_roc.bits} binary digits (they are equal, or far from 0 for their "
            "spread). The AUC of a test is exact; val/loss is safe to monitor."
        )

    def statistics(self) -> list[Statistic]:
        return jet_statistics(self._degrees())

    def partition_metrics(self) -> list[PartitionMetric]:
        return jet_metrics(self._degrees())

    def metric_inputs(self) -> dict[str, MetricInputs]:
        logits, labels = torch.tensor([2.0, -1.0, 0.5, -3.0]), torch.tensor([1, 0, 1, 0])
        return {"logit": MetricInputs("", {"preds": logits.double(), "target": labels})}

    def metrics(self, evaluation: EvaluationPass) -> Metrics:
        return {"logit": {"accuracy": TaggingAccuracy(), "roc": BinnedROC()}}

    def _tested(self, log_odds: Tensor, batch: JetBatch) -> dict[str, Tensor]:
        self.update_metrics("logit", batch.sample_id, preds=log_odds, target=batch.label)
        return _scored(log_odds, batch)

    def test_step(self, batch: JetBatch, batch_idx: int) -> dict[str, Tensor]:
        if batch.angles is None:
            return self._tested(self._log_odds(batch.momenta, batch), batch)
        # one angle after another: 36 copies of a batch at once would not fit
        turned = [
            self._log_odds(turned_about_beam(batch.momenta, angle), batch)
            for angle in batch.angles.unbind()
        ]
        logits = torch.stack(turned, dim=1)
        scores = logits.sigmoid()
        return {
            **self._tested(turned[0], batch),
            "score_range": scores.amax(dim=1) - scores.amin(dim=1),
            "angle/score": scores,
            "angle/logit": logits,
        }

    def save_samples(self, folder: Path, data: StructuralDataModule) -> None:
        save_samples(folder, self, data, telling_jets, saved_jets)

    def _log_odds(self, momenta: Tensor, batch: JetBatch) -> Tensor:
        """`(B,)` in double precision, in which scores near 1 still differ."""
        logits = self._logits(momenta, batch.mask).double()
        return logits[:, 0] - logits[:, 1]

    def _logits(self, momenta: Tensor, mask: Tensor) -> Tensor:
        return checked_output(
            self.net,
            self.net(momenta, mask),
            "scores",
            (len(momenta), 2),
            "(B, 2), the logits of top and QCD in this order",
        )

    def _degrees(self) -> tuple[int | str, ...] | None:
        """Labels of the angles by which the partitions now tested want jets turned, if any do."""
        if self._trainer is None:
            return None
        looks = self.trainer.datamodule.passes()  # type: ignore[attr-defined]
        transforms = [look.transform for look in looks]
        wanted = {
            angle_labels(turns.step_degrees, turns.count)
            for turns in transforms
            if isinstance(turns, BeamRotations)
        }
        if len(wanted) > 1:
            raise UserError(
                "the test partitions ask for jets turned by different sets of angles; "
                "one set for all would work."
            )
        return wanted.pop() if wanted else None


def turned_about_beam(momenta: Tensor, angle: Tensor) -> Tensor:
    """Four-momenta `(..., 4)` E, px, py, pz, turned about the beam by `angle` in radians."""
    energy, px, py, pz = momenta.unbind(-1)
    cos, sin = angle.double().cos().to(momenta.dtype), angle.double().sin().to(momenta.dtype)
    return torch.stack([energy, cos * px - sin * py, sin * px + cos * py, pz], dim=-1)


def decay_groups(net: torch.nn.Module) -> list[dict[str, Any]]:
    """The weights of a net for an optimizer: those that decay, and those that must not.

    As weaver has it: biases, everything one-dimensional (norms, scales), and the class token.
    """
    exempt = {
        f"{prefix}.{name}".removeprefix(".")
        for prefix, module in net.named_modules()
        if hasattr(module, "no_weight_decay")
        for name in module.no_weight_decay()
    }
    groups: dict[bool, list[Tensor]] = {True: [], False: []}
    for name, weights in net.named_parameters():
        decays = weights.ndim > 1 and not name.endswith(".bias") and name not in exempt
        groups[decays].append(weights)
    return [{"params": groups[True]}, {"params": groups[False], "weight_decay": 0.0}]


def _scored(log_odds: Tensor, batch: JetBatch) -> dict[str, Tensor]:
    right = (log_odds > 0) == (batch.label == 1)
    # a net that has diverged is neither right nor wrong
    correct = torch.where(log_odds.isnan(), torch.nan, right.double())
    return {"score": log_odds.sigmoid(), "logit": log_odds, "correct": correct}


def _seed_of(*numbers: int) -> int:
    """One seed for several numbers, such that near ones share nothing."""
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0])
