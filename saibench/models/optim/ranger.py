"""Ranger: rectified Adam with Lookahead, the published optimizer of the Particle Transformer.

weaver-core has the same optimizer (`weaver.utils.nn.optimizer.ranger`), but its state lacks
Lookahead's slow weights and step count, so a resumed training differs, and it updates one tensor
after another.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

MIN_SAMPLES = 5
"""Minimum length of the running average for the rectification (RAdam, eq. 4)."""


class Ranger(Optimizer):
    """RAdam (Liu et al. 2020, arXiv:1908.03265) within Lookahead (Zhang et al., arXiv:1907.08610).

    The defaults are weaver's. Weight decay is decoupled, as in AdamW.

    Args:
        params: parameters, or parameter groups.
        lr: learning rate.
        betas: decay of the running averages of gradient and squared gradient.
        eps: added to the root of the latter.
        weight_decay: coefficient of the weight decay.
        alpha: Lookahead's interpolation factor of the slow weights.
        k: number of steps between two updates of the slow weights.

    Raises:
        ValueError: an argument is out of range.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.95, 0.999),
        eps: float = 1e-5,
        weight_decay: float = 0.0,
        alpha: float = 0.5,
        k: int = 6,
    ) -> None:
        if not (lr >= 0 and eps >= 0 and weight_decay >= 0 and 0 <= alpha <= 1 and k >= 1):
            raise ValueError(
                f"lr={lr}, eps={eps}, weight_decay={weight_decay} must not be negative, "
                f"alpha={alpha} must be within [0, 1] and k={k} at least 1"
            )
        if not all(0 <= beta < 1 for beta in betas):
            raise ValueError(f"betas={tuple(betas)} must be within [0, 1)")
        defaults = {
            "lr": lr,
            "betas": tuple(betas),
            "eps": eps,
            "weight_decay": weight_decay,
            "alpha": alpha,
            "k": k,
            "step": 0,
        }
        super().__init__(params, defaults)

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:  # type: ignore[override]
        """Update the weights that have a gradient."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            weights = [weight for weight in group["params"] if weight.grad is not None]
            if weights:
                self._initialise(weights)
                group["step"] += 1
                self._rectified_adam(weights, group)
                if group["step"] % group["k"] == 0:
                    self._update_slow_weights(weights, group["alpha"])
        return loss

    def _initialise(self, weights: list[Tensor]) -> None:
        for weight in weights:
            if not self.state[weight]:
                self.state[weight] = {
                    "exp_avg": torch.zeros_like(weight),
                    "exp_avg_sq": torch.zeros_like(weight),
                    "slow": weight.detach().clone(),
                }

    def _rectified_adam(self, weights: list[Tensor], group: dict[str, Any]) -> None:
        gradients = [weight.grad for weight in weights if weight.grad is not None]
        mean, square = self._states(weights, "exp_avg"), self._states(weights, "exp_avg_sq")
        beta1, beta2 = group["betas"]
        torch._foreach_mul_(square, beta2)
        torch._foreach_addcmul_(square, gradients, gradients, value=1 - beta2)
        torch._foreach_lerp_(mean, gradients, 1 - beta1)
        if group["weight_decay"]:
            torch._foreach_mul_(weights, 1 - group["lr"] * group["weight_decay"])
        size = -group["lr"] / (1 - beta1 ** group["step"])
        rectification = rectified(group["step"], beta2)
        if rectification is None:  # too few gradients to estimate their variance
            torch._foreach_add_(weights, mean, alpha=size)
            return
        scale = torch._foreach_sqrt(square)
        torch._foreach_add_(scale, group["eps"])
        torch._foreach_addcdiv_(weights, mean, scale, value=size * rectification)

    def _update_slow_weights(self, weights: list[Tensor], alpha: float) -> None:
        slow = self._states(weights, "slow")
        torch._foreach_lerp_(slow, weights, alpha)
        torch._foreach_copy_(weights, slow)

    def _states(self, weights: list[Tensor], name: str) -> list[Tensor]:
        return [self.state[weight][name] for weight in weights]


def rectified(step: int, beta2: float) -> float | None:
    """RAdam's factor times Adam's correction of the second moment; None in the first steps."""
    decay = beta2**step
    longest = 2 / (1 - beta2) - 1
    length = longest - 2 * step * decay / (1 - decay)
    if length < MIN_SAMPLES:
        return None
    share = (length - 4) * (length - 2) * longest / ((longest - 4) * (longest - 2) * length)
    return math.sqrt((1 - decay) * share)
