"""How well the training samples determine a prediction: last-layer prediction rigidity (LLPR).

Bigi et al. 2024 (doi:10.1088/2632-2153/ad805f): the variance of a prediction w·f, with last-layer
weights w fitted to training features F, is proportional to f (FᵀF + ς² I)⁻¹ fᵀ.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

REGULARIZATION = 1e-6
"""ς² over the mean eigenvalue of FᵀF."""


@dataclass(frozen=True, eq=False)
class Rigidity:
    """The features of the training samples in the last layer.

    Args:
        factor: `(D + 1, D + 1)`, lower Cholesky factor of FᵀF + ς² I, with a feature 1 (bias).
    """

    factor: Tensor

    @classmethod
    def of(cls, features: Tensor) -> Rigidity:
        """Fit to training features `(M, D)`, at least one."""
        features = _with_bias(features)
        gram = features.T @ features
        ridge = REGULARIZATION * gram.diagonal().mean()
        identity = torch.eye(len(gram), dtype=gram.dtype, device=gram.device)
        return cls(torch.linalg.cholesky(gram + ridge * identity))

    def std(self, features: Tensor) -> Tensor:
        """`(N,)`, relative standard deviations √(f (FᵀF + ς² I)⁻¹ fᵀ) for `(N, D)` features.

        The factor to an error, which Bigi et al. calibrate, is left to what is fitted to errors.
        """
        own = _with_bias(features)
        return torch.linalg.solve_triangular(self.factor, own.T, upper=False).norm(dim=0)


def _with_bias(features: Tensor) -> Tensor:
    features = features.double()
    return torch.cat([features, torch.ones_like(features[:, :1])], dim=1)
