"""How far a running training or test is: `progress.json` in its folder while it runs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import TypeAdapter, ValidationError

from saibench.files.bounded_json import load_json

FILE = "progress.json"


@dataclass(frozen=True)
class Progress:
    """How far a run is.

    Args:
        phase: what it does.
        steps: trained in all sessions.
        session_steps: trained since this session began.
        session_seconds: of training in this session, validation included.
        seconds: of training in all sessions, which `trainer.max_time` limits.
        written: seconds since 1970.
    """

    phase: Literal["trains", "is tested"]
    steps: int
    session_steps: int
    session_seconds: float
    seconds: float
    written: float


_PROGRESS = TypeAdapter(Progress)


def read_progress(folder: Path) -> Progress | None:
    """The progress that was last written in a run's folder; None if there is none to read."""
    try:
        return _PROGRESS.validate_python(load_json(folder / FILE))
    except (OSError, ValueError, ValidationError):
        return None
