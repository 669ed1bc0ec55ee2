"""Check that input batches are finite, before a model is reported as diverged."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from torch import Tensor

from saibench.errors import UserError

MAX_NAMED = 5
"""Most samples named by an error."""


def refuse_inputs_not_finite(batches: Iterable[Any]) -> None:
    """Refuse batches that contain NaN or Inf.

    Args:
        batches: tensors, or dataclasses, mappings or sequences of tensors.

    Raises:
        UserError: names the part of the batch, and the samples if the batch has their ids.
    """
    for batch in batches:
        for name, tensor in _tensors(batch, "batch"):
            if tensor.is_floating_point() and not tensor.isfinite().all():
                raise UserError(
                    f"the data contain NaN or Inf: {name}{_samples(batch, tensor)}. Exclude or "
                    "correct them in the data reader."
                )


def _samples(batch: Any, tensor: Tensor) -> str:
    ids = (
        batch.get("sample_id") if isinstance(batch, Mapping) else getattr(batch, "sample_id", None)
    )
    if not isinstance(ids, Tensor) or tensor.ndim == 0 or len(ids) != len(tensor):
        return ""
    faulty = ids[~tensor.flatten(1).isfinite().all(1) if tensor.ndim > 1 else ~tensor.isfinite()]
    more = ", …" if len(faulty) > MAX_NAMED else ""
    return f" of samples {', '.join(map(str, faulty[:MAX_NAMED].tolist()))}{more}"


def _tensors(batch: Any, name: str) -> Iterator[tuple[str, Tensor]]:
    if isinstance(batch, Tensor):
        yield name, batch
    elif is_dataclass(batch) and not isinstance(batch, type):
        for field in fields(batch):
            yield from _tensors(getattr(batch, field.name), f"{name}.{field.name}")
    elif isinstance(batch, Mapping):
        for key, value in batch.items():
            yield from _tensors(value, f"{name}[{key!r}]")
    elif isinstance(batch, list | tuple):
        for position, value in enumerate(batch):
            yield from _tensors(value, f"{name}[{position}]")
