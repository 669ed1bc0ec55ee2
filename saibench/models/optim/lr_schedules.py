"""Learning-rate schedules that PyTorch lacks."""

from __future__ import annotations

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from saibench.errors import UserError


def flat_then_decay(
    optimizer: Optimizer, total_iters: int, decay_share: float = 0.3, end_factor: float = 0.01
) -> LambdaLR:
    """Constant, then exponential decay, as of the Particle Transformer, which steps every epoch.

    Args:
        optimizer: the optimizer.
        total_iters: number of training steps.
        decay_share: fraction of the steps, at the end, with decay.
        end_factor: final learning rate over the initial one.

    Raises:
        UserError: `decay_share` or `end_factor` is not within (0, 1].
    """
    for name, value in (("decay_share", decay_share), ("end_factor", end_factor)):
        if not 0 < value <= 1:
            raise UserError(f"lr_schedule.scheduler.{name}={value} must be within (0, 1].")
    flat = total_iters * (1 - decay_share)
    length = max(1.0, total_iters - flat)
    return LambdaLR(optimizer, lambda step: end_factor ** (max(0.0, step - flat) / length))
