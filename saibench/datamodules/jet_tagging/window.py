"""Which leading jets of simulated collisions are kept."""

from __future__ import annotations

from dataclasses import dataclass

LARGEST_ETA = 2.0
"""Pseudorapidity, in TopLandscape and in every window."""


@dataclass(frozen=True)
class Window:
    """Which leading jets are kept.

    pt_min, pt_max: GeV, the latter may be infinite
    energy_max: GeV
    pt_hat_min, pt_hat_max: GeV, transverse momentum of the hard process
    bias: events are drawn from the cross section times pT-hat to this power, to have more hard ones
    """

    pt_min: float
    pt_max: float
    energy_max: float
    pt_hat_min: float
    pt_hat_max: float
    bias: float
