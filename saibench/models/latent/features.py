"""Features of a tested sample that come from the net itself: its latent distance to training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from saibench.evidence.known import TITLES
from saibench.evidence.schema import BEFORE
from saibench.evidence.statistic import Axis, Statistic
from saibench.models.latent.reference import NEAREST, LatentReference
from saibench.models.latent.rigidity import Rigidity
from saibench.models.latent.space import Captured, LatentSpace

DISTANCE, MAHALANOBIS, RIGIDITY = "latent_distance", "latent_mahalanobis", "llpr_std"


@dataclass(frozen=True, eq=False)
class LatentFeatures:
    """Distances of a model's samples to its training samples in its latent space.

    With parts (atoms), the value of a sample is the mean over its parts, `<name>_max` the largest;
    tables by part and by group have the others.

    Args:
        space: of the model.
        reference: the training samples.
        rigidity: of the last layer; None without one.
    """

    space: LatentSpace
    reference: LatentReference
    rigidity: Rigidity | None = None

    @classmethod
    def of(cls, space: LatentSpace, training: Sequence[Captured]) -> LatentFeatures:
        """Fit to the features of batches of training samples, at least one."""
        features = torch.cat([batch.features for batch in training])
        last = [batch.last for batch in training if batch.last is not None]
        return cls(
            space,
            LatentReference.of(features, space.groups),
            Rigidity.of(torch.cat(last)) if last else None,
        )

    def statistics(self) -> list[Statistic]:
        """The columns of `values`."""
        return latent_statistics(self.space)

    def values(self, captured: Captured) -> dict[str, Tensor]:
        """By `Statistic.key`: `(B,)`, `(B, P)` by part, `(B, G)` by group, for B samples."""
        found: dict[str, Tensor] = {}
        features = captured.features
        if self.rigidity is not None and captured.last is not None:
            found[RIGIDITY] = self.rigidity.std(captured.last)
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
    for name, what in (
        (DISTANCE, f"mean distance to the {NEAREST} nearest training {part}s{same}"),
        (MAHALANOBIS, f"Mahalanobis distance to the training {part}s{same}"),
    ):
        describe = f"{what}, by standardised latent features ({space.describe})"
        found.append(_before(name, part, describe))
        if space.groups is None:
            continue
        found.append(_before(f"{name}_max", "", f"{describe}, largest over the {part}s"))
        for axis in (space.part_axis, space.group_axis):
            if axis is not None:
                found.append(_before(name, part, describe, axis))
    if space.last is not None:
        describe = (
            "relative standard deviation of the prediction by last-layer prediction rigidity (Bigi "
            "et al. 2024)"
        )
        found.append(_before(RIGIDITY, "", describe))
    return found


def _before(name: str, per: str, describe: str, axis: Axis | None = None) -> Statistic:
    """A statistic that needs no truth."""
    return Statistic(name, "", per, describe, axis, known=BEFORE, title=TITLES[name])
