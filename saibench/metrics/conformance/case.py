"""A metric under test with its data and its reference, and the comparison of their values."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor
from torchmetrics import Metric

Batch = tuple[Any, ...]
"""Positional arguments of `update`, the prediction first. Dimension 0 of a tensor is the sample;
other values, and tensors without dimensions, are the same for every batch."""


@dataclass(frozen=True)
class MetricCase:
    """The arguments of `assert_metric_conforms`."""

    make_metric: Callable[[], Metric]
    batches: tuple[Batch, ...]
    reference: Callable[..., Any]
    rtol: float
    atol: float

    @property
    def whole(self) -> Batch:
        """All batches concatenated."""
        return tuple(
            torch.cat(same) if holds_samples(same[0]) else same[0]
            for same in zip(*self.batches, strict=True)
        )

    @property
    def pieces(self) -> tuple[Batch, ...]:
        """The whole in uneven batches: empty, one sample, about a third, the rest."""
        samples = next(len(value) for value in self.whole if holds_samples(value))
        edges = [0, 0, 1, 1 + samples // 3, samples]
        return tuple(take(self.whole, start, stop) for start, stop in pairwise(edges))

    def updated(self, batches: Sequence[Batch]) -> Metric:
        metric = self.make_metric()
        for batch in batches:
            metric.update(*batch)
        return metric

    def assert_agrees(self, value: Any, batch: Batch, rtol: float | None = None) -> None:
        """Compare a value of the metric with the reference on `batch`, entry by entry."""
        actual, expected = _entries(value), _entries(self.reference(*batch))
        assert actual.keys() == expected.keys(), f"{list(actual)} instead of {list(expected)}"
        for name in expected:
            torch.testing.assert_close(
                actual[name],
                expected[name],
                rtol=self.rtol if rtol is None else rtol,
                atol=self.atol if rtol is None else rtol,
                equal_nan=True,
                msg=f"{{}} in entry '{name}'".format,
            )


def holds_samples(value: Any) -> bool:
    return isinstance(value, Tensor) and value.ndim > 0


def convert(batch: Batch, change: Callable[[Tensor], Tensor]) -> Batch:
    return tuple(change(value) if holds_samples(value) else value for value in batch)


def take(batch: Batch, start: int, stop: int) -> Batch:
    return convert(batch, lambda value: value[start:stop])


def cast_floats(batch: Batch, dtype: torch.dtype) -> Batch:
    return convert(batch, lambda value: value.to(dtype) if value.is_floating_point() else value)


def flatten(value: Any, name: str = "value") -> dict[str, Any]:
    """Nested mappings as a flat one, with keys such as "value.all"."""
    if not isinstance(value, Mapping):
        return {name: value}
    return {
        inner_name: inner
        for key, entry in value.items()
        for inner_name, inner in flatten(entry, f"{name}.{key}").items()
    }


def _entries(value: Any) -> dict[str, Tensor]:
    return {
        name: torch.as_tensor(entry, dtype=torch.float64).detach()
        for name, entry in flatten(value).items()
    }
