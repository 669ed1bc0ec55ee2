"""Whether a trusted range may be asked of a model: its own, another, or none of its kind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from saibench.analysis.trusted_range.records import Quantity, Source
from saibench.analysis.trusted_range.trusted_range import TrustedRange
from saibench.errors import UserError


@dataclass(frozen=True)
class Model:
    """A trained run that a range is asked of.

    Args:
        workload: its name.
        system: what it is a model of, such as a substance; empty if it names none.
        data: hash of the data that it was trained and tested on.
        run: its hash.
    """

    workload: str
    system: str
    data: str
    run: str

    @classmethod
    def of(cls, record: Mapping[str, Any], system: str) -> Model:
        """The model of a run's record."""
        data = str((record.get("data") or {}).get("hash") or "")
        return cls(str(record.get("workload") or ""), system, data, str(record.get("point") or ""))


def refuse_other_system(trusted: TrustedRange, model: Model) -> None:
    """Refuse a range of another task or system.

    Raises:
        UserError: the range was fitted to a model of something else.
    """
    source = trusted.source
    for what, own, other in (
        ("workload", source.workload, model.workload),
        ("system", source.system, model.system),
    ):
        if own and other and own != other:
            raise UserError(
                f"the trusted range is of the {what} {own}, and this model is of {other}. "
                f"Use a range that `trust --save` wrote for {other}."
            )


def mismatch_warnings(trusted: TrustedRange, model: Model) -> list[str]:
    """Why a range that is not refused may not hold for this model, in sentences."""
    source = trusted.source
    if not source.points:
        return ["The trusted range does not say which model it is of; it cannot be checked."]
    found = []
    if model.run not in source.points:
        found.append(
            f"The trusted range was fitted to {_runs(source)}, not to {model.run}: it holds for "
            "this model only as far as both err alike."
        )
    if source.data != model.data and model.data and source.data:
        same = f" Both are of {source.system}." if source.system == model.system != "" else ""
        unknown = "" if source.system or not model.system else (
            f" It does not say of which system, so that it may not be {model.system}."
        )  # fmt: skip
        found.append(f"The trusted range was fitted to other data.{same}{unknown}")
    return found


def refuse_other_units(trusted: TrustedRange, known: Mapping[str, Quantity]) -> None:
    """Refuse a range whose statistic or features have another unit than the evidence.

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
