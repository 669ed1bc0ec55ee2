"""Test-time transforms of jets: symmetries of the physics, and perturbations of the input.

Random numbers are functions of `sample_id` and seed alone, independent of batches and ranks.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Annotated, Protocol

import numpy as np
import torch
from pydantic import Field

from saibench.datamodules.jet_tagging.batch import JetBatch
from saibench.datamodules.rotations import uniform_rotations, unit_interval
from saibench.datamodules.samplers import sample_keys
from saibench.datamodules.samplers.keys import splitmix64
from saibench.errors import UserError
from saibench.options import Seed, check_fields

_SMEARING_STREAM, _PERMUTATION_STREAM = 111, 112
"""Streams of random numbers, distinct from those of samples and rotations."""


class JetTransform(Protocol):
    """A change made to jets before they are scored."""

    def hash(self) -> str:
        """Digits that change whenever the transform changes a result."""

    def describe(self) -> str: ...

    def apply(self, batch: JetBatch) -> JetBatch: ...


@dataclass(frozen=True)
class BeamRotations:
    """Each jet is scored at `count` rotations about the beam axis, `step_degrees` apart.

    The paper's figure 9 has 36 angles, 0° to 175°. The physics is invariant under these rotations.

    Raises UserError: fewer than two angles, or a step outside (0, 360).
    """

    step_degrees: Annotated[float, Field(gt=0, lt=360)] = 5.0
    count: Annotated[int, Field(ge=2)] = 36

    def __post_init__(self) -> None:
        check_fields(self, "BeamRotations", convert_floats=False)

    def hash(self) -> str:
        return f"BeamRotations-{self.step_degrees:g}-{self.count}"

    def describe(self) -> str:
        last = (self.count - 1) * self.step_degrees
        return f"rotated about the beam axis by 0°, {self.step_degrees:g}°, …, {last:g}°"

    def apply(self, batch: JetBatch) -> JetBatch:
        degrees = torch.arange(self.count, dtype=torch.float64) * self.step_degrees
        return replace(batch, angles=torch.deg2rad(degrees))


@dataclass(frozen=True)
class BeamBoost:
    """A Lorentz boost along the beam axis, which adds `rapidity` to every rapidity."""

    rapidity: Annotated[float, Field(ge=-5, le=5)] = 0.5

    def __post_init__(self) -> None:
        check_fields(self, "BeamBoost", convert_floats=False)

    def hash(self) -> str:
        return f"BeamBoost-{self.rapidity!r}"

    def describe(self) -> str:
        return f"boosted along the beam axis by {self.rapidity:g} units of rapidity"

    def apply(self, batch: JetBatch) -> JetBatch:
        energy, px, py, pz = batch.momenta.double().unbind(-1)
        cosh, sinh = math.cosh(self.rapidity), math.sinh(self.rapidity)
        boosted = [energy * cosh + pz * sinh, px, py, pz * cosh + energy * sinh]
        return replace(batch, momenta=torch.stack(boosted, dim=-1).to(batch.momenta.dtype))


@dataclass(frozen=True)
class RandomRotation3D:
    """A uniformly random 3-D rotation of each jet, which is not a symmetry of the collisions."""

    seed: Seed = 0

    def hash(self) -> str:
        return f"RandomRotation3D-{self.seed}"

    def describe(self) -> str:
        return f"each jet rotated by its own random 3-D rotation, seed {self.seed}"

    def apply(self, batch: JetBatch) -> JetBatch:
        matrices = torch.from_numpy(uniform_rotations(batch.sample_id.cpu().numpy(), self.seed))
        energy, momentum = batch.momenta.double().split([1, 3], dim=-1)
        rotated = torch.einsum("bij,bpj->bpi", matrices.to(momentum), momentum)
        momenta = torch.cat([energy, rotated], dim=-1).to(batch.momenta.dtype)
        return replace(batch, momenta=momenta)


@dataclass(frozen=True)
class ConstituentSmearing:
    """Gaussian smearing of the constituents, as by the limited resolution of a detector.

    The four-momentum of a constituent is scaled by exp(s·g - s²/2), with g standard normal and
    s = `energy`, which is positive and has mean 1; then its η and φ are shifted by normal numbers
    of standard deviation `angle`, at constant pT and mass.

    energy: relative resolution of the energy
    angle: resolution of η and of φ

    Raises UserError: a resolution below 0, or both 0.
    """

    energy: Annotated[float, Field(ge=0, le=1)] = 0.1
    angle: Annotated[float, Field(ge=0, le=1)] = 0.0
    seed: Seed = 0

    def __post_init__(self) -> None:
        check_fields(self, "ConstituentSmearing", convert_floats=False)
        if self.energy == self.angle == 0:
            raise UserError("ConstituentSmearing: energy and angle are both 0. Use energy=0.1.")

    def hash(self) -> str:
        return f"ConstituentSmearing-{self.energy!r}-{self.angle!r}-{self.seed}"

    def describe(self) -> str:
        return (
            f"constituents smeared by {100 * self.energy:g} % in energy and {self.angle:g} in η "
            f"and φ, seed {self.seed}"
        )

    def apply(self, batch: JetBatch) -> JetBatch:
        draws = [
            torch.from_numpy(normal).to(batch.momenta.device)
            for normal in _normals(_keys(batch, self.seed, _SMEARING_STREAM), count=3)
        ]
        scale = torch.exp(self.energy * draws[0] - self.energy**2 / 2)
        momenta = batch.momenta.double() * scale[..., None]
        if self.angle:
            momenta = _shifted(momenta, self.angle * draws[1], self.angle * draws[2])
        momenta = momenta.to(batch.momenta.dtype) * batch.mask[..., None]
        return replace(batch, momenta=momenta)


@dataclass(frozen=True)
class Permutation:
    """A random permutation of the constituents of each jet."""

    seed: Seed = 0

    def hash(self) -> str:
        return f"Permutation-{self.seed}"

    def describe(self) -> str:
        return f"constituents in random order, seed {self.seed}"

    def apply(self, batch: JetBatch) -> JetBatch:
        keys = unit_interval(_keys(batch, self.seed, _PERMUTATION_STREAM))
        keys[~batch.mask.cpu().numpy()] = 2.0  # padding stays at the end
        order = torch.from_numpy(np.argsort(keys, axis=1)).to(batch.momenta.device)
        momenta = batch.momenta.gather(1, order[..., None].expand_as(batch.momenta))
        return replace(batch, momenta=momenta)


def _keys(batch: JetBatch, seed: int, stream: int) -> np.ndarray:
    """Random keys `(B, P)` of the constituents, by sample_id and position."""
    of_jet = sample_keys(batch.sample_id.cpu().numpy(), seed, stream)
    place = np.arange(batch.momenta.shape[1], dtype=np.uint64)
    return splitmix64(of_jet[:, None] ^ splitmix64(place))


def _normals(keys: np.ndarray, count: int) -> list[np.ndarray]:
    """`count` arrays of standard normal numbers, one per key (Box and Muller 1958)."""
    normals = []
    for _ in range(count):
        radius, keys = 1 - unit_interval(keys), splitmix64(keys)
        angle, keys = unit_interval(keys), splitmix64(keys)
        normals.append(np.sqrt(-2 * np.log(radius)) * np.cos(2 * np.pi * angle))
    return normals


def _shifted(momenta: torch.Tensor, eta: torch.Tensor, phi: torch.Tensor) -> torch.Tensor:
    """Four-momenta shifted in η and φ at constant pT and mass; those without pT stay."""
    energy, px, py, pz = momenta.unbind(-1)
    pt = torch.hypot(px, py)
    moves = pt > 0
    mass_squared = energy**2 - pt**2 - pz**2
    new_eta = torch.asinh(pz / torch.where(moves, pt, 1.0)) + eta
    new_phi = torch.atan2(py, px) + phi
    new_pz = torch.where(moves, pt * torch.sinh(new_eta), pz)
    return torch.stack(
        [
            torch.sqrt((mass_squared + pt**2 + new_pz**2).clamp(min=0)),
            pt * torch.cos(new_phi),
            pt * torch.sin(new_phi),
            new_pz,
        ],
        dim=-1,
    )
