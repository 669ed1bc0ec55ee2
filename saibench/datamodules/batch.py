"""Operations shared by the batches of every workload."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any, Self

from torch import Tensor


def sample_ids(batch: Any) -> Tensor:
    """`(B,)`, the ids of a batch: a dictionary, or an object with `sample_id`."""
    ids: Tensor = batch["sample_id"] if isinstance(batch, dict) else batch.sample_id
    return ids


class TensorBatch:
    """A frozen dataclass of tensors, one of which is `sample_id` `(B,)`."""

    sample_id: Tensor

    def to(self, device: Any, non_blocking: bool = False) -> Self:
        """The batch on another device."""
        return self._map(lambda tensor: tensor.to(device, non_blocking=non_blocking))

    def pin_memory(self) -> Self:
        """The batch in page-locked memory, which an accelerator copies from asynchronously."""
        return self._map(Tensor.pin_memory)

    def __len__(self) -> int:
        return len(self.sample_id)

    def _map(self, function: Callable[[Tensor], Tensor]) -> Self:
        values = {field.name: getattr(self, field.name) for field in fields(self)}  # type: ignore[arg-type]
        changed = {name: function(v) for name, v in values.items() if isinstance(v, Tensor)}
        return replace(self, **changed)  # type: ignore[type-var]
