"""Training and evaluation of a tagger of top jets (paper §5)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning.pytorch.utilities import rank_zero_warn
from torch import Tensor
from torch.nn.functional import cross_entropy
from torchmetrics import MeanMetric

from saibench.datamodules.jet_tagging.batch import JetBatch
from saibench.datamodules.jet_tagging.transforms import BeamRotations
from saibench.datamodules.structural import EvaluationPass, StructuralDataModule
from saibench.errors import UserError
from saibench.evidence.statistic import PartitionMetric, Statistic
from saibench.metrics.jet_tagging import BinnedROC, TaggingAccuracy
from saibench.models.external.model import SAMPLE_ID, ExternalModel
from saibench.models.jet_tagging.classes import JetClasses, class_metrics, class_statistics
from saibench.models.jet_tagging.nets.published import load_released
from saibench.models.jet_tagging.saved_jets import choose_jets, saved_jets
from saibench.models.jet_tagging.statistics import (
    angle_labels,
    committee_statistic,
    jet_metrics,
    jet_statistics,
)
from saibench.models.metrics import MetricInputs, Metrics
from saibench.models.net_interface import checked_output
from saibench.models.net_module import LOG_EVERY, NetModule, check_checkpoint, check_optimizer
from saibench.models.saved_samples import save_samples
from saibench.models.untrained import refuse_random_weights

OUTPUTS = (("logits",), ("score",))
"""Of an `ExternalModel`, whose inputs are `momenta`, `mask` and `sample_id`: either, but logits of
classes."""
MAX_LOGIT = 36.0
"""Of a score in double precision, which is 1 beyond."""
MAX_AUC_ERROR = 0.005
"""Maximum error of `val/auc` without a warning; logits near 0 have 1e-5."""


class JetTaggingModule(NetModule):
    """Training of a classifier of top and QCD jets by cross-entropy, and its scores.

    Dropout depends only on seed, step and rank, so a resumed training equals an uninterrupted one.

    Args:
        net: `_target_` and settings of the net, `forward(momenta (B, P, 4) GeV, mask (B, P))` →
            logits `(B, 2)` of top and QCD, in this order, as in the released weights; with
            `data.multiclass=true` `(B, K)` of the K classes, whose number it gets as `num_classes`.
        optimizer: `_target_` and settings of a torch optimizer; None without training. Biases,
            one-dimensional parameters and those of the net's `no_weight_decay()` have no weight
            decay.
        dataset_info: `classes` of a net with one output per class and those of the `signal`, else
            empty.
        name: of the model, in the names of runs.
        lr_schedule: `scheduler` (a `_target_`), `interval` and `monitor`, or None.
        checkpoint: file of initial weights, or None.
        fresh_head: start with a new last layer, to fine-tune a net of other classes.
        seed: of the initial weights and the dropout.
        steps: 0 for a net that is not trained.
    """

    validated = ("val/loss", "val/accuracy", "val/auc")
    snapshots = 3

    def __init__(
        self,
        net: dict[str, Any],
        optimizer: dict[str, Any] | None,
        dataset_info: dict[str, Any],
        name: str,
        lr_schedule: dict[str, Any] | None = None,
        checkpoint: str | None = None,
        fresh_head: bool = False,
        seed: int = 0,
        steps: int | None = None,
    ) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.seed = seed
        self.classes = JetClasses.of(dataset_info)
        self.net = self.classes.built(net, seed)
        self.validation_loss = MeanMetric(nan_strategy="disable")  # keeps NaN
        self.validation_accuracy = TaggingAccuracy()
        self.validation_roc = BinnedROC()
        self._has_warned_of_ties = False

    @classmethod
    def check(cls, settings: Mapping[str, Any], max_steps: int | None) -> None:
        JetClasses().built(settings["net"], seed=0)
        check_optimizer(settings, max_steps)
        check_checkpoint(settings)
        if settings.get("fresh_head") and settings.get("checkpoint") is None:
            raise UserError(
                "model.fresh_head=true needs model.checkpoint, which is null. Use "
                "model.fresh_head=false."
            )
        refuse_random_weights(settings, max_steps)

    def load_initial_weights(self) -> None:
        if self.hparams["checkpoint"] is not None:
            load_released(self.net, self.hparams["checkpoint"], self.hparams["fresh_head"])

    def forward(self, batch: JetBatch) -> Tensor:
        """Logits `(B, 2)` of top and QCD, or `(B, K)` of the classes, in single precision."""
        return self._logits(batch.momenta, batch).float()

    def parameter_groups(self) -> list[dict[str, Any]]:
        return decay_groups(self.net)

    def training_step(self, batch: JetBatch, batch_idx: int) -> Tensor:
        torch.manual_seed(_seed_of(self.seed, self.global_step, self.global_rank))
        loss = batch.sample_weight * self.jet_losses(self(batch), batch).sum()
        if self.global_step % LOG_EVERY == 0:
            self.log("train/loss", loss, sync_dist=True)
        return loss

    def jet_losses(self, logits: Tensor, batch: JetBatch) -> Tensor:
        """Cross-entropy of each jet `(B,)`."""
        return cross_entropy(logits, self.classes.targets(batch), reduction="none")

    def validation_step(self, batch: JetBatch, batch_idx: int) -> None:
        logits = self(batch)
        self.validation_loss.update(self.jet_losses(logits, batch))
        log_odds = self.classes.log_odds(logits)
        self.validation_accuracy.update(log_odds, batch.label)
        self.validation_roc.update(log_odds, batch.label)

    def on_validation_epoch_end(self) -> None:
        self.log("val/loss", self.validation_loss.compute(), prog_bar=True)
        accuracy = self.validation_accuracy.compute()["all"]
        self.log("val/accuracy", accuracy.float(), prog_bar=True)
        roc = self.validation_roc.compute()
        self.log("val/auc", roc["auc"].float())
        self._warn_of_ties(float(roc["auc_error"]))

    def _warn_of_ties(self, error: float) -> None:
        """Warn once if `val/auc` is inaccurate because of its bins."""
        if self._has_warned_of_ties or not error > MAX_AUC_ERROR:  # NaN if a class is absent
            return
        self._has_warned_of_ties = True
        rank_zero_warn(
            f"val/auc has an error of up to {error:.3f}: the logits of {200 * error:.1f} % of the "
            f"pairs of a signal and a background jet share a bin ({self.validation_roc.bits} bits "
            "of the mantissa). The test AUC is exact. Use val/loss as lr_schedule.monitor."
        )

    def statistics(self) -> list[Statistic]:
        return [
            *jet_statistics(self._degrees(), self.classes.of_labels),
            *class_statistics(self.classes.names),
        ]

    def committee_statistics(self) -> list[Statistic]:
        return [committee_statistic(self.snapshots)]

    def committee_spread(self, predictions: Sequence[Any], batch: JetBatch) -> dict[str, Tensor]:
        log_odds = torch.stack([self.classes.log_odds(one.double()) for one in predictions])
        return {"committee_std": log_odds.std(dim=0)}

    def partition_metrics(self) -> list[PartitionMetric]:
        return [
            *jet_metrics(self._degrees(), self.classes.of_labels),
            *class_metrics(self.classes.names),
        ]

    def metric_inputs(self) -> dict[str, MetricInputs]:
        logits, labels = torch.tensor([2.0, -1.0, 0.5, -3.0]), torch.tensor([1, 0, 1, 0])
        return {"logit": MetricInputs("", {"preds": logits.double(), "target": labels})}

    def metrics(self, evaluation: EvaluationPass) -> Metrics:
        return {"logit": {"accuracy": TaggingAccuracy(), "roc": BinnedROC()}}

    def _tested(self, logits: Tensor, batch: JetBatch) -> dict[str, Tensor]:
        log_odds = self.classes.log_odds(logits)
        self.update_metrics("logit", batch.sample_id, preds=log_odds, target=batch.label)
        return {**_scored(log_odds, batch), **self.classes.scores(logits, batch)}

    def test_step(self, batch: JetBatch, batch_idx: int) -> dict[str, Tensor]:
        if batch.angles is None:
            return self._tested(self._logits(batch.momenta, batch).double(), batch)
        # one angle after another: 36 copies of a batch at once would not fit in memory
        rotated = [
            self._logits(rotated_about_beam(batch.momenta, angle), batch).double()
            for angle in batch.angles.unbind()
        ]
        log_odds = torch.stack([self.classes.log_odds(one) for one in rotated], dim=1)
        scores = log_odds.sigmoid()
        return {
            **self._tested(rotated[0], batch),
            "score_range": scores.amax(dim=1) - scores.amin(dim=1),
            "angle/score": scores,
            "angle/logit": log_odds,
        }

    def save_samples(self, folder: Path, data: StructuralDataModule) -> None:
        save_samples(folder, self, data, choose_jets, saved_jets)

    def _logits(self, momenta: Tensor, batch: JetBatch) -> Tensor:
        return checked_output(
            self.net,
            self._predicted(momenta, batch),
            "scores",
            (len(momenta), self.classes.outputs),
            self.classes.meaning,
        )

    def _predicted(self, momenta: Tensor, batch: JetBatch) -> Any:
        if not isinstance(self.net, ExternalModel):
            return self.net(momenta, batch.mask)
        outputs = OUTPUTS[:1] if self.classes.names else OUTPUTS
        given = {"momenta": momenta, "mask": batch.mask, SAMPLE_ID: batch.sample_id}
        found = self.net(given, outputs)
        for name, values in found.items():
            self.net.refuse_not_finite(values, batch.sample_id, name)
        return found["logits"] if "logits" in found else _logits_of(found["score"], self.net.name)

    def _degrees(self) -> tuple[int | str, ...] | None:
        """Labels of the rotation angles of the partitions that are being tested, if any."""
        labels = {
            angle_labels(rotations.step_degrees, rotations.count)
            for rotations in self.tested_transforms(BeamRotations)
        }
        if len(labels) > 1:
            raise UserError(
                "The test partitions rotate jets by different sets of angles. Use the same "
                "step_degrees and count."
            )
        return labels.pop() if labels else None


def _logits_of(score: Tensor, name: str) -> Tensor:
    """`(B, 2)` logits of scores `(B,)`, probabilities of a top jet.

    Raises:
        UserError: a score is not a probability.
    """
    if ((score < 0) | (score > 1)).any():
        raise UserError(
            f"{name} returned a score of {float(score[(score < 0) | (score > 1)][0]):g}. Return "
            "probabilities of a top jet, from 0 to 1, or logits (B, 2) of top and QCD."
        )
    log_odds = score.double().logit().clamp(-MAX_LOGIT, MAX_LOGIT)
    return torch.stack([log_odds, torch.zeros_like(log_odds)], dim=-1)


def rotated_about_beam(momenta: Tensor, angle: Tensor) -> Tensor:
    """Four-momenta `(..., 4)` E, px, py, pz, rotated about the beam axis by `angle` in radians."""
    energy, px, py, pz = momenta.unbind(-1)
    cos, sin = angle.double().cos().to(momenta.dtype), angle.double().sin().to(momenta.dtype)
    return torch.stack([energy, cos * px - sin * py, sin * px + cos * py, pz], dim=-1)


def decay_groups(net: torch.nn.Module) -> list[dict[str, Any]]:
    """Parameter groups of a net: with weight decay, and without.

    Biases, one-dimensional parameters (norms, scales) and the class token have no weight decay, as
    in weaver.
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
    correct = ((log_odds > 0) == (batch.label == 1)).double()
    correct = torch.where(log_odds.isnan(), torch.nan, correct)
    log_odds_of_truth = torch.where(batch.label == 1, log_odds, -log_odds)
    return {
        "score": log_odds.sigmoid(),
        "logit": log_odds,
        "correct": correct,
        "score_error": (-log_odds_of_truth).sigmoid(),
        "least_confidence": (-log_odds.abs()).sigmoid(),
    }


def _seed_of(*numbers: int) -> int:
    """One seed from several numbers, independent for similar numbers."""
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0])
