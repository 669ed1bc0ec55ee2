"""Jobs of a launcher that end without a result: cancelled, out of time or memory, killed.

Hydra's launchers raise at the first of them, and forget the others, which still run. Here a job of
submitit (SLURM) returns what became of it, so that the others are waited for, and why it waits in
SLURM is printed. A process that joblib loses ends all others of its pool.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from saibench.config.job_queue import JobQueue
from saibench.errors import UserError, first_line

if TYPE_CHECKING:
    from submitit import Job

AGAIN = "The same command goes on with it."
ADVICE = {
    "TIMEOUT": f"It ran out of its time, hydra.launcher.timeout_min. {AGAIN}",
    "OUT_OF_MEMORY": f"Set hydra.launcher.mem_gb to more. {AGAIN}",
}
"""By SLURM's state of a job."""
SECONDS_OF_A_LOOK = 1.0
"""Between two looks whether a job has ended."""


@dataclass(frozen=True)
class Lost:
    """A task whose process ended without a result.

    Args:
        cause: in sentences.
    """

    cause: str


class Submitted:
    """The jobs that a command has submitted to a cluster."""

    def __init__(self) -> None:
        self.jobs: list[Job[Any]] = []

    @property
    def unfinished(self) -> list[str]:
        """Identifiers of the jobs that still wait or run."""
        return [job.job_id for job in self.jobs if not job.done(force_check=True)]


@contextmanager
def lost_jobs_returned() -> Iterator[Submitted]:
    """Let submitit's jobs return a `Lost` where they would raise.

    Raises:
        UserError: they cannot be submitted.
    """
    submitted = Submitted()
    try:
        from hydra.core.utils import JobReturn, JobStatus
        from submitit import Executor, Job, SlurmJob
        from submitit.core.utils import FailedJobError, FailedSubmissionError, UncompletedJobError
    except ImportError:  # the extra `cluster`
        yield submitted
        return
    results, submit = Job.results, Executor.map_array
    queue = JobQueue()

    def results_or_lost(job: Job[Any]) -> list[Any]:
        while isinstance(job, SlurmJob) and not job.done():
            queue.report([one.job_id for one in submitted.jobs])
            time.sleep(SECONDS_OF_A_LOOK)
        try:
            return results(job)
        except UncompletedJobError:
            return [JobReturn(_return_value=Lost(_cause(job)), status=JobStatus.COMPLETED)]

    def remembered(executor: Executor, *arguments: Any) -> list[Job[Any]]:
        try:
            jobs = submit(executor, *arguments)
        except (FailedJobError, FailedSubmissionError, RuntimeError, OSError) as error:
            raise UserError(
                f"The jobs cannot be submitted: {first_line(error)}. See hydra.launcher."
            ) from error
        submitted.jobs += jobs
        return jobs

    Job.results = results_or_lost  # type: ignore[method-assign, assignment]
    Executor.map_array = remembered  # type: ignore[method-assign, assignment]
    try:
        yield submitted
    finally:
        Job.results = results  # type: ignore[method-assign]
        Executor.map_array = submit  # type: ignore[method-assign]


def is_lost_worker(error: BaseException) -> bool:
    """Whether joblib lost a process of its pool, as one that was killed for memory."""
    return type(error).__name__ == "TerminatedWorkerError"


def lost_worker() -> Lost:
    """What became of the runs of a pool that lost a process."""
    return Lost(
        "A process was killed, perhaps for want of memory, and joblib ended the others. The same "
        "command goes on with them; hydra.launcher.n_jobs says how many run at once."
    )


def is_out_of_time(error: BaseException) -> bool:
    """Whether submitit ended the work of this job, which may not start again by itself."""
    return type(error).__name__ == "UncompletedJobError"


OUT_OF_TIME = (
    f"{ADVICE['TIMEOUT']} hydra.launcher.max_num_timeout says how often it starts again by itself."
)


def _cause(job: Job[Any]) -> str:
    job.done(force_check=True)
    state = job.state
    advice = ADVICE.get(state.partition(" ")[0], AGAIN)
    log = os.path.relpath(job.paths.stderr)
    return f"job {job.job_id} ended in state {state} without a result. {advice} Its log: {log}"
