"""Features of a tested sample that come from the net itself: its latent distance to training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import pad

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
        features, groups = _joined(training)
        last = [batch.last for batch in training if batch.last is not None]
        return cls(
            space,
            LatentReference.of(features, groups),
            Rigidity.of(torch.cat(last)) if last else None,
        )

    def statistics(self) -> list[Statistic]:
        """The columns of `values`."""
        return latent_statistics(self.space)

    def values(self, captured: Captured) -> dict[str, Tensor]:
        """By `Statistic.key`: `(B,)`, `(B, P)` by part, `(B, G)` by group, for B samples."""
        found: dict[str, Tensor] = {}
        features, groups = captured.features, captured.groups
        if self.rigidity is not None and captured.last is not None:
            found[RIGIDITY] = self.rigidity.std(captured.last)
        by_part = {
            DISTANCE: self.reference.distance(features, groups),
            MAHALANOBIS: self.reference.mahalanobis(features, groups),
        }
        for name, values in by_part.items():
            found[name] = _mean(values, groups)
            if not self.space.has_parts:
                continue
            found[f"{name}_max"] = values.masked_fill(groups < 0, -torch.inf).amax(dim=1)
            if self.space.part_axis is not None:
                found[f"{self.space.part_axis.name}/{name}"] = values
            if self.space.group_axis is not None:
                key = f"{self.space.group_axis.name}/{name}"
                found[key] = _by_group(values, groups, len(self.space.group_axis.labels))
                if self.space.varies:
                    found[f"{key}.defined"] = ~found[key].isnan()
        return found


def _joined(batches: Sequence[Captured]) -> tuple[Tensor, Tensor]:
    """Features `(N, P, D)` and groups `(N, P)` of batches, padded to the most parts."""
    parts = max(batch.groups.shape[1] for batch in batches)
    more = [parts - batch.groups.shape[1] for batch in batches]
    features = [pad(one.features, (0, 0, 0, few)) for one, few in zip(batches, more, strict=True)]
    groups = [pad(one.groups, (0, few), value=-1) for one, few in zip(batches, more, strict=True)]
    return torch.cat(features), torch.cat(groups)


def _mean(values: Tensor, groups: Tensor) -> Tensor:
    """`(B,)` means of `(B, P)` over the parts."""
    is_part = groups >= 0
    if bool(is_part.all()):
        return values.mean(dim=1)
    return values.masked_fill(~is_part, 0).sum(dim=1) / is_part.sum(dim=1)


def _by_group(values: Tensor, groups: Tensor, count: int) -> Tensor:
    """`(B, count)`, means of `(B, P)` over the parts of each group; NaN without parts."""
    is_part = groups >= 0
    members = groups.clamp(min=0)
    sums = values.new_zeros(len(values), count)
    sums.scatter_add_(1, members, values.masked_fill(~is_part, 0))
    counts = values.new_zeros(len(values), count)
    return sums / counts.scatter_add_(1, members, is_part.to(values))


def latent_statistics(space: LatentSpace) -> list[Statistic]:
    """Columns of the latent features; no unit, since latent features are standardised."""
    part = space.part_axis.name if space.part_axis is not None else space.part_name
    same = f" of the same {space.group_axis.name}" if space.group_axis is not None else ""
    found = []
    for name, what in (
        (DISTANCE, f"mean distance to the {NEAREST} nearest training {part}s{same}"),
        (MAHALANOBIS, f"Mahalanobis distance to the training {part}s{same}"),
    ):
        describe = f"{what}, by standardised latent features ({space.describe})"
        found.append(_before(name, part, describe))
        if not space.has_parts:
            continue
        found.append(_before(f"{name}_max", "", f"{describe}, largest over the {part}s"))
        for axis in (space.part_axis, space.group_axis):
            if axis is not None:
                partial = space.varies  # a sample may have no part of a group
                found.append(_before(name, part, describe, axis, partial=partial))
    if space.last is not None:
        describe = (
            "relative standard deviation of the prediction by last-layer prediction rigidity (Bigi "
            "et al. 2024)"
        )
        found.append(_before(RIGIDITY, "", describe))
    return found


def _before(
    name: str, per: str, describe: str, axis: Axis | None = None, partial: bool = False
) -> Statistic:
    """A statistic that needs no truth."""
    title = TITLES[name]
    return Statistic(name, "", per, describe, axis, partial=partial, known=BEFORE, title=title)
