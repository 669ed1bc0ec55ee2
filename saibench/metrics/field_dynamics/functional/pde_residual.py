"""How far a forecast is from solving its equation, for which no truth is needed."""

from __future__ import annotations

import torch
from torch import Tensor

from saibench.metrics.field_dynamics.functional.equations import SpectralEquation

RESIDUAL_FRAMES = 5
"""Predicted frames, from the first, at which the residual is evaluated."""


def pde_residual(frames: Tensor, equation: SpectralEquation, time_step: float) -> Tensor:
    r"""Residual of u_t = L u + N(u), relative to the size of its terms, `(B,)`.

    The equation is integrated over two steps h of the frames by Simpson's rule,

    .. math:: r_n = \frac{u_{n+1} - u_{n-1}}{2 h} - \langle L u \rangle_n - \langle N \rangle_n,
        \quad \langle f \rangle_n = \frac{f_{n-1} + 4 f_n + f_{n+1}}{6}

    which a solution satisfies up to :math:`-\frac{h^4}{180} \partial_t^5 u`: relative to u_t, up to
    (ω h)⁴ / 180 for a wave of frequency ω.

    Of each wave, residual and terms are divided by 1 + h |L| + (h k U)⁴. Without h |L|, as of an
    implicit step, derivatives of high order leave nothing but the noise of the highest waves, which
    they amplify and the equation damps at once. A wave k that a flow of root mean square speed U
    carries along has the frequency k U, so that (h k U)⁴ leaves errors of the rule of 1/180 of a
    term. The result is the root of the sum of squares of r over points and n = 1 …
    `RESIDUAL_FRAMES`, over that of the three terms; it is at most √3.

    Args:
        frames: `(B, 1 + L, C, *grid)`, the last observed frame and L >= 2 predicted ones.
        equation: of these B solutions.
        time_step: h.
    """
    spectrum = equation.spectrum(frames[:, : RESIDUAL_FRAMES + 2])
    speed = equation.velocity(spectrum[:, :1]).square().sum(dim=2).flatten(1).mean(dim=1).sqrt()
    carried = speed.view(-1, *[1] * (frames.ndim - 1)) * equation.wavenumber
    weight = 1 / (1 + time_step * equation.linear.abs() + (time_step * carried) ** 4)
    change = (spectrum[:, 2:] - spectrum[:, :-2]) / (2 * time_step)
    linear = _mean_over_two_steps(equation.linear * spectrum)
    nonlinear = _mean_over_two_steps(equation.nonlinear(spectrum))

    def size(term: Tensor) -> Tensor:
        return equation.fields(weight * term).square().flatten(1).sum(dim=1)

    terms = size(change) + size(linear) + size(nonlinear)
    residual = size(change - linear - nonlinear)
    return torch.where(residual == 0, 0, residual / terms).sqrt()  # fields of zeros have no terms


def _mean_over_two_steps(rate: Tensor) -> Tensor:
    """Simpson's rule around each frame but the first and last."""
    return (rate[:, :-2] + 4 * rate[:, 1:-1] + rate[:, 2:]) / 6
