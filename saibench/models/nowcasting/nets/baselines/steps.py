"""STEPS: extrapolation whose small scales are replaced by noise as they lose their memory."""

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
    WET,
    WET_DB,
    from_decibel,
    pysteps_library,
    quiet_pysteps,
    to_decibel,
)
from saibench.models.nowcasting.nets.event_noise import EventNoise, Noise, random_seeds

log = logging.getLogger(__name__)

MEMORY = 3
"""Frames that the second-order autoregression is fitted to."""


class Steps(nn.Module):
    """pysteps' Short-Term Ensemble Prediction System, event by event, on the CPU.

    Bowler et al. 2006 (doi:10.1256/qj.04.100) with pysteps' defaults: a cascade of scales,
    second-order autoregression, non-parametric noise, perturbed motion, intensities matched to
    the last observed frame. An event whose last frame is dry stays dry, and pysteps itself
    predicts none where one of the last two frames has no rain away from the border, since it takes
    rain out of nothing for clutter: a warning names such events. What flows in over the border has
    not been observed: it is predicted to be 0.

    Args:
        leads: number of predicted frames, L.
        members: 1 predicts a draw of what may come, more their mean.
        motion: how the motion is found; see `rain_motion`.
        cascade_levels: number of scales.
        pixel_km: width of a pixel in km.
        frame_minutes: time between frames.

    Raises:
        UserError: pysteps is not installed, the method is unknown, or there is no member.
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
            raise UserError(f"STEPS can't predict with {members} members: 1 or more would work.")
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
            observed: (B, T, H, W) in mm/h, T of 3 at least.
            noise: where each event's seed is drawn from.

        Raises:
            UserError: pysteps can't fit an event, such as one whose frames are all the same.
        """
        return next(self.draws(observed, 1, noise))

    def draws(self, observed: Tensor, count: int, noise: Noise = None) -> Iterator[Tensor]:
        """`count` predictions as `forward` makes them, with other seeds; the motion is found once.

        Args:
            observed: (B, T, H, W) in mm/h.
            count: number of predictions.
            noise: where each event's seed is drawn from; with an `EventNoise`, draw 0 is what
                `forward` predicts.
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
                _warn_of_none(predicted, motions, names)
            yield torch.from_numpy(np.stack(predicted)).to(observed)

    def _motion(self, observed: np.ndarray) -> np.ndarray | None:
        """Motion (2, H, W), or None for an event that is dry."""
        return None if observed[-1].max() < WET else rain_motion(observed, self.motion)

    def _predict(
        self, observed: np.ndarray, motion: np.ndarray | None, seed: int, name: str
    ) -> np.ndarray:
        if motion is None:
            return np.zeros((self.leads, *observed.shape[1:]))
        try:
            with quiet_pysteps():
                ensemble = pysteps_library().nowcasts.get_method("steps")(
                    to_decibel(observed[-MEMORY:]),
                    motion,
                    self.leads,
                    n_ens_members=self.members,
                    n_cascade_levels=self.cascade_levels,
                    precip_thr=WET_DB,
                    kmperpixel=self.pixel_km,
                    timestep=self.frame_minutes,
                    seed=seed,
                )
        except (np.linalg.LinAlgError, ValueError) as error:
            raise UserError(
                f"STEPS can't be fitted to {name} of {observed.shape[1]}×{observed.shape[2]} "
                f"pixels ({error}): fields that vary, and differ from frame to frame, would work."
            ) from error
        return from_decibel(ensemble).mean(axis=0)


def _warn_of_none(
    predicted: list[np.ndarray], motions: list[np.ndarray | None], names: list[str]
) -> None:
    """pysteps says so itself, among much else that a run's output does not show."""
    none = [
        name
        for rain, motion, name in zip(predicted, motions, names, strict=True)
        if motion is not None and not rain.any()
    ]
    if none:
        log.warning(
            "STEPS predicts no rain for %s although it rains in the last frame: pysteps can't tell "
            "rain from clutter where one of the last two frames has none away from the border.",
            ", ".join(none),
        )
