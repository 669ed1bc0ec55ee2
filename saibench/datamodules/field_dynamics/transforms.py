"""Changes of the tested samples: symmetries of an equation, and noise."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from dataclasses import dataclass, fields
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from saibench.errors import UserError
from saibench.formatting import counted
from saibench.options import Degree, NotNegative, Number, check_fields


@dataclass(frozen=True)
class FieldTransform(ABC):
    """A change of the frames of a forecast; a symmetry maps solutions to solutions.

    Raises UserError: an argument of the wrong type.
    """

    def __post_init__(self) -> None:
        check_fields(self, type(self).__name__)

    is_symmetry: ClassVar[bool] = True
    """Whether the prediction of a transformed sample should be the transformed prediction."""
    from_measured: ClassVar[bool] = False
    """Whether each frame is predicted from the measured ones before it."""

    @abstractmethod
    def apply(
        self, frames: Tensor, times: Tensor, lengths: tuple[float, ...], sample_id: Tensor
    ) -> Tensor:
        """Transformed frames.

        Args:
            frames: `(B, T, C, *grid)`.
            times: `(T,)` after the start of the forecast.
            lengths: side of the domain along each axis.
            sample_id: `(B,)`.
        """

    @abstractmethod
    def describe(self) -> str:
        """One English clause."""

    def hash(self) -> str:
        """Digits that change with the transform."""
        text = repr([type(self).__name__, *(getattr(self, one.name) for one in fields(self))])
        return hashlib.sha256(text.encode()).hexdigest()[:12]


@dataclass(frozen=True)
class Translated(FieldTransform):
    """Translated along the last axis, by a fraction of the domain that the grid may not resolve.

    Args:
        fraction: of the domain's length.
    """

    fraction: Number = 0.3137

    def apply(
        self, frames: Tensor, times: Tensor, lengths: tuple[float, ...], sample_id: Tensor
    ) -> Tensor:
        _refuse_grid(self, frames, least=1)
        shift = torch.full((len(times),), self.fraction, dtype=torch.float64)
        return shifted(frames, shift)

    def describe(self) -> str:
        return f"translated by {self.fraction:g} of the domain"


@dataclass(frozen=True)
class Reflected(FieldTransform):
    """u(x) → −u(−x), a symmetry of the Kuramoto–Sivashinsky equation and of the vorticity."""

    def apply(
        self, frames: Tensor, times: Tensor, lengths: tuple[float, ...], sample_id: Tensor
    ) -> Tensor:
        _refuse_grid(self, frames, least=1)
        return -torch.roll(frames.flip(-1), 1, dims=-1)  # x = 0 stays the first point

    def describe(self) -> str:
        return "reflected: u(x) → −u(−x)"


@dataclass(frozen=True)
class MovingFrame(FieldTransform):
    """u(x, t) → u(x − c t, t) + c, the Galilean symmetry of the Kuramoto–Sivashinsky equation.

    Args:
        speed: c.
    """

    speed: Number = 0.5

    def apply(
        self, frames: Tensor, times: Tensor, lengths: tuple[float, ...], sample_id: Tensor
    ) -> Tensor:
        _refuse_grid(self, frames, least=1, most=1)
        return shifted(frames, self.speed * times.double() / lengths[-1]) + self.speed

    def describe(self) -> str:
        return f"seen from a frame that moves with speed {-self.speed:g}"


@dataclass(frozen=True)
class Rotated(FieldTransform):
    """Rotated by quarter turns in two dimensions, a symmetry of scalars such as the vorticity.

    Args:
        quarters: number of turns by 90°.
    """

    quarters: int = 1

    def apply(
        self, frames: Tensor, times: Tensor, lengths: tuple[float, ...], sample_id: Tensor
    ) -> Tensor:
        _refuse_grid(self, frames, least=2, most=2)
        return torch.rot90(frames, self.quarters, dims=(-2, -1))

    def describe(self) -> str:
        return f"rotated by {90 * self.quarters}°"


@dataclass(frozen=True)
class Noisy(FieldTransform):
    """Gaussian noise on the observed frames; the truth stays.

    Args:
        level: standard deviation of the noise, relative to that of each sample's frame.
        seed: of the noise, which is the same for a sample in any batch.
    """

    is_symmetry: ClassVar[bool] = False

    level: NotNegative = 0.1
    seed: Degree = 0

    def apply(
        self, frames: Tensor, times: Tensor, lengths: tuple[float, ...], sample_id: Tensor
    ) -> Tensor:
        noise = np.stack([
            np.random.default_rng([self.seed, int(one)]).standard_normal(frames.shape[1:])
            for one in sample_id
        ])  # fmt: skip
        spread = frames.std(dim=tuple(range(2, frames.ndim)), keepdim=True)
        noisy = frames + self.level * spread * torch.from_numpy(noise).to(frames)
        observed = (times <= 0).view(1, -1, *[1] * (frames.ndim - 2))
        return torch.where(observed, noisy, frames)

    def describe(self) -> str:
        return f"with {100 * self.level:g} % noise on the observed frames"


@dataclass(frozen=True)
class OneStep(FieldTransform):
    """Each frame is predicted from the measured frames before it, not from predicted ones.

    With noisy measurements this reconstructs the true frames.
    """

    is_symmetry: ClassVar[bool] = False
    from_measured: ClassVar[bool] = True

    def apply(
        self, frames: Tensor, times: Tensor, lengths: tuple[float, ...], sample_id: Tensor
    ) -> Tensor:
        return frames

    def describe(self) -> str:
        return "each frame from the measured ones before it"


def shifted(frames: Tensor, fraction: Tensor) -> Tensor:
    """Frames `(B, T, C, *grid)` translated along the last axis by trigonometric interpolation.

    Args:
        frames: periodic along the last axis.
        fraction: `(T,)` of the domain's length by which each frame moves to larger x.
    """
    points = frames.shape[-1]
    spectrum = torch.fft.rfft(frames.double(), dim=-1)
    waves = torch.arange(points // 2 + 1, dtype=torch.float64, device=frames.device)
    angle = -2 * torch.pi * fraction.to(frames.device)[:, None] * waves
    phase = torch.polar(torch.ones_like(angle), angle)
    if points % 2 == 0:
        phase[:, -1] = phase[:, -1].real.to(phase.dtype)
    phase = phase.view(1, len(fraction), *[1] * (frames.ndim - 3), -1)
    return torch.fft.irfft(spectrum * phase, n=points, dim=-1).to(frames.dtype)


def _refuse_grid(
    transform: FieldTransform, frames: Tensor, least: int, most: int | None = None
) -> None:
    axes = frames.ndim - 3
    if axes < least or (most is not None and axes > most):
        needed = counted(least, "dimension") + (" or more" if most is None else "")
        raise UserError(
            f"partitions: {type(transform).__name__} does not apply to fields of "
            f"{counted(axes, 'dimension')}. Use it for {needed}."
        )
