"""A batch of jets."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from saibench.datamodules.batch import TensorBatch


@dataclass(frozen=True)
class JetBatch(TensorBatch):
    """B jets of at most P constituents, padded at the end.

    Args:
        sample_id: `(B,)`.
        momenta: `(B, P, 4)` four-momenta E, px, py, pz of the constituents in GeV, z along the
            beam; 0 for padding.
        mask: `(B, P)` bool, False for padding.
        label: `(B,)` int64, 1 for a top jet, 0 for a QCD jet.
        sample_weight: weight of a jet in the loss, see `TrainingBatches.weight`.
        jet_class: `(B,)` int64, position in the classes of a net with one output per class; None
            for a net of two classes.
        angles: `(A,)` angles in radians by which each jet is rotated about the beam axis and
            scored; None scores it once, unrotated.
    """

    sample_id: Tensor
    momenta: Tensor
    mask: Tensor
    label: Tensor
    sample_weight: float = 0.0
    jet_class: Tensor | None = None
    angles: Tensor | None = None
