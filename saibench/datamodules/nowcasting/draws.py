"""Repeated predictions of an event by a stochastic net."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from saibench.options import check_fields


@dataclass(frozen=True)
class RepeatedDraws:
    """A test-time transform: every event is predicted `count` times (paper §6.5).

    Raises UserError: fewer than two draws.
    """

    count: Annotated[int, Field(ge=2)] = 100

    def __post_init__(self) -> None:
        check_fields(self, "RepeatedDraws")

    def hash(self) -> str:
        return f"draws{self.count}"

    def describe(self) -> str:
        return f"predicted {self.count} times each"
