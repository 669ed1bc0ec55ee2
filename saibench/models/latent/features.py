"""Features of a tested sample that come from the net itself: its latent distance to training."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from saibench.evidence.schema import BEFORE
from saibench.evidence.statistic import Axis, Statistic
from saibench.models.latent.reference import NEAREST, LatentReference
from saibench.models.latent.space import LatentSpace

DISTANCE, MAHALANOBIS = "latent_distance", "latent_mahalanobis"


@dataclass(frozen=True, eq=False)
class LatentFeatures:
    """Distances of a model's samples to its training samples in its latent space.

    With parts (atoms), the value of a sample is the mean over its parts, `<name>_max` the largest;
    tables by part and by group have the others.

    Args:
        space: of the model.
        reference: the training samples.
    """

    space: LatentSpace
    reference: LatentReference

    @classmethod
    def of(cls, space: LatentSpace, training: Tensor) -> LatentFeatures:
        """Fit to the training features `(N, P, D)`."""
        return cls(space, LatentReference.of(training, space.groups))

    def statistics(self) -> list[Statistic]:
        """The columns of `values`."""
        return latent_statistics(self.space)

    def values(self, features: Tensor) -> dict[str, Tensor]:
        """By `Statistic.key`: `(B,)`, `(B, P)` by part, `(B, G)` by group, for `(B, P, D)`."""
        found: dict[str, Tensor] = {}
        by_part = {
            DISTANCE: self.reference.distance(features),
            MAHALANOBIS: self.reference.mahalanobis(features),
        }
        for name, values in by_part.items():
            found[name] = values.mean(dim=1)
            if self.space.groups is None:
                continue
            found[f"{name}_max"] = values.amax(dim=1)
            if self.space.part_axis is not None:
                found[f"{self.space.part_axis.name}/{name}"] = values
            if self.space.group_axis is not None:
                means = _by_group(values, self.space.groups, len(self.space.group_axis.labels))
                found[f"{self.space.group_axis.name}/{name}"] = means
        return found


def _by_group(values: Tensor, groups: Tensor, count: int) -> Tensor:
    """`(B, count)`, means of `(B, P)` over the parts of each group; NaN without parts."""
    groups = groups.to(values.device)
    sums = values.new_zeros(len(values), count).index_add_(1, groups, values)
    return sums / torch.bincount(groups, minlength=count)


def latent_statistics(space: LatentSpace) -> list[Statistic]:
    """Columns of the latent features; no unit, since latent features are standardised."""
    part = space.part_axis.name if space.part_axis is not None else "sample"
    same = f" of the same {space.group_axis.name}" if space.group_axis is not None else ""
    found = []
    for name, title, what in (
        (
            DISTANCE,
            "latent distance to training",
            f"mean distance to the {NEAREST} nearest training {part}s{same}",
        ),
        (
            MAHALANOBIS,
            "latent Mahalanobis distance to training",
            f"Mahalanobis distance to the training {part}s{same}",
        ),
    ):
        describe = f"{what}, by standardised latent features ({space.describe})"
        found.append(_before(name, title, part, describe))
        if space.groups is None:
            continue
        largest = f"{describe}, largest over the {part}s"
        found.append(_before(f"{name}_max", f"largest {title}", "", largest))
        for axis in (space.part_axis, space.group_axis):
            if axis is not None:
                found.append(_before(name, title, part, describe, axis))
    return found


def _before(name: str, title: str, per: str, describe: str, axis: Axis | None = None) -> Statistic:
    """A statistic that needs no truth."""
    return Statistic(name, "", per, describe, axis, known=BEFORE, title=title)
