"""A batch of jets."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

from torch import Tensor


@dataclass(frozen=True)
class JetBatch:
    """B jets of at most P constituents, those of a jet first.

    Args:
        sample_id: `(B,)`.
        momenta: `(B, P, 4)` four-momenta E, px, py, pz of the constituents in GeV, z along the
            beam; 0 where there is none.
        mask: `(B, P)` bool, where there is a constituent.
        label: `(B,)` int64, 1 for a top jet, 0 for a QCD jet.
        jet_weight: weight of a jet in the loss: 1 / B on one rank; on more, ranks / global batch,
            so that the mean over ranks is the mean over jets, however they are dealt.
        angles: `(A,)` radians about the beam by which each jet is turned and scored, or None for
            one look at the jet as it is.
    """

    sample_id: Tensor
    momenta: Tensor
    mask: Tensor
    label: Tensor
    jet_weight: float = 0.0
    angles: Tensor | None = None

    def to(self, device: Any, non_blocking: bool = False) -> JetBatch:
        """The batch on another device."""
        return self._changed(lambda tensor: tensor.to(device, non_blocking=non_blocking))

    def pin_memory(self) -> JetBatch:
        """The batch in memory that an accelerator can copy from while it computes."""
        return self._changed(Tensor.pin_memory)

    def __len__(self) -> int:
        return len(self.sample_id)

    def _changed(self, change: Any) -> JetBatch:
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return replace(
            self, **{name: change(v) for name, v in values.items() if isinstance(v, Tensor)}
        )
