"""Reference implementation of rain scores by loops over pixels, and small test fields."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import torch
from torch import Tensor

Batch = tuple[Tensor, Tensor, Tensor | None]


def rain(
    num_events: int, num_leads: int, height: int = 7, width: int = 9, *, seed: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Return predicted and observed rates in mm/h, with ties at integers, and a mask.

    Some observed rates exceed 128 mm/h, some predicted ones are negative, some frames are dry.
    """
    generator = torch.Generator().manual_seed(seed)
    shape = num_events, num_leads, height, width

    def rates() -> Tensor:
        whole = torch.randint(-12, 40, shape, generator=generator).double()
        heavy = torch.rand(shape, generator=generator, dtype=torch.float64) < 0.1
        wet = torch.rand(num_events, num_leads, 1, 1, generator=generator) < 0.85
        return torch.where(heavy, whole * 4, whole) * wet

    preds, target = rates(), rates().clamp(min=0)
    return preds, target, torch.rand(shape, generator=generator) < 0.9


@dataclass
class FrameByLoop:
    """Scores of one frame, summed over its valid pixels."""

    preds: Tensor
    target: Tensor
    mask: Tensor | None = None

    def pixels(self) -> Iterator[tuple[int, int, float, float]]:
        """Yield row, column, clipped prediction and clipped observation of each valid pixel."""
        for y, x in product(*map(range, self.preds.shape)):
            if self.mask is None or self.mask[y, x]:
                predicted, observed = float(self.preds[y, x]), float(self.target[y, x])
                yield y, x, max(predicted, 0.0), min(max(observed, 0.0), 128.0)

    def mean_absolute_error(self) -> float:
        return mean([abs(p - t) for _, _, p, t in self.pixels()])

    def active_area_mae(self, threshold: float, area: str) -> float:
        return mean(
            [
                abs(p - t)
                for _, _, p, t in self.pixels()
                if t >= threshold or (area == "union" and p >= threshold)
            ]
        )

    def categories(self, threshold: float) -> tuple[int, int, int]:
        """Hits, misses, false alarms."""
        pairs = [(t >= threshold, p >= threshold) for _, _, p, t in self.pixels()]
        return tuple(pairs.count(pair) for pair in [(True, True), (True, False), (False, True)])

    def csi(self, threshold: float) -> float:
        hits, misses, false_alarms = self.categories(threshold)
        relevant = hits + misses + false_alarms
        return hits / relevant if relevant else math.nan

    def mean_rates(self) -> tuple[float, float]:
        """Predicted, observed."""
        return mean([p for _, _, p, _ in self.pixels()]), mean([t for *_, t in self.pixels()])

    def displacement(self) -> tuple[float, float]:
        """Predicted minus observed centre of mass, x and y."""
        predicted = [(p, x, y) for y, x, p, _ in self.pixels()]
        observed = [(t, x, y) for y, x, _, t in self.pixels()]
        (px, py), (tx, ty) = center(predicted), center(observed)
        return px - tx, py - ty


def center(weighted: list[tuple[float, int, int]]) -> tuple[float, float]:
    mass = math.fsum(rate for rate, _, _ in weighted)
    if mass == 0:
        return math.nan, math.nan
    x = math.fsum(rate * x for rate, x, _ in weighted) / mass
    y = math.fsum(rate * y for rate, _, y in weighted) / mass
    return x, y


def frames(preds: Tensor, target: Tensor, mask: Tensor | None = None) -> list[list[FrameByLoop]]:
    """Return frames by event and lead time."""
    return [
        [
            FrameByLoop(
                preds[event, lead], target[event, lead], None if mask is None else mask[event, lead]
            )
            for lead in range(preds.shape[1])
        ]
        for event in range(preds.shape[0])
    ]


def mean(values: list[float]) -> float:
    """Return the mean of the defined values."""
    defined = [value for value in values if not math.isnan(value)]
    return math.fsum(defined) / len(defined) if defined else math.nan


def count(values: list[float]) -> int:
    return sum(not math.isnan(value) for value in values)
