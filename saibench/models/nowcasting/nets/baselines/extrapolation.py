"""Lagrangian extrapolation: the last observed rain moves with its current motion."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from saibench.models.nowcasting.nets.baselines.motion import (
    MotionMethod,
    check_motion_method,
    rain_motion,
)
from saibench.models.nowcasting.nets.baselines.pysteps_library import (
    MIN_RATE,
    pysteps_library,
    quiet_pysteps,
)
from saibench.models.nowcasting.nets.event_noise import Noise


class LagrangianExtrapolation(nn.Module):
    """pysteps' semi-Lagrangian extrapolation, event by event, on the CPU.

    An event with a dry last frame stays dry. Inflow over the border, which was not observed, is 0.

    Args:
        leads: number of predicted frames, L.
        motion: method for the motion; see `rain_motion`.

    Raises:
        UserError: pysteps is not installed, or the method is unknown.
    """

    def __init__(self, leads: int = 20, motion: MotionMethod = "proesmans") -> None:
        super().__init__()
        check_motion_method(motion)
        pysteps_library()
        self.leads = leads
        self.motion = motion

    def forward(self, observed: Tensor, noise: Noise = None) -> Tensor:
        """Rain (B, L, H, W) in mm/h, of observed (B, T, H, W); noise is unused."""
        events = observed.detach().double().cpu().numpy()
        predicted = np.stack([self._extrapolate(event) for event in events])
        return torch.from_numpy(predicted).to(observed)

    def motion_field(self, observed: Tensor) -> Tensor:
        """Motion (B, L, 2, H, W) in pixels per frame, x before y, to the origin of the rain."""
        events = observed.detach().double().cpu().numpy()
        motions = [
            np.zeros((2, *event.shape[1:]))
            if event[-1].max() < MIN_RATE
            else -rain_motion(event, self.motion)
            for event in events
        ]
        field = torch.from_numpy(np.stack(motions)).to(observed)
        return field.unsqueeze(1).expand(-1, self.leads, -1, -1, -1)

    def _extrapolate(self, observed: np.ndarray) -> np.ndarray:
        if observed[-1].max() < MIN_RATE:
            return np.zeros((self.leads, *observed.shape[1:]))
        motion = rain_motion(observed, self.motion)
        extrapolate = pysteps_library().nowcasts.get_method("extrapolation")
        with quiet_pysteps():
            moved = extrapolate(observed[-1], motion, self.leads)
        return np.nan_to_num(moved, nan=0.0)
