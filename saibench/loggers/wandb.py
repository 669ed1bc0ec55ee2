"""Weights & Biases: one W&B run per run and job type, grouped by study; offline without a login."""

from __future__ import annotations

import io
import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib
import PIL.Image
from lightning.pytorch.loggers import WandbLogger
from lightning.pytorch.loggers.logger import rank_zero_experiment
from lightning.pytorch.utilities import rank_zero_only

from saibench.errors import UserError, first_line
from saibench.evidence.reader import StudyEvidence
from saibench.evidence.run_record import read_metrics, read_record, update_record
from saibench.figures.style import STYLE
from saibench.loggers.account import (
    Mode,
    check_project,
    choose_mode,
    is_reachable,
    upload_command,
)
from saibench.loggers.describe import run_config
from saibench.loggers.results import STEP, sample_rows, scalars

if TYPE_CHECKING:
    import polars
    from matplotlib.figure import Figure
    from wandb import Run, Settings, Table
    from wandb.sdk.lib import RunDisabled

ROWS, TABLE_ROWS = "evidence/samples", 200
"""Name and length of the logged table of evidence rows; all rows are in the run's folder."""
FLUSH = 1.0
"""Seconds between writes to disk: the most that a killed process loses."""
INIT_TIMEOUT, FINISH_TIMEOUT = 20.0, 20.0
"""Seconds to wait for the server at the start and the end of a run."""
ONLINE_RUNS = "wandb/run-*"
REFUSED = "Check `wandb login`, logger.project and logger.entity. "
_HEADER = 7
"""Bytes of an empty log. If one log of a run is empty, W&B uploads none of them."""


class PointWandbLogger(WandbLogger):
    """Lightning's `WandbLogger` that resumes the W&B run of a resumed run, and always ends it.

    The W&B id is kept in `run.json`. The W&B run starts at the first logged value: a run that
    fails earlier has none.

    Args:
        folder: of the run.
        job_type: `train` or `evaluate`.
        project, entity: destination; `entity=None` is the user's default.
        mode: see `choose_mode`.
    """

    def __init__(
        self,
        folder: Path,
        job_type: str,
        project: str = "saibench",
        entity: str | None = None,
        mode: Mode | None = None,
    ) -> None:
        super().__init__(save_dir=str(folder), project=project)
        self.folder = folder
        self.job_type = job_type
        self.project = project
        self.entity = entity
        self.mode = mode
        self._tested_before = {} if job_type == "train" else _tested(folder)
        self._curves: set[str] = set()

    @classmethod
    def check(cls, settings: Mapping[str, Any]) -> None:
        """Check mode and project before training.

        Raises:
            UserError: as `choose_mode`, or a name that no project can have.
        """
        if choose_mode(settings.get("mode")) != "disabled":
            check_project(str(settings.get("project")))

    @property
    @rank_zero_experiment
    def experiment(self) -> Run | RunDisabled:
        """The W&B run, started at the first access; a dummy on ranks other than 0."""
        if self._experiment is None:
            self._experiment = self._start()
        return self._experiment

    @rank_zero_only
    def log_hyperparams(self, params: Any) -> None:
        """Start the W&B run, whose config holds all settings."""
        _ = self.experiment

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        if step is not None:
            self._curves.update(name for name in metrics if name != "epoch")
        super().log_metrics(metrics, step)

    @rank_zero_only
    def log_evidence(self, evidence: StudyEvidence) -> None:
        """Log metrics, rows and figures of the partitions that this job tested."""
        import wandb

        from saibench.report.drawn import drawable

        tested = _tested(self.folder)
        new = [name for name in tested if self._tested_before.get(name) != tested[name]]
        rows = sample_rows(evidence, new, TABLE_ROWS)
        images = {
            f"figures/{name}": wandb.Image(_bitmap(figure))
            for name, figure in drawable(evidence).items()
        }
        self.log_metrics(scalars(evidence, new))
        run = self.experiment
        with _staged_in(self.folder / "wandb"):
            try:
                run.log({ROWS: _table(rows), **images})
            except wandb.Error:  # the connection is lost: an online run asks about its tables
                table = _table(rows)
                table.bind_to_run(run, ROWS, run.step)  # asks nothing
                run.log({ROWS: table, **images})

    @rank_zero_only
    def finish(self, failed: bool) -> None:
        """End the run, with exit code 1 if it failed."""
        run = self._experiment
        if run is None:
            return
        try:
            run.finish(exit_code=int(failed))
        except TimeoutError:
            _warn(f"did not receive all of {self.folder.name}", self.folder, "run-*")
        if not run.disabled:
            self._record(curves=sorted({*self._recorded().get("curves", ()), *self._curves}))

    def _start(self) -> Run:
        import wandb

        mode = choose_mode(self.mode)
        if mode == "online" and not is_reachable():
            mode = "offline"
            _warn("cannot be reached", self.folder, "offline-run-*")
        before = {*self.folder.glob(ONLINE_RUNS)}
        try:
            run = self._init(mode)
        except wandb.Error as error:
            if mode != "online":
                raise UserError(
                    f"Weights & Biases started no run ({first_line(error)}). Use logger=csv."
                ) from error
            mode = "offline"
            _warn(f"started no run ({first_line(error)})", self.folder, "offline-run-*", REFUSED)
            for begun in {*self.folder.glob(ONLINE_RUNS)} - before:
                shutil.rmtree(begun, ignore_errors=True)  # its process may still write
            run = self._init(mode)
        run.define_metric(STEP)
        run.define_metric("*", step_metric=STEP, step_sync=True)
        if mode != "disabled":
            self._record(**{self.job_type: run.id}, project=self.project, entity=run.entity or None)
        if mode == "online" and (self.job_type == "train" or not self._recorded()["url"]):
            self._record(url=run.url)
        return run

    def _init(self, mode: Mode) -> Run:
        import wandb

        record, known = read_record(self.folder), self._recorded().get(self.job_type)
        _remove_empty(self.folder / "wandb")
        return wandb.init(
            entity=self.entity,
            project=self.project,
            dir=self.folder,
            id=known,
            name=record["slug"],
            group=record["study"],
            job_type=self.job_type,
            tags=[record["workload"]],
            config=run_config(self.folder, record),
            allow_val_change=True,  # a resumed run may use other devices
            mode=mode,
            # a first session that is uploaded twice replaces itself; later ones are appended
            resume=None if known is None else "allow",
            reinit="finish_previous",
            settings=_settings(),
        )

    def _recorded(self) -> dict[str, Any]:
        """The entry `wandb` of `run.json`."""
        return read_record(self.folder).get("wandb") or {}

    def _record(self, **entries: Any) -> None:
        update_record(self.folder, wandb={"url": None, **self._recorded(), **entries})


def _settings() -> Settings:
    """Settings that neither capture nor print console output.

    Git state and installed packages are in `run.json`; W&B would take half a second per run.
    """
    import wandb

    return wandb.Settings(
        silent=True,
        console="off",
        disable_git=True,
        x_save_requirements=False,
        symlink=False,
        init_timeout=INIT_TIMEOUT,
        finish_timeout=FINISH_TIMEOUT,
        finish_timeout_raises=True,
        x_transaction_log_flush_interval=FLUSH,
    )


_warned: set[str] = set()


def _warn(reason: str, folder: Path, runs: str, advice: str = "") -> None:
    """Print the upload command, once per process and reason."""
    if reason not in _warned:
        _warned.add(reason)
        print(
            f"Weights & Biases {reason}: results stay on disk. {advice}Upload them with "
            f"`{upload_command(folder.parent, runs)}`.",
            file=sys.stderr,
        )


def _remove_empty(folder: Path) -> None:
    """Remove sessions that were killed before they wrote any data."""
    for log in folder.glob("*run-*/*.wandb"):
        if log.stat().st_size <= _HEADER:
            shutil.rmtree(log.parent)


def _tested(folder: Path) -> dict[str, tuple[str, Any]]:
    """Hash and metrics of each tested partition of the run."""
    partitions, metrics = read_record(folder).get("partitions", {}), {}
    with suppress(UserError):  # damaged: it will be rewritten
        metrics = read_metrics(folder)
    return {
        name: (partition["hash"], metrics.get(name))
        for name, partition in partitions.items()
        if name not in ("train", "validation")
    }


def _table(rows: polars.DataFrame) -> Table:
    import wandb

    return wandb.Table(columns=[*rows.columns], data=[[*row] for row in rows.rows()])


def _bitmap(figure: Figure) -> PIL.Image.Image:
    """Render the figure; W&B would need pyplot for the figure itself."""
    content = io.BytesIO()
    with matplotlib.rc_context(STYLE):
        figure.savefig(content, format="png", dpi=110)
    return PIL.Image.open(content)


@contextmanager
def _staged_in(folder: Path) -> Iterator[None]:
    """Stage uploads of tables in `folder`; W&B's default is the user's home."""
    if "WANDB_DATA_DIR" in os.environ:
        yield
        return
    os.environ["WANDB_DATA_DIR"] = str(folder)
    try:
        yield
    finally:
        del os.environ["WANDB_DATA_DIR"]
