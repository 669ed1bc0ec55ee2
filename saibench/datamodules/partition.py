"""Partitions: the named sets of samples that a model is trained, validated and tested on."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import polars

from saibench.datamodules.samplers import Chain, Sampler, Subset
from saibench.datamodules.samplers.features import sample_ids
from saibench.errors import InsufficientData, UserError

MIN_VALIDATION = 50


class Transform(Protocol):
    """What a partition needs to know of the change made to its samples at test time."""

    def hash(self) -> str:
        """Digits that change whenever the transform changes a result."""

    def describe(self) -> str:
        """One English clause: `rotated by 45° about the beam axis`."""


@dataclass(frozen=True, eq=False)
class Partition:
    """A named set of samples, ascending by sample_id whatever the order of the index.

    rows: positions in the index, int64 of shape (count,), read-only
    sample_ids: the ids of those rows, int64 of shape (count,), ascending, read-only
    describe: one English clause that says which samples these are
    transform: the change made to each sample at test time, if any
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
        """The partition of `rows` of `index`; ValueError if two of them have one id."""
        order = np.argsort(sample_ids(index)[rows], kind="stable")
        rows = rows[order]
        ids = sample_ids(index)[rows]
        if (ids[1:] == ids[:-1]).any():
            raise ValueError(f"samples of partition '{name}' share ids; an id is one sample")
        rows.setflags(write=False)
        ids.setflags(write=False)
        return cls(name, rows, ids, describe, transform)

    @property
    def count(self) -> int:
        return self.rows.size

    @property
    def hash(self) -> str:
        """12 hexadecimal digits of SHA-256 over the ids and the transform, not over the name."""
        digest = hashlib.sha256(self.sample_ids.astype("<i8").tobytes())
        if self.transform is not None:
            digest.update(self.transform.hash().encode())
        return digest.hexdigest()[:12]


def test_partition(
    name: str,
    index: polars.DataFrame,
    samplers: Sequence[Sampler],
    transform: Transform | None = None,
) -> Partition:
    """The samples that `samplers`, one after another, select; all of them if there is none.

    Raises UserError when nothing is left, naming the sampler that left nothing.
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
    """The partitions `train` and `validation`, both drawn from the samples that `sampler` selects.

    The training samples are the first candidates in the order of `subset`, the validation samples
    the last, `validation_count` of them. So with one seed a training set is part of every larger
    one, and never shares a sample with the validation set of any of them. Where the data have a
    part of their own for it, `validation` selects the candidates of the validation samples instead;
    how many are trained on stays as it is without.
    A `subset.fraction` is one of `largest_training_count`.

    Raises
    ------
    InsufficientData
        if there are too few candidates for training and validation samples together
    UserError
        if nothing is selected, a candidate belongs to a partition of `held_out`, or none is left
        for validation
    """
    candidates = _selected("train", index, sampler)
    _check_held_out(sample_ids(index)[candidates], sampler, held_out)
    count = _training_count(candidates.size, sampler, subset)
    in_order = candidates[subset.order(index[candidates])]
    validating = validation_count(count)
    origin = f"of {candidates.size} candidates ({sampler.describe()})"
    drawn = f"drawn with seed {subset.seed}"
    if subset.stratify is not None:
        drawn += f", values of {subset.stratify} in their shares"
    train = Partition.of("train", index, in_order[:count], f"{count} {origin} {drawn}")
    if validation is None:
        last = in_order[-validating:]
        return train, Partition.of("validation", index, last, f"{validating} others {origin}")
    taken = np.concatenate([train.rows, *(partition.rows for partition in held_out)])
    others = np.setdiff1d(_selected("validation", index, validation), taken)
    if not others.size:
        raise UserError(
            f"all samples for validation ({validation.describe()}) are trained on or held out. Use "
            "data.validation=null, which takes further training samples."
        )
    chosen = others[subset.order(index[others])][-validating:]
    origin = f"of {others.size} candidates ({validation.describe()})"
    return train, Partition.of("validation", index, chosen, f"{chosen.size} {origin} {drawn}")


def untrained_split(index: polars.DataFrame) -> tuple[Partition, Partition]:
    """The partitions `train` and `validation` of a model that is not trained: both empty."""
    none = np.array([], dtype=np.int64)
    train = Partition.of("train", index, none, "no samples: nothing was trained here")
    return train, Partition.of("validation", index, none.copy(), train.describe)


def validation_count(count: int) -> int:
    """Validation samples beside `count` training samples: 5 % of them, rounded up, at least 50."""
    return max(MIN_VALIDATION, -(-count // 20))


def largest_training_count(candidates: int) -> int:
    """The largest count with count + validation_count(count) <= candidates; 0 if there is none.

    For whole numbers count + ceil(count/20) <= candidates is the same as 21*count <= 20*candidates.
    """
    return max(0, min(candidates - MIN_VALIDATION, 20 * candidates // 21))


def _training_count(candidates: int, sampler: Sampler, subset: Subset) -> int:
    largest = largest_training_count(candidates)
    if not largest:
        raise InsufficientData(
            f"{sampler.describe()}: these are {candidates} samples, too few for training beside "
            f"{MIN_VALIDATION} for validation; at least {MIN_VALIDATION + 1} would work."
        )
    if subset.count is not None and subset.count > largest:
        raise InsufficientData(
            f"subset.count={subset.count} and {validation_count(subset.count)} validation samples "
            f"do not fit: {sampler.describe()} are {candidates}, of which at most {largest} + "
            f"{validation_count(largest)} validation samples would work.",
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
                f"training on {sampler.describe()} takes {shared} of {partition.count} samples of "
                f"the held-out partition '{partition.name}' ({partition.describe}); "
                "training samples outside it would work."
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
        f"partition '{name}' is empty: of {left.height} samples, '{step.describe()}' leaves none; "
        "a wider choice would work."
    )
