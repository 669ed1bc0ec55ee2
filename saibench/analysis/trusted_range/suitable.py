"""Checks whether a trusted range applies to a model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from saibench.analysis.trusted_range.records import Quantity, Source
from saibench.analysis.trusted_range.trusted_range import TrustedRange
from saibench.errors import UserError
from saibench.identity import TRAINED


@dataclass(frozen=True)
class Model:
    """A trained run that a range is applied to.

    Args:
        workload: its name.
        system: what it models, such as a substance; empty if unknown.
        data: hash of its training and test data.
        run: its hash; that of its training if it tests other data.
    """

    workload: str
    system: str
    data: str
    run: str

    @classmethod
    def of(cls, record: Mapping[str, Any], system: str) -> Model:
        """The model of a run's record."""
        data = str((record.get("data") or {}).get("hash") or "")
        trained = record.get(TRAINED) or {}
        run = str(trained.get("run") or record.get("point") or "")
        return cls(str(record.get("workload") or ""), system, data, run)


def refuse_other_system(trusted: TrustedRange, model: Model) -> None:
    """Refuse a range of another workload or system.

    Raises:
        UserError: the range was fitted to such a model.
    """
    source = trusted.source
    for what, own, other in (
        ("workload", source.workload, model.workload),
        ("system", source.system, model.system),
    ):
        if own and other and own != other:
            raise UserError(
                f"the trusted range has the {what} {own}, and this model has {other}. "
                f"Use a range that `trust --save` wrote for {other}."
            )


def mismatch_warnings(trusted: TrustedRange, model: Model) -> list[str]:
    """Reasons why the range may not hold for this model, in sentences."""
    source = trusted.source
    if not source.points:
        return [
            "The trusted range does not record its model, so it cannot be compared with this one."
        ]
    found = []
    if model.run not in source.points:
        found.append(
            f"The trusted range was fitted to {_runs(source)}, not to {model.run}: it holds for "
            "this model only if both have similar errors."
        )
    if source.data != model.data and model.data and source.data:
        note = ""
        if source.system and source.system == model.system:
            note = f" Both have the system {source.system}."
        elif model.system and not source.system:
            note = f" Its system is not recorded and may not be {model.system}."
        found.append(f"The trusted range was fitted to other data.{note}")
    return found


def refuse_other_units(trusted: TrustedRange, known: Mapping[str, Quantity]) -> None:
    """Refuse a range whose statistic or features have other units than the evidence.

    Args:
        known: the evidence's statistic and features, by name.

    Raises:
        UserError: a unit differs.
    """
    for quantity in (trusted.statistic, *trusted.features):
        own = known.get(quantity.name)
        if own is not None and quantity.unit and own.unit and own.unit != quantity.unit:
            raise UserError(
                f"the trusted range has {quantity.name} in {quantity.unit}, and the evidence in "
                f"{own.unit}. Use a range that `trust --save` wrote from this evidence."
            )


def _runs(source: Source) -> str:
    if len(source.points) == 1:
        return f"run {source.points[0]}"
    return f"{len(source.points)} runs of {source.study}"
