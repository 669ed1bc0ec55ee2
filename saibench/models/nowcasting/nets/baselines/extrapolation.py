"""Lagrangian extrapolation: the last observed rain goes on along its present motion."""

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
    WET,
    pysteps_library,
    quiet_pysteps,
)
from saibench.models.nowcasting.nets.event_noise import Noise


class LagrangianExtrapolation(nn.Module):
    """pysteps' semi-Lagrangian extrapolation, event by event, on the CPU.

    An event whose last frame is dry stays dry. What flows in over the border has not been
    observed: it is predicted to be 0.

    Args:
        leads: number of predicted frames, L.
        motion: how the motion is found; see `rain_motion`.

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
        """Rain (B, L, H, W) in mm/h, of observed (B, T, H, W); noise changes nothing."""
        events = observed.detach().double().cpu().numpy()
        predicted = np.stack([self._extrapolate(event) for event in events])
        return torch.from_numpy(predicted).to(observed)

    def motion_field(self, observed: Tensor) -> Tensor:
        """Motion (B, L, 2, H, W) in pixels a frame, x before y, to where the rain comes from."""
        events = observed.detach().double().cpu().numpy()
        found = [
            np.zeros((2, *event.shape[1:]))
            if event[-1].max() < WET
            else -rain_motion(event, self.motion)
            for event in events
        ]
        field = torch.from_numpy(np.stack(found)).to(observed)
        return field.unsqueeze(1).expand(-1, self.leads, -1, -1, -1)

    def _extrapolate(self, observed: np.ndarray) -> np.ndarray:
        if observed[-1].max() < WET:
            return np.zeros((self.leads, *observed.shape[1:]))
        motion = rain_motion(observed, self.motion)
        extrapolate = pysteps_library().nowcasts.get_method("extrapolation")
        with quiet_pysteps():
            moved = extrapolate(observed[-1], motion, self.leads)
        return np.nan_to_num(moved, nan=0.0)
