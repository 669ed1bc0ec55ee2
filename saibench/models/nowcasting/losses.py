r"""Losses of NowcastNet (Zhang et al. 2023, doi:10.1038/s41586-023-06184-4, Methods).

Evolution network: :math:`J_{accum} + \lambda J_{motion}`; generative network:
:math:`\beta J_{adv} + \gamma J_{pool}`; discriminator: binary cross-entropy.

Rain is in mm/h, fields are (B, L, H, W). Every loss has one value per event, (B,). The paper's
norms are sums over pixels; here they are means over the valid pixels of a frame, which do not
depend on the crop's size. A frame or an event without valid pixels gives 0. `mask` is bool
(B, L, H, W), True for valid pixels, or None; values of invalid pixels, NaN included, are ignored.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import (
    binary_cross_entropy_with_logits,
    max_pool2d,
    pad,
)

from saibench.models.nowcasting.nets.nowcastnet.evolution_operator import Evolution, advected

MOTION_WEIGHT = 1e-2
"""λ."""

ADVERSARIAL_WEIGHT, POOLING_WEIGHT = 6.0, 20.0
"""β and γ."""

NUM_DRAWS = 4
"""k, number of predictions of an event in the pooling loss."""

MAX_PIXEL_WEIGHT = 24.0

POOLING_KERNEL, POOLING_STRIDE = 5, 2


def rain_weight(observed: Tensor) -> Tensor:
    """w(x) = min(24, 1 + x) of rain in mm/h, which gives heavy rain more weight."""
    return (1 + observed).clamp(max=MAX_PIXEL_WEIGHT)


def weighted_distance(predicted: Tensor, observed: Tensor, mask: Tensor | None = None) -> Tensor:
    r""":math:`L_{wdis}`: the mean of \|x − x'\| w(x) over each frame's valid pixels, (B, L).

    Args:
        predicted: (B, L, H, W) in mm/h.
        observed: (B, L, H, W) in mm/h, also for the weights.
        mask: see the module.

    >>> weighted_distance(torch.tensor([[[[2.0, 0.0]]]]), torch.tensor([[[[3.0, 40.0]]]]))
    tensor([[482.]])
    """
    if mask is not None:
        observed = torch.where(mask, observed, 0.0)
    return _frame_mean((predicted - observed).abs() * rain_weight(observed), mask)


def accumulation_loss(
    evolution: Evolution, start: Tensor, observed: Tensor, mask: Tensor | None = None
) -> Tensor:
    r""":math:`J_{accum} = \sum_t [L_{wdis}(x_t, (x'_t)_{bili}) + L_{wdis}(x_t, x''_t)]`, (B,).

    The first term, of rain advected bilinearly before the intensity is added, trains the motion;
    the second, of rain advected to the nearest pixel plus the intensity, trains the intensity.
    Neither has a gradient by earlier frames.

    Args:
        evolution: of L frames.
        start: (B, H, W) in mm/h, the first frame.
        observed: (B, L, H, W) in mm/h, the target.
        mask: see the module.
    """
    of_motion = weighted_distance(advected(start, evolution), observed, mask)
    of_intensity = weighted_distance(evolution.fields, observed, mask)
    return (of_motion + of_intensity).sum(dim=1)


def motion_regularisation(motion: Tensor, observed: Tensor, mask: Tensor | None = None) -> Tensor:
    r""":math:`J_{motion} = \sum_t \sum_{i=1,2} \|\nabla v^i_t \odot \sqrt{w(x_t)}\|^2`, (B,).

    Makes the motion smooth in heavy rain. The gradient is by Sobel filters with integer weights
    (not divided by 8), in both directions, with replicated borders.

    Args:
        motion: (B, L, 2, H, W) in pixels per frame.
        observed: (B, L, H, W) in mm/h, the target, for the weights.
        mask: see the module.
    """
    steepness = _sobel_steepness(motion.flatten(0, 1)).sum(dim=1).view_as(observed)
    if mask is not None:
        observed = torch.where(mask, observed, 0.0)
    return _frame_mean(steepness * rain_weight(observed), mask).sum(dim=1)


def pooling_loss(draws: Tensor, observed: Tensor, mask: Tensor | None = None) -> Tensor:
    r""":math:`J_{pool} = L_{wdis}(Q(x), \frac{1}{k} \sum_k Q(x'_k))`, the mean over L, (B,).

    Q is the maximum over the valid pixels of 5×5 windows at stride 2, of both observation and
    prediction; a window without valid pixels is invalid.

    Args:
        draws: (k, B, L, H, W) in mm/h, k predictions of each event.
        observed: (B, L, H, W) in mm/h.
        mask: see the module.
    """
    pooled = torch.stack([_pooled(draw, mask) for draw in draws]).mean(dim=0)
    valid = None if mask is None else _pooled(mask.to(observed.dtype), None) > 0
    return weighted_distance(pooled, _pooled(observed, mask), valid).mean(dim=1)


def generator_adversarial_loss(logits: Tensor) -> Tensor:
    """J_adv: cross-entropy of predicted frames classified as real, mean over patches, (B,).

    Args:
        logits: (B, h, w) of the discriminator for predicted frames.
    """
    return _cross_entropy(logits, real=True)


def discriminator_loss(observed_logits: Tensor, predicted_logits: Tensor) -> Tensor:
    """Cross-entropy of observed frames as real plus that of predicted frames as fake, (B,).

    Args:
        observed_logits: (B, h, w) of the discriminator for observed frames.
        predicted_logits: (B, h, w) for predicted frames, without the generator's gradient.
    """
    observed = _cross_entropy(observed_logits, real=True)
    return observed + _cross_entropy(predicted_logits, real=False)


def _frame_mean(values: Tensor, mask: Tensor | None) -> Tensor:
    """(B, L) means over the valid pixels of (B, L, H, W)."""
    if mask is None:
        return values.mean(dim=(-2, -1))
    valid = mask.sum(dim=(-2, -1)).clamp(min=1)
    return torch.where(mask, values, 0.0).sum(dim=(-2, -1)) / valid


def _sobel_steepness(fields: Tensor) -> Tensor:
    """Squared norm of the gradient of (N, C, H, W) by Sobel filters, same shape.

    Differences of slices, because autocast would run a convolution in half precision.
    """
    wide = pad(fields, (1, 1, 1, 1), mode="replicate")
    across, down = wide[..., 2:] - wide[..., :-2], wide[..., 2:, :] - wide[..., :-2, :]
    by_x = across[..., :-2, :] + 2 * across[..., 1:-1, :] + across[..., 2:, :]
    by_y = down[..., :-2] + 2 * down[..., 1:-1] + down[..., 2:]
    return by_x.square() + by_y.square()


def _pooled(fields: Tensor, mask: Tensor | None) -> Tensor:
    if mask is not None:
        fields = torch.where(mask, fields, -torch.inf)
    return max_pool2d(fields, POOLING_KERNEL, POOLING_STRIDE)


def _cross_entropy(logits: Tensor, real: bool) -> Tensor:
    goal = torch.full_like(logits, float(real))
    return binary_cross_entropy_with_logits(logits, goal, reduction="none").mean(dim=(-2, -1))
