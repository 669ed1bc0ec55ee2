"""Report why jobs of SLURM wait."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Iterable

MIN_WAITING = 5.0
"""Seconds after which a job is said to wait."""
INTERVAL = 30.0
"""Seconds between two questions to SLURM."""
_MAX_SECONDS = 20.0
"""Most time for an answer."""
_UNSAID = ("", "None")
_ADVICE = {
    "PartitionNodeLimit": "The partition has fewer nodes than hydra.launcher.nodes.",
    "PartitionTimeLimit": "The partition allows less time than hydra.launcher.timeout_min.",
    "PartitionConfig": "The partition does not allow what hydra.launcher asks for.",
    "BadConstraints": "No node has what hydra.launcher asks for.",
}
"""By SLURM's reason."""


class JobQueue:
    """Prints each reason for which jobs wait in SLURM once."""

    def __init__(self) -> None:
        self._asked_at = time.monotonic() - INTERVAL + MIN_WAITING
        self._printed: set[str] = set()

    def report(self, jobs: Iterable[str]) -> None:
        """Print for which reasons jobs wait, at most every `INTERVAL`.

        Args:
            jobs: their identifiers.
        """
        if time.monotonic() < self._asked_at + INTERVAL:
            return
        self._asked_at = time.monotonic()
        for job, reason in waiting_jobs(jobs):
            if reason not in self._printed:
                self._printed.add(reason)
                advice = _ADVICE.get(reason, "")
                print(f"Job {job} waits in SLURM: {reason}. {advice}".rstrip(), flush=True)


def waiting_jobs(jobs: Iterable[str]) -> list[tuple[str, str]]:
    """The jobs that wait, and why, as `squeue` says it; none if it does not answer.

    Args:
        jobs: identifiers; those of an array are listed together.
    """
    if shutil.which("squeue") is None:
        return []
    numbers = ",".join(dict.fromkeys(job.partition("_")[0] for job in jobs))
    command = ["squeue", "--noheader", f"--jobs={numbers}", "--states=PENDING", "--format=%i|%r"]
    try:
        listed = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=_MAX_SECONDS
        )
    except subprocess.TimeoutExpired:  # a busy controller
        return []
    pairs = (line.strip().partition("|") for line in listed.stdout.splitlines())
    return [(job, reason) for job, _, reason in pairs if reason not in _UNSAID]
