"""Features of a jet's constituents, from their four-momenta.

The kinematic features are those of the Particle Transformer (Qu et al. 2022, arXiv:2202.03772)
for top tagging. They are invariant under rotations about the beam axis.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import torch
from torch import Tensor

Features = Literal["kinematic", "raw", "raw_no_pair"]
"""`kinematic`: the seven features below, and the pair branch. `raw`: four-momenta instead of the
features. `raw_no_pair`: four-momenta, and no pair branch, whose features are invariant."""

NUM_FEATURES = {"kinematic": 7, "raw": 4, "raw_no_pair": 4}

STANDARDISATION = (
    ("log_pt", 1.7, 0.7),
    ("log_energy", 2.0, 0.7),
    ("log_relative_pt", -4.7, 0.7),
    ("log_relative_energy", -4.7, 0.7),
    ("delta_r", 0.2, 4.0),
)
"""Feature, shift and scale, as published."""

CLIP = 5.0
"""Standardised features are clipped to ± this value."""

RAW_SCALE = 100.0
"""GeV, the unit of raw four-momenta: a jet of TopLandscape is then of the order of 10, a
constituent of 0.1, within the range of half precision."""

TINY = 1e-8
"""GeV, lower limit of the argument of a logarithm."""


class Relative(NamedTuple):
    """Constituents relative to their jet, their sum: each `(B, P)`.

    Args:
        pt, energy: transverse momentum and energy in GeV.
        relative_pt, relative_energy: the same, divided by those of the jet.
        delta_eta: pseudorapidity minus the jet's, positive away from the centre of the detector.
        delta_phi: azimuth minus the jet's, in [-π, π].
    """

    pt: Tensor
    energy: Tensor
    relative_pt: Tensor
    relative_energy: Tensor
    delta_eta: Tensor
    delta_phi: Tensor


def relative_to_jet(momenta: Tensor) -> Relative:
    """Kinematics of the constituents; undefined for padding.

    Args:
        momenta: `(B, P, 4)` E, px, py, pz in GeV, 0 for padding.
    """
    energy, px, py, pz = momenta.unbind(-1)
    jet_energy, jet_px, jet_py, jet_pz = momenta.sum(dim=1, keepdim=True).unbind(-1)
    pt, jet_pt = torch.hypot(px, py), torch.hypot(jet_px, jet_py)
    jet_eta = pseudorapidity(jet_pt, jet_pz)
    outwards = torch.where(jet_eta < 0, -1.0, 1.0)
    return Relative(
        pt=pt,
        energy=energy,
        relative_pt=pt / jet_pt,
        relative_energy=energy / jet_energy,
        delta_eta=(pseudorapidity(pt, pz) - jet_eta) * outwards,
        # angle between two vectors, which needs no wrapping, unlike a difference of azimuths
        delta_phi=torch.atan2(jet_px * py - jet_py * px, jet_px * px + jet_py * py),
    )


def pseudorapidity(pt: Tensor, pz: Tensor) -> Tensor:
    """η = arcsinh(pz / pT), the same as arctanh(pz / |p|)."""
    return torch.asinh(pz / pt.clamp(min=TINY))


def kinematic_features(relative: Relative, mask: Tensor) -> Tensor:
    """The seven features `(B, 7, P)`: five standardised ones, Δη and Δφ.

    Args:
        relative: of `relative_to_jet`.
        mask: `(B, P)`, True for constituents; features of padding are 0.
    """
    values = {
        "log_pt": relative.pt.clamp(min=TINY).log(),
        "log_energy": relative.energy.clamp(min=TINY).log(),
        "log_relative_pt": relative.relative_pt.clamp(min=TINY).log(),
        "log_relative_energy": relative.relative_energy.clamp(min=TINY).log(),
        "delta_r": torch.hypot(relative.delta_eta, relative.delta_phi),
    }
    standardised = [
        ((values[name] - shift) * scale).clamp(-CLIP, CLIP)
        for name, shift, scale in STANDARDISATION
    ]
    features = torch.stack([*standardised, relative.delta_eta, relative.delta_phi], dim=1)
    return features.masked_fill(~mask.unsqueeze(1), 0.0)


def raw_features(momenta: Tensor, mask: Tensor) -> Tensor:
    """Four-momenta E, px, py, pz `(B, 4, P)` in units of `RAW_SCALE`, 0 for padding."""
    return (momenta / RAW_SCALE).transpose(1, 2).masked_fill(~mask.unsqueeze(1), 0.0)


def points(relative: Relative, mask: Tensor) -> Tensor:
    """Δη and Δφ `(B, 2, P)`, 0 for padding."""
    plane = torch.stack([relative.delta_eta, relative.delta_phi], dim=1)
    return plane.masked_fill(~mask.unsqueeze(1), 0.0)


def vectors(momenta: Tensor) -> Tensor:
    """Four-momenta `(B, 4, P)` in the order px, py, pz, E of the pair branch, in GeV."""
    return momenta[..., [1, 2, 3, 0]].transpose(1, 2)


def constituent_features(momenta: Tensor, mask: Tensor, features: Features) -> Tensor:
    """Features of constituents, `(B, 7 or 4, P)`."""
    if features == "kinematic":
        return kinematic_features(relative_to_jet(momenta), mask)
    return raw_features(momenta, mask)
