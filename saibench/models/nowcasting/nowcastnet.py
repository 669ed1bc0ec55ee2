"""NowcastNet's two-stage training (Zhang et al. 2023, doi:10.1038/s41586-023-06184-4, Methods)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from hydra.utils import instantiate
from lightning.pytorch.core.optimizer import LightningOptimizer
from torch import Tensor

from saibench.datamodules.nowcasting.batch import RainBatch
from saibench.datamodules.nowcasting.event import OBSERVED_FRAMES
from saibench.errors import UserError
from saibench.models.batch_statistics import share_batch_statistics
from saibench.models.nowcasting.losses import (
    ADVERSARIAL_WEIGHT,
    MOTION_WEIGHT,
    NUM_DRAWS,
    POOLING_WEIGHT,
    accumulation_loss,
    discriminator_loss,
    generator_adversarial_loss,
    motion_regularisation,
    pooling_loss,
)
from saibench.models.nowcasting.module import LOG_EVERY, NowcastingModule
from saibench.models.nowcasting.nets.event_noise import EventNoise
from saibench.models.nowcasting.nets.nowcastnet.discriminator import TemporalDiscriminator

STEPS_PER_SEED = 2**32
"""Offset between the noise of two seeds, larger than the number of steps of any training."""

PUBLISHED_FRACTION = 3, 8
"""Steps of the evolution network over all steps: 300,000 of 800,000."""


class NowcastNetModule(NowcastingModule):
    """Trains the evolution network, then generator and discriminator with frozen evolution.

    Args:
        net: `_target_` and settings of a `NowcastNet`.
        evolution_steps: steps of the first stage; None for three eighths of `total_steps`, as
            published.
        total_steps: steps of both stages; None for a wall-time budget.
        evolution_only: predict the evolved rain, without a second stage.
        evolution_optimizer: of the evolution network.
        evolution_decay: factor of its learning rate in the last third of the first stage.
        generator_optimizer, discriminator_optimizer: of the second stage.
        discriminator_channels: width of the temporal discriminator.
        gradient_clip: maximum norm of a network's gradient, or None.
        others: see `NowcastingModule`.
    """

    finds_unused_parameters = True

    def __init__(
        self,
        net: dict[str, Any],
        dataset_info: dict[str, Any],
        name: str,
        evolution_steps: int | None,
        total_steps: int | None,
        evolution_optimizer: dict[str, Any],
        generator_optimizer: dict[str, Any],
        discriminator_optimizer: dict[str, Any],
        evolution_only: bool = False,
        evolution_decay: float = 0.1,
        discriminator_channels: int = 32,
        gradient_clip: float | None = None,
        **others: Any,
    ) -> None:
        super().__init__(net, dataset_info, name, **others)
        self.save_hyperparameters()
        self.automatic_optimization = False
        whole = total_steps if evolution_only else None
        self.evolution_steps = whole or first_stage(evolution_steps, total_steps)
        self.evolution_only = evolution_only
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            self.discriminator = TemporalDiscriminator(
                dataset_info.get("observed", OBSERVED_FRAMES), self.leads, discriminator_channels
            )

    @classmethod
    def check(cls, settings: Mapping[str, Any], max_steps: int | None) -> None:
        super().check(settings, max_steps)
        first = settings["evolution_steps"]
        if settings.get("evolution_only") or max_steps == 0:
            return
        if max_steps is None and first is None:
            raise UserError(
                "model.evolution_steps=null is a fraction of trainer.max_steps, which is null. "
                "Use a number of steps."
            )
        if max_steps is not None and first_stage(first, max_steps) >= max_steps:
            raise UserError(
                f"model.evolution_steps={first} leaves no step of trainer.max_steps={max_steps} "
                f"for the generator. Use {max_steps // 2}, or model.evolution_only=true."
            )

    def forward(self, batch: RainBatch) -> Tensor:
        if self.evolution_only:
            return self.net.evolve(batch.observed).fields
        return super().forward(batch)

    def represent(self, batch: RainBatch) -> Any:
        """The evolution network alone, whose features are the latent space."""
        return self.net.evolve(batch.observed)

    def configure_optimizers(self) -> list[torch.optim.Optimizer]:
        generator = [*self.net.gen_enc.parameters(), *self.net.gen_dec.parameters()]
        generator += [weight for weight in self.net.proj.parameters() if weight.requires_grad]
        return [
            instantiate(self.hparams["evolution_optimizer"], self.net.evo_net.parameters()),
            instantiate(self.hparams["generator_optimizer"], generator),
            instantiate(self.hparams["discriminator_optimizer"], self.discriminator.parameters()),
        ]

    def training_step(self, batch: RainBatch, batch_idx: int) -> Tensor:
        step = self.trainer.fit_loop.epoch_loop.total_batch_idx
        if self.evolution_only or step < self.evolution_steps:
            losses = self._train_evolution(batch, step)
        else:
            losses = self._train_generator(batch, step)
        share_batch_statistics(self)
        if batch_idx % LOG_EVERY == 0:
            self.log_dict({f"train/{name}": loss.detach() for name, loss in losses.items()})
        return torch.stack([loss.detach() for loss in losses.values()]).sum()

    def _train_evolution(self, batch: RainBatch, step: int) -> dict[str, Tensor]:
        optimizer, _, _ = self._optimizers()
        rate = self.hparams["evolution_optimizer"]["lr"]
        late = step >= 2 * self.evolution_steps // 3
        for group in optimizer.param_groups:
            group["lr"] = rate * (self.hparams["evolution_decay"] if late else 1.0)
        evolution = self.net.evolve(batch.observed)
        start = batch.observed[:, -1]
        accumulation = accumulation_loss(evolution, start, batch.target, batch.mask)
        motion = motion_regularisation(evolution.motion, batch.target, batch.mask)
        losses = {
            "accumulation": batch.sample_weight * accumulation.sum(),
            "motion": batch.sample_weight * (MOTION_WEIGHT * motion).sum(),
        }
        self._step(optimizer, torch.stack(list(losses.values())).sum())
        return losses

    def _train_generator(self, batch: RainBatch, step: int) -> dict[str, Tensor]:
        _, generator, discriminator = self._optimizers()
        self.net.evo_net.eval()  # the generator's input, as in evaluation
        with torch.no_grad():
            evolution = self.net.evolve(batch.observed)
        # noise by step and event: the same in a resumed training and with any number of ranks
        noise = EventNoise(batch.sample_id, STEPS_PER_SEED * self.seed + step)
        drawn = torch.stack(list(self.net.draws(batch.observed, NUM_DRAWS, noise, evolution)))
        draws = drawn * batch.mask  # invalid pixels are 0, as in the target

        predicted = self.discriminator(batch.observed, draws[0].detach())
        observed = self.discriminator(batch.observed, batch.target)
        losses = {
            "discriminator": batch.sample_weight * discriminator_loss(observed, predicted).sum(),
        }
        self._step(discriminator, losses["discriminator"])

        self.toggle_optimizer(generator)
        pooling = POOLING_WEIGHT * pooling_loss(draws, batch.target, batch.mask)
        adversarial = torch.stack(
            [generator_adversarial_loss(self.discriminator(batch.observed, d)) for d in draws]
        ).mean(dim=0)
        losses["pooling"] = batch.sample_weight * pooling.sum()
        losses["adversarial"] = batch.sample_weight * ADVERSARIAL_WEIGHT * adversarial.sum()
        self._step(generator, losses["pooling"] + losses["adversarial"])
        self.untoggle_optimizer(generator)
        return losses

    def _optimizers(self) -> list[LightningOptimizer]:
        optimizers = self.optimizers()
        assert isinstance(optimizers, list)
        return optimizers

    def _step(self, optimizer: Any, loss: Tensor) -> None:
        optimizer.zero_grad()
        self.manual_backward(loss)
        clip = self.hparams["gradient_clip"]
        if clip is not None:
            self.clip_gradients(optimizer, clip, "norm")
        optimizer.step()


def first_stage(evolution_steps: int | None, total_steps: int | None) -> int:
    """Steps of the evolution network."""
    if evolution_steps is not None:
        return evolution_steps
    part, whole = PUBLISHED_FRACTION
    return 0 if total_steps is None else max(1, total_steps * part // whole)
