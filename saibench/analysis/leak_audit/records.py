"""What an audit found, in builtins that a point's record can hold."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from saibench.analysis.bootstrap import Floats, Interval


@dataclass(frozen=True)
class Share:
    """A share of the test samples with its interval; NaN bounds if they are one block."""

    estimate: float
    low: float
    high: float
    count: int

    @classmethod
    def of(cls, interval: Interval) -> Share:
        return cls(interval.estimate, interval.low, interval.high, interval.count)


@dataclass(frozen=True)
class Pair:
    """A test sample and the training sample that it resembles most.

    distance: of their descriptors; over the distance of independent samples in `relative`
    gap: of their times, None where samples have none; `relative` None where nothing sets a scale
    same: how many parts of samples are equal in both
    """

    test: int
    training: int
    distance: float
    relative: float | None
    gap: float | None
    same: int


@dataclass(frozen=True)
class Effect:
    """The error of test samples that training has seen the like of, and of the others."""

    statistic: str
    unit: str
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

    partition: str
    describe: str
    test: int
    training: int
    training_hash: str
    test_hash: str
    score: Share
    same: Share
    interleaved: Share | None
    near: Share | None
    part: str
    correlation_time: float | None
    unit: str
    is_resolved: bool
    along: str | None
    descriptor: str
    describe_descriptor: str
    threshold: float | None
    to_training: tuple[float, ...]
    among_training: tuple[float, ...]
    ratio: Share | None
    pairs: tuple[Pair, ...]
    effect: Effect | None = None

    @property
    def near_untold(self) -> bool:
        """Whether near-duplicates cannot be told, and no time tells how near samples lie."""
        return bool(self.descriptor) and self.near is None and self.interleaved is None

    def to_json(self) -> dict[str, Any]:
        """Builtins; a number that is not finite is null."""
        found = _finite(dataclasses.asdict(self))
        assert isinstance(found, dict)
        return found

    @classmethod
    def from_json(cls, given: dict[str, Any]) -> Audit:
        """What `to_json` gave, in a record whose shape was checked; further keys are ignored."""
        effect = given.get("effect")
        return cls(
            **{
                **_known(cls, given),
                **{
                    name: None if given[name] is None else _share(given[name])
                    for name in ("score", "same", "interleaved", "near", "ratio")
                },
                "pairs": tuple(Pair(**_known(Pair, pair)) for pair in given["pairs"]),
                "to_training": tuple(given["to_training"]),
                "among_training": tuple(given["among_training"]),
                "effect": None
                if effect is None
                else Effect(
                    effect["statistic"],
                    effect["unit"],
                    *(_share(effect[name]) for name in ("seen", "others", "difference")),
                ),
            }
        )


QUANTILES: Floats = np.linspace(0, 1, 101)


def quantiles(values: Floats) -> tuple[float, ...]:
    """At `QUANTILES`, of the finite values; nothing if there are none."""
    finite = values[np.isfinite(values)]
    return tuple(np.quantile(finite, QUANTILES).tolist()) if finite.size else ()


def _known(record: Any, given: dict[str, Any]) -> dict[str, Any]:
    """The entries that are fields of a dataclass."""
    names = {field.name for field in dataclasses.fields(record)}
    return {name: value for name, value in given.items() if name in names}


def _share(given: dict[str, Any]) -> Share:
    estimate, low, high = (
        math.nan if given[name] is None else given[name] for name in ("estimate", "low", "high")
    )
    return Share(estimate, low, high, given["count"])


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _finite(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
