"""What batches of every workload can do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any, Self

from torch import Tensor


class TensorBatch:
    """A frozen dataclass of tensors, of which `sample_id` `(B,)` is one."""

    sample_id: Tensor

    def to(self, device: Any, non_blocking: bool = False) -> Self:
        """The batch on another device."""
        return self._changed(lambda tensor: tensor.to(device, non_blocking=non_blocking))

    def pin_memory(self) -> Self:
        """The batch in memory that an accelerator can copy from while it computes."""
        return self._changed(Tensor.pin_memory)

    def __len__(self) -> int:
        return len(self.sample_id)

    def _changed(self, change: Callable[[Tensor], Tensor]) -> Self:
        values = {field.name: getattr(self, field.name) for field in fields(self)}  # type: ignore[arg-type]
        changed = {name: change(v) for name, v in values.items() if isinstance(v, Tensor)}
        return replace(self, **changed)  # type: ignore[type-var]
