"""Looking at an event many times: a stochastic net's predictions differ."""

from __future__ import annotations

from dataclasses import dataclass

from saibench.errors import UserError


@dataclass(frozen=True)
class RepeatedDraws:
    """A test-time transform: every event is predicted `count` times (paper §6.5).

    Raises UserError: fewer than two draws.
    """

    count: int = 100

    def __post_init__(self) -> None:
        if self.count < 2:
            raise UserError(f"RepeatedDraws count={self.count} is not at least 2; 100 would work.")

    def hash(self) -> str:
        return f"draws{self.count}"

    def describe(self) -> str:
        return f"predicted {self.count} times each"
