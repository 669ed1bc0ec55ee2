"""The leak audit of a test partition, as a run's record stores it, with strict types."""

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

CONFIG = ConfigDict(strict=False)
"""A strict model accepts no JSON object for a dataclass."""
_Number = Annotated[
    StrictFloat, BeforeValidator(lambda value: math.nan if value is None else value)
]
"""A float; null in the record if it is not finite."""


@dataclass(frozen=True)
class Share:
    """A fraction of the test samples with its 95 % interval; NaN bounds with a single block."""

    __pydantic_config__ = CONFIG
    estimate: _Number
    low: _Number
    high: _Number
    count: StrictInt


@dataclass(frozen=True)
class Pair:
    """A test sample and its nearest training sample.

    distance: between their descriptors
    relative: the same over the distance of independent samples; None without a scale
    gap: between their times; None for samples without a time
    same: number of parts (such as frames) that are equal in both
    """

    __pydantic_config__ = CONFIG
    test: StrictInt
    training: StrictInt
    distance: _Number
    relative: StrictFloat | None
    gap: StrictFloat | None
    same: StrictInt


@dataclass(frozen=True)
class Effect:
    """The error of leaked test samples (`seen`) and of the others."""

    __pydantic_config__ = CONFIG
    statistic: StrictStr
    unit: StrictStr
    seen: Share
    others: Share
    difference: Share
    """Others minus leaked: the error that the leak hides."""


@dataclass(frozen=True)
class Audit:
    """The leaks from the training set into one test partition.

    partition, describe: the test partition
    test, training: number of test samples, and of samples trained or validated on
    training_hash, test_hash: of the partitions
    score: fraction of leaked test samples, by at least one of the three criteria below
    same: fraction that is in training, by id or by equal content
    interleaved: fraction with a training sample within one correlation time; None without time
    near: fraction with a near-duplicate: closer to a training sample than all but 1 % of the
        training samples are to independent ones; None without independent samples or descriptors
    part: what equal content is compared by
    correlation_time, unit, is_resolved: see `CorrelationTime`
    along: the column of times
    descriptor, describe_descriptor: what near-duplicates are compared by
    threshold: the distance below which a sample is a near-duplicate
    to_training, among_training: quantiles (`QUANTILES`) of the distance to the nearest training
        sample, of test samples and of training samples to independent ones
    ratio: mean of the first over that of the second
    pairs: the nearest pairs
    effect: the effect of the leak on the errors, if the evidence has them
    """

    __pydantic_config__ = CONFIG
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
        """Whether there is neither a distance nor a time to find near-duplicates by."""
        return bool(self.descriptor) and self.near is None and self.interleaved is None

    def to_json(self) -> dict[str, Any]:
        """The audit in builtins; a number that is not finite becomes None."""
        found = finite(dataclasses.asdict(self))
        assert isinstance(found, dict)
        return found

    @classmethod
    def from_json(cls, given: dict[str, Any]) -> Audit:
        """Read what `to_json` returned; further keys are ignored."""
        return TypeAdapter(cls).validate_python(given)
