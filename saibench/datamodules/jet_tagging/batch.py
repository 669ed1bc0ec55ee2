"""A batch of jets."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from saibench.datamodules.batch import TensorBatch


@dataclass(frozen=True)
class JetBatch(TensorBatch):
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
