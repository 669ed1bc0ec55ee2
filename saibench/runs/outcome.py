"""How a point ended."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Outcome:
    """How a point ended.

    Args:
        folder: of the run.
        state: as in its record, or `BUSY` of `saibench.runs.execute`.
        cause: why it failed, in one sentence.
        is_users: whether it is a mistake of the user.
    """

    folder: Path
    state: str
    cause: str | None = None
    is_users: bool = False
