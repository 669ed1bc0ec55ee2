"""Distances of latent features to those of the training samples."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

NEAREST = 5
"""Nearest training features over which a distance is averaged, to reduce noise."""
QUERIES = 256
"""Features whose distances to all training features are in memory at once."""


@dataclass(frozen=True, eq=False)
class GroupReference:
    """Standardised features of one group of the training samples, in float64.

    Args:
        mean: `(D,)`.
        scale: `(D,)` standard deviations; 1 for constant features.
        points: `(M, D)` standardised training features.
        whitening: `(D, D)`, inverse of the Cholesky factor of their shrunk covariance.
    """

    mean: Tensor
    scale: Tensor
    points: Tensor
    whitening: Tensor

    @classmethod
    def of(cls, features: Tensor) -> GroupReference:
        """Fit to training features `(M, D)`, at least one."""
        features = features.double()
        mean = features.mean(dim=0)
        scale = features.std(dim=0, correction=0)
        # features that are constant up to rounding carry no distance
        scale = torch.where(scale > 1e-6 * mean.abs() + 1e-12, scale, torch.ones_like(scale))
        points = (features - mean) / scale
        factor = torch.linalg.cholesky(shrunk_covariance(points))
        identity = torch.eye(len(mean), dtype=factor.dtype, device=factor.device)
        whitening = torch.linalg.solve_triangular(factor, identity, upper=False)
        return cls(mean, scale, points, whitening)

    def distance(self, features: Tensor) -> Tensor:
        """`(N,)`, mean Euclidean distance to the `NEAREST` points, for `(N, D)` features."""
        own = self._standardised(features)
        count = min(NEAREST, len(self.points))
        near = [
            torch.cdist(part, self.points).topk(count, dim=1, largest=False).values.mean(dim=1)
            for part in own.split(QUERIES)
        ]
        return torch.cat(near) if near else own.new_empty(0)

    def mahalanobis(self, features: Tensor) -> Tensor:
        """`(N,)`, Mahalanobis distance to the Gaussian of the points, for `(N, D)` features."""
        return (self._standardised(features) @ self.whitening.T).norm(dim=1)

    def _standardised(self, features: Tensor) -> Tensor:
        return (features.double() - self.mean) / self.scale


def shrunk_covariance(points: Tensor) -> Tensor:
    """`(D, D)` covariance of centred points `(M, D)`, shrunk towards a multiple of the identity.

    Oracle approximating shrinkage (Chen et al. 2010, doi:10.1109/TSP.2010.2053029), as scikit-learn
    computes it. The identity if all points are equal.
    """
    samples, size = points.shape
    covariance = points.T @ points / samples
    mean = covariance.diagonal().mean()
    identity = torch.eye(size, dtype=points.dtype, device=points.device)
    if not mean > 0:
        return identity
    square = covariance.square().mean()
    numerator = square + mean.square()
    denominator = (samples + 1) * (square - mean.square() / size)
    shrinkage = 1.0 if denominator == 0 else float((numerator / denominator).clamp(max=1.0))
    return (1 - shrinkage) * covariance + shrinkage * mean * identity


@dataclass(frozen=True, eq=False)
class LatentReference:
    """Training features by group.

    Args:
        by_group: group → its training features.
    """

    by_group: dict[int, GroupReference]

    @classmethod
    def of(cls, features: Tensor, groups: Tensor) -> LatentReference:
        """Fit to training features.

        Args:
            features: `(N, P, D)`.
            groups: `(N, P)` of the parts, -1 for padding.
        """
        present = [int(group) for group in groups.unique() if group >= 0]
        return cls({one: GroupReference.of(features[groups == one]) for one in present})

    def distance(self, features: Tensor, groups: Tensor) -> Tensor:
        """`(B, P)`, mean distance of each part to the nearest training parts of its group.

        NaN for padding, and for a group without training parts.
        """
        return self._of_parts("distance", features, groups)

    def mahalanobis(self, features: Tensor, groups: Tensor) -> Tensor:
        """`(B, P)`, Mahalanobis distance of each part to the training parts of its group."""
        return self._of_parts("mahalanobis", features, groups)

    def _of_parts(self, name: str, features: Tensor, groups: Tensor) -> Tensor:
        shape, device = features.shape[:2], features.device
        found = torch.full(shape, torch.nan, dtype=torch.float64, device=device)
        for group, reference in self.by_group.items():
            own = groups == group
            found[own] = getattr(reference, name)(features[own])
        return found
