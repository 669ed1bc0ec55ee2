"""Selection of the leading jets of simulated collisions."""

from __future__ import annotations

from dataclasses import dataclass

LARGEST_ETA = 2.0
"""Maximum |η| of selected jets, as in TopLandscape."""


@dataclass(frozen=True)
class Window:
    """Bounds of the selected leading jets and of their hard processes.

    pt_min, pt_max: GeV; pt_max may be infinite
    energy_max: GeV
    pt_hat_min, pt_hat_max: GeV, transverse momentum of the hard process
    bias: exponent of pT-hat in the sampling weight, for more hard events
    """

    pt_min: float
    pt_max: float
    energy_max: float
    pt_hat_min: float
    pt_hat_max: float
    bias: float
