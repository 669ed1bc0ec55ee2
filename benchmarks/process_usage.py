"""Time and memory of a process of Python."""

from __future__ import annotations

import math
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class ProcessUsage:
    """What a process used.

    Args:
        seconds: wall time.
        cpu_seconds: CPU time, also of the processes that it has waited for.
        peak_bytes: peak memory.
    """

    seconds: float
    cpu_seconds: float
    peak_bytes: int


def run_python(arguments: Sequence[str], limit: float = math.inf) -> ProcessUsage | None:
    """Run Python in a process; None if it fails, or takes longer than the limit in seconds."""
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, *arguments], cwd=REPOSITORY, stdout=subprocess.DEVNULL
    )
    while True:
        pid, status, used = os.wait4(process.pid, os.WNOHANG)
        if pid:
            break
        if time.perf_counter() - began > limit:
            process.kill()
            os.wait4(process.pid, 0)
            return None
        time.sleep(0.05)
    if status:
        return None
    seconds = time.perf_counter() - began
    return ProcessUsage(seconds, used.ru_utime + used.ru_stime, used.ru_maxrss * 1024)
