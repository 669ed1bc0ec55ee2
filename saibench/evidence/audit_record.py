"""What an audit of a test partition found, as a point's record holds it.

Types are strict: no text stands for a number or number for a text.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import (
    BeforeValidator,
    ConfigDict,
    StrictBool,
    StrictFloat,
    StrictInt,
    StrictStr,
    TypeAdapter,
)

from saibench.files.bounded_json import finite

OWN = ConfigDict(strict=False)
"""Within a record, whose strictness would refuse the JSON object of a dataclass."""
_Number = Annotated[
    StrictFloat, BeforeValidator(lambda value: math.nan if value is None else value)
]
"""Null in a record where it is not finite."""


@dataclass(frozen=True)
class Share:
    """A share of the test samples with its interval; NaN bounds if they are one block."""

    __pydantic_config__ = OWN
    estimate: _Number
    low: _Number
    high: _Number
    count: StrictInt


@dataclass(frozen=True)
class Pair:
    """A test sample and the training sample that it resembles most.

    distance: of their descriptors; over the distance of independent samples in `relative`
    gap: of their times, None where samples have none; `relative` None where nothing sets a scale
    same: how many parts (frames, jets) are equal in both
    """

    __pydantic_config__ = OWN
    test: StrictInt
    training: StrictInt
    distance: _Number
    relative: StrictFloat | None
    gap: StrictFloat | None
    same: StrictInt


@dataclass(frozen=True)
class Effect:
    """The error of test samples that training has seen the like of, and of the others."""

    __pydantic_config__ = OWN
    statistic: StrictStr
    unit: StrictStr
    seen: Share
    others: Share
    difference: Share
    """Others less seen: what the leak hides."""


@dataclass(frozen=True)
class Audit:
    """What training has seen of one test partition.

    partition, describe: the test partition
    test, training: samples of the test, and those that training saw (trained and validated on)
    training_hash, test_hash: of the partitions
    score: share of the test samples that training has seen the like of: in at least one of the
        three ways below
    same: share that is in training, by id or by equal content
    interleaved: share with a training sample within one correlation time; None without time
    near: share closer to a training sample than all but 1 % of the training samples are to
        independent ones; None where none are independent, or there are no descriptors
    part: what equal content is equal in
    correlation_time, unit, is_resolved: see `CorrelationTime`
    along: the column that it is counted in
    descriptor, describe_descriptor: what is compared
    threshold: the distance below which a sample is near
    to_training, among_training: distances to the nearest training sample, of the test and of
        training samples to independent ones, at the quantiles of `QUANTILES`
    ratio: mean of the first over that of the second
    pairs: the nearest of all
    effect: what the leak does to the errors, where the evidence tells
    """

    __pydantic_config__ = OWN
    partition: StrictStr
    describe: StrictStr
    test: StrictInt
    training: StrictInt
    training_hash: StrictStr
    test_hash: StrictStr
    score: Share
    same: Share
    interleaved: Share | None
    near: Share | None
    part: StrictStr
    correlation_time: StrictFloat | None
    unit: StrictStr
    is_resolved: StrictBool
    along: StrictStr | None
    descriptor: StrictStr
    describe_descriptor: StrictStr
    threshold: StrictFloat | None
    to_training: list[StrictFloat]
    among_training: list[StrictFloat]
    ratio: Share | None
    pairs: list[Pair]
    effect: Effect | None = None

    @property
    def near_unknown(self) -> bool:
        """Whether near-duplicates cannot be told, and no time tells how near samples lie."""
        return bool(self.descriptor) and self.near is None and self.interleaved is None

    def to_json(self) -> dict[str, Any]:
        """Builtins; a number that is not finite is null."""
        found = finite(dataclasses.asdict(self))
        assert isinstance(found, dict)
        return found

    @classmethod
    def from_json(cls, given: dict[str, Any]) -> Audit:
        """What `to_json` gave; further keys are ignored."""
        return TypeAdapter(cls).validate_python(given)
