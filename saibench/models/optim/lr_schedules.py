"""Learning rates over a training that PyTorch has no schedule for."""

from __future__ import annotations

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from saibench.errors import UserError


def flat_then_decay(
    optimizer: Optimizer, total_iters: int, decay_share: float = 0.3, end_factor: float = 0.01
) -> LambdaLR:
    """Flat, then an exponential decay (the Particle Transformer's, which steps once an epoch).

    Args:
        optimizer: whose learning rate it is.
        total_iters: steps of the training.
        decay_share: share of them, the last, over which it decays.
        end_factor: what is left of it at the end.

    Raises:
        UserError: a share or a factor that is not within (0, 1].
    """
    for name, value in (("decay_share", decay_share), ("end_factor", end_factor)):
        if not 0 < value <= 1:
            raise UserError(f"lr_schedule.scheduler.{name}={value} is not within (0, 1].")
    flat = total_iters * (1 - decay_share)
    length = max(1.0, total_iters - flat)
    return LambdaLR(optimizer, lambda step: end_factor ** (max(0.0, step - flat) / length))
