"""STEPS: extrapolation that replaces small scales by noise as they decorrelate."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor, nn

from saibench.errors import UserError
from saibench.models.nowcasting.nets.baselines.motion import (
    MotionMethod,
    check_motion_method,
    rain_motion,
)
from saibench.models.nowcasting.nets.baselines.pysteps_library import (
    MIN_RATE,
    MIN_RATE_DB,
    from_decibel,
    pysteps_library,
    quiet_pysteps,
    to_decibel,
)
from saibench.models.nowcasting.nets.event_noise import EventNoise, Noise, random_seeds

log = logging.getLogger(__name__)

FRAMES = 3
"""Number of the last frames, to which the second-order autoregression is fitted."""


class Steps(nn.Module):
    """pysteps' Short-Term Ensemble Prediction System, event by event, on the CPU.

    Bowler et al. 2006 (doi:10.1256/qj.04.100) with pysteps' defaults: a cascade of scales,
    second-order autoregression, non-parametric noise, perturbed motion, intensities matched to
    the last observed frame. An event with a dry last frame stays dry. pysteps also predicts no rain
    if one of the last two frames has no rain away from the border, because it treats rain from
    nothing as clutter; a warning names such events. Inflow over the border, which was not observed,
    is 0.

    Args:
        leads: number of predicted frames, L.
        members: 1 predicts a draw, more predict the mean of the draws.
        motion: method for the motion; see `rain_motion`.
        cascade_levels: number of scales.
        pixel_km: width of a pixel in km.
        frame_minutes: time between frames.

    Raises:
        UserError: pysteps is not installed, the method is unknown, or `members` is below 1.
    """

    def __init__(
        self,
        leads: int = 20,
        members: int = 1,
        motion: MotionMethod = "proesmans",
        cascade_levels: int = 6,
        pixel_km: float = 2.0,
        frame_minutes: float = 10.0,
    ) -> None:
        super().__init__()
        check_motion_method(motion)
        if members < 1:
            raise UserError(f"model.net.members={members} must be at least 1.")
        pysteps_library()
        self.leads = leads
        self.members = members
        self.motion = motion
        self.cascade_levels = cascade_levels
        self.pixel_km = pixel_km
        self.frame_minutes = frame_minutes

    def forward(self, observed: Tensor, noise: Noise = None) -> Tensor:
        """Rain (B, L, H, W) in mm/h.

        Args:
            observed: (B, T, H, W) in mm/h, T at least 3.
            noise: source of each event's seed.

        Raises:
            UserError: pysteps can't fit an event, such as one of equal frames.
        """
        return next(self.draws(observed, 1, noise))

    def draws(self, observed: Tensor, count: int, noise: Noise = None) -> Iterator[Tensor]:
        """`count` predictions with different seeds; the motion is computed once.

        Args:
            observed: (B, T, H, W) in mm/h.
            count: number of predictions.
            noise: source of each event's seed; with an `EventNoise`, draw 0 equals `forward`.
        """
        events = observed.detach().double().cpu().numpy()
        motions = [self._motion(event) for event in events]
        ids = noise.sample_id.tolist() if isinstance(noise, EventNoise) else range(len(events))
        names = [f"event {number}" for number in ids]
        for draw in range(count):
            seeds = random_seeds(noise, len(events), draw)
            predicted = [
                self._predict(*event) for event in zip(events, motions, seeds, names, strict=True)
            ]
            if draw == 0:
                _warn_of_no_rain(predicted, motions, names)
            yield torch.from_numpy(np.stack(predicted)).to(observed)

    def _motion(self, observed: np.ndarray) -> np.ndarray | None:
        """Motion (2, H, W), or None for a dry event."""
        return None if observed[-1].max() < MIN_RATE else rain_motion(observed, self.motion)

    def _predict(
        self, observed: np.ndarray, motion: np.ndarray | None, seed: int, name: str
    ) -> np.ndarray:
        if motion is None:
            return np.zeros((self.leads, *observed.shape[1:]))
        try:
            with quiet_pysteps():
                ensemble = pysteps_library().nowcasts.get_method("steps")(
                    to_decibel(observed[-FRAMES:]),
                    motion,
                    self.leads,
                    n_ens_members=self.members,
                    n_cascade_levels=self.cascade_levels,
                    precip_thr=MIN_RATE_DB,
                    kmperpixel=self.pixel_km,
                    timestep=self.frame_minutes,
                    seed=seed,
                )
        except (np.linalg.LinAlgError, ValueError) as error:
            raise UserError(
                f"STEPS can't be fitted to {name} of {observed.shape[1]}×{observed.shape[2]} "
                f"pixels ({error}). Use fields that vary in space and time."
            ) from error
        return from_decibel(ensemble).mean(axis=0)


def _warn_of_no_rain(
    predicted: list[np.ndarray], motions: list[np.ndarray | None], names: list[str]
) -> None:
    """Warn of events without predicted rain; the output of pysteps itself is suppressed."""
    dry = [
        name
        for rain, motion, name in zip(predicted, motions, names, strict=True)
        if motion is not None and not rain.any()
    ]
    if dry:
        log.warning(
            "STEPS predicts no rain for %s although it rains in the last frame: pysteps can't "
            "distinguish rain from clutter if one of the last two frames has no rain away from the "
            "border.",
            ", ".join(dry),
        )
