"""Two scores of a known error: a field against the same field, shifted (fig. 13)."""

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
    """Predicts the last observed frame, shifted to the right; the target is the frame itself.

    The field is padded so that no rain leaves it. The mean absolute error saturates when the two
    shapes no longer overlap; the displacement of the centre of mass stays proportional to the
    shift.

    Args:
        dataset_info: information on the data: `pixel_km`.
        name: of the model, in the names of runs.
        shifts: in pixels, ascending.
        seed: unused, but part of the names of runs.
        steps: 0; nothing is trained.

    Raises:
        UserError: shifts are not ascending integers of at least 0, or equal in whole kilometres.
    """

    def __init__(
        self,
        dataset_info: dict[str, Any],
        name: str,
        shifts: list[int],
        seed: int = 0,
        steps: int = 0,
    ) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.dataset_info = dataset_info
        self.shifts = shifts
        self.kilometres = tuple(round(shift * dataset_info["pixel_km"]) for shift in shifts)
        if (
            not shifts
            or shifts[0] < 0
            or len(set(self.kilometres)) < len(shifts)
            or (sorted(shifts) != list(shifts))
        ):
            raise UserError(
                f"model.shifts={list(shifts)} must be ascending numbers of pixels of at least 0 "
                f"that differ in whole kilometres, at {dataset_info['pixel_km']:g} km per pixel. "
                "Use for example [0, 4, 8, 16]."
            )
        self.net = nn.Module()

    @property
    def trains(self) -> bool:
        return False

    def statistics(self) -> list[Statistic]:
        axis = Axis("shift", self.kilometres)
        moved = "between a frame and the shifted frame"
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
        widened = still.shape[-1] / width  # error per pixel of the frame, not of the padded field
        return {
            "shift/mae": mean_absolute_rain_error(sums) * widened,
            "shift/displacement": center_of_mass_displacement(sums, batch.pixel_km).dr,
            "shift/displacement.defined": sums.target_rain > 0,
        }
