"""Partitions: named sets of samples for training, validation and test."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import polars

from saibench.datamodules.samplers import Chain, Sampler, Subset
from saibench.datamodules.samplers.features import by_sample_id, sample_ids
from saibench.errors import InsufficientData, UserError
from saibench.identity import digest_of_ids

MIN_VALIDATION = 50


class Transform(Protocol):
    """A change made to the samples of a partition at test time."""

    def hash(self) -> str:
        """Digits that change whenever the transform changes a result."""

    def describe(self) -> str:
        """One English clause: `rotated by 45° about the beam axis`."""


@dataclass(frozen=True, eq=False)
class Partition:
    """A named set of samples, ascending by sample_id for any order of the index.

    rows: positions in the index, int64 of shape (count,), read-only
    sample_ids: ids of those rows, int64 of shape (count,), ascending, read-only
    describe: one English clause that defines the samples
    transform: change made to each sample at test time, if any
    """

    name: str
    rows: np.ndarray
    sample_ids: np.ndarray
    describe: str
    transform: Transform | None = None

    @classmethod
    def of(
        cls,
        name: str,
        index: polars.DataFrame,
        rows: np.ndarray,
        describe: str,
        transform: Transform | None = None,
    ) -> Partition:
        """The partition of `rows` of `index`; ValueError if an id is repeated."""
        rows = by_sample_id(index, rows)
        ids = sample_ids(index)[rows]
        if (ids[1:] == ids[:-1]).any():
            raise ValueError(f"partition '{name}' has repeated sample_ids")
        rows.setflags(write=False)
        ids.setflags(write=False)
        return cls(name, rows, ids, describe, transform)

    @property
    def count(self) -> int:
        return self.rows.size

    @property
    def hash(self) -> str:
        """12 hexadecimal digits of SHA-256 over the ids and the transform; the name is excluded."""
        transform = "" if self.transform is None else self.transform.hash()
        return digest_of_ids(self.sample_ids, transform)


def test_partition(
    name: str,
    index: polars.DataFrame,
    samplers: Sequence[Sampler],
    transform: Transform | None = None,
) -> Partition:
    """The samples selected by `samplers`, applied in sequence; all samples if there are none.

    Raises UserError for an empty partition, naming the sampler that selects nothing.
    """
    chain = Chain(tuple(samplers) or (Subset(),))
    clause = chain.describe() + (f", {transform.describe()}" if transform is not None else "")
    return Partition.of(name, index, _selected(name, index, chain), clause, transform)


def training_split(
    index: polars.DataFrame,
    sampler: Sampler,
    subset: Subset,
    held_out: Sequence[Partition] = (),
    validation: Sampler | None = None,
) -> tuple[Partition, Partition]:
    """The partitions `train` and `validation`, both drawn from the candidates of `sampler`.

    The training samples are the first candidates in the order of `subset`, the validation samples
    the last `validation_count`. With one seed a training set is therefore a subset of every larger
    one, and disjoint from the validation sets of all of them. If the data have a separate
    validation part, `validation` selects its candidates instead, and the training set is unchanged.
    A `subset.fraction` is relative to `largest_training_count`.

    Raises:
        InsufficientData: too few candidates for training and validation together.
        UserError: nothing is selected, a candidate is in a partition of `held_out`, or no sample
            remains for validation.
    """
    candidates = _selected("train", index, sampler)
    _check_held_out(sample_ids(index)[candidates], sampler, held_out)
    count = _training_count(candidates.size, sampler, subset)
    in_order = candidates[subset.order(index[candidates])]
    validating = validation_count(count)
    origin = f"of {candidates.size} candidates ({sampler.describe()})"
    drawn = f"drawn with seed {subset.seed}"
    if subset.stratify is not None:
        drawn += f", stratified by {subset.stratify}"
    train = Partition.of("train", index, in_order[:count], f"{count} {origin} {drawn}")
    if validation is None:
        last = in_order[-validating:]
        return train, Partition.of("validation", index, last, f"{validating} others {origin}")
    excluded = np.concatenate([train.rows, *(partition.rows for partition in held_out)])
    others = np.setdiff1d(_selected("validation", index, validation), excluded)
    if not others.size:
        raise UserError(
            f"all validation candidates ({validation.describe()}) are in the training or held-out "
            "partition. Use data.validation=null to validate on further training candidates."
        )
    chosen = others[subset.order(index[others])][-validating:]
    origin = f"of {others.size} candidates ({validation.describe()})"
    return train, Partition.of("validation", index, chosen, f"{chosen.size} {origin} {drawn}")


def untrained_split(index: polars.DataFrame) -> tuple[Partition, Partition]:
    """Empty partitions `train` and `validation`, for a model that is not trained."""
    none = np.array([], dtype=np.int64)
    train = Partition.of("train", index, none, "no samples: the model is not trained")
    return train, Partition.of("validation", index, none.copy(), train.describe)


def validation_count(count: int) -> int:
    """Validation samples for `count` training samples: 5 %, rounded up, at least 50."""
    return max(MIN_VALIDATION, -(-count // 20))


def largest_training_count(candidates: int) -> int:
    """The largest count with count + validation_count(count) <= candidates; 0 if there is none.

    For integers, count + ceil(count/20) <= candidates is equivalent to 21*count <= 20*candidates.
    """
    return max(0, min(candidates - MIN_VALIDATION, 20 * candidates // 21))


def _training_count(candidates: int, sampler: Sampler, subset: Subset) -> int:
    largest = largest_training_count(candidates)
    if not largest:
        raise InsufficientData(
            f"training candidates ({sampler.describe()}): {candidates} samples are too few for "
            f"training and {MIN_VALIDATION} validation samples. Use at least {MIN_VALIDATION + 1}."
        )
    if subset.count is not None and subset.count > largest:
        raise InsufficientData(
            f"subset.count={subset.count} and {validation_count(subset.count)} validation samples "
            f"are more than the {candidates} candidates ({sampler.describe()}). Use "
            f"subset.count <= {largest}, with {validation_count(largest)} validation samples.",
            largest=largest,
        )
    return subset.size_within(largest)


def _check_held_out(
    candidate_ids: np.ndarray, sampler: Sampler, held_out: Sequence[Partition]
) -> None:
    for partition in held_out:
        shared = np.isin(candidate_ids, partition.sample_ids).sum()
        if shared:
            raise UserError(
                f"training candidates ({sampler.describe()}) include {shared} of the "
                f"{partition.count} samples of the held-out partition '{partition.name}' "
                f"({partition.describe}). Use training samplers outside it."
            )


def _selected(name: str, index: polars.DataFrame, sampler: Sampler) -> np.ndarray:
    rows = sampler.select(index)
    if rows.size:
        return rows
    left = index
    for step in sampler.samplers if isinstance(sampler, Chain) else (sampler,):
        kept = left[step.select(left)]
        if not kept.height:
            break
        left = kept
    raise UserError(
        f"partition '{name}' is empty: '{step.describe()}' selects none of {left.height} samples. "
        "Use a wider selection."
    )
