"""A field moved step by step against itself: what two scores say of a known error (fig. 13)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from saibench.datamodules.nowcasting.batch import RainBatch
from saibench.errors import UserError
from saibench.evidence.statistic import Axis, Statistic
from saibench.metrics.nowcasting.functional.rain import rain_frame_sums
from saibench.metrics.nowcasting.functional.rain_statistics import (
    center_of_mass_displacement,
    mean_absolute_rain_error,
)
from saibench.models.base import BenchmarkModule


class DisplacementDemo(BenchmarkModule):
    """Predicts the last observed frame, moved to the right, where nothing moved.

    The frame stands in the middle of an empty field so wide that no rain leaves it. The mean
    absolute error grows until the two shapes no longer overlap and then says nothing more; the
    displacement of the centre of mass stays proportional to the error that was made.

    Args:
        facts: of the data: `pixel_km`.
        name: of the model, in the names of points.
        shifts: in pixels, ascending.
        seed: unused; points are named by it.
        steps: 0; there is nothing to train.

    Raises:
        UserError: shifts that are no whole numbers from 0 on, or that whole kilometres don't tell
            apart.
    """

    def __init__(
        self, facts: dict[str, Any], name: str, shifts: list[int], seed: int = 0, steps: int = 0
    ) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.facts = facts
        self.shifts = shifts
        self.kilometres = tuple(round(shift * facts["pixel_km"]) for shift in shifts)
        if (
            not shifts
            or shifts[0] < 0
            or len(set(self.kilometres)) < len(shifts)
            or (sorted(shifts) != list(shifts))
        ):
            raise UserError(
                f"model.shifts={list(shifts)} are not ascending numbers of pixels from 0 on that "
                f"are a kilometre apart, at {facts['pixel_km']:g} km a pixel; [0, 4, 8, 16] would "
                "work."
            )
        self.net = nn.Module()

    @property
    def trains(self) -> bool:
        return False

    def statistics(self) -> list[Statistic]:
        axis = Axis("shift", self.kilometres)
        moved = "of a frame and the same frame moved"
        return [
            Statistic(
                "mae", "mm/h", "pixel", f"mean absolute error {moved}", axis, {"mae": "mean"}
            ),
            Statistic(
                "displacement",
                "km",
                "frame",
                f"distance of the centres of mass {moved}",
                axis,
                {"displacement": "mean"},
                partial=True,
            ),
        ]

    def test_step(self, batch: RainBatch, batch_idx: int) -> dict[str, Tensor]:
        frame = batch.observed[:, -1]
        width = frame.shape[-1]
        empty = torch.zeros(*frame.shape[:-1], max(self.shifts), device=frame.device)
        still = torch.cat((frame, empty), dim=-1)
        moved = torch.stack([still.roll(shift, dims=-1) for shift in self.shifts], dim=1)
        target = still.unsqueeze(1).expand_as(moved)
        sums = rain_frame_sums(moved, target)
        widened = still.shape[-1] / width  # the error a pixel of the frame, not of the empty field
        return {
            "shift/mae": mean_absolute_rain_error(sums) * widened,
            "shift/displacement": center_of_mass_displacement(sums, batch.pixel_km).dr,
            "shift/displacement.defined": sums.target_rain > 0,
        }
