"""Weights & Biases: one run a point and job type, grouped by study; offline without an account."""

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

from saibench.errors import UserError
from saibench.evidence.reader import StudyEvidence
from saibench.evidence.run_record import read_metrics, read_record, update_record
from saibench.figures.style import STYLE
from saibench.loggers.account import Mode, choose_mode, is_reachable
from saibench.loggers.describe import run_config
from saibench.loggers.results import STEP, sample_rows, scalars

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from wandb import Run, Settings
    from wandb.sdk.lib import RunDisabled

TABLE_ROWS = 200
"""Rows of the evidence that are logged as a table; the whole is in the point's folder."""
FLUSH = 1.0
"""Seconds after which what is logged is on disk: all that a process that is killed can lose."""
INIT, FINISH = 20.0, 20.0
"""Seconds that the server is given to begin a run, and to take the last of it."""
_HEADER = 7
"""Bytes of a log in which nothing is; W&B uploads none of a run's logs if one is empty."""


class PointWandbLogger(WandbLogger):
    """Lightning's logger, with the point's run: continued when resumed, and always ended.

    Its id is kept in `run.json`. The run starts with the first thing that is logged, so that a
    point that fails before has none.

    Args:
        folder: the point's.
        job_type: `train` or `evaluate`.
        project, entity: where the run goes; `entity` None: the user's default.
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
        """Refuse a mode that cannot be had here.

        Raises:
            UserError: as `choose_mode`.
        """
        choose_mode(settings.get("mode"))

    @property
    @rank_zero_experiment
    def experiment(self) -> Run | RunDisabled:
        """The run, started at the first call; a dummy on ranks other than 0."""
        if self._experiment is None:
            self._experiment = self._start()
        return self._experiment

    @rank_zero_only
    def log_hyperparams(self, params: Any) -> None:
        """Nothing more than the start of the run: its config holds every setting."""
        _ = self.experiment

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        if step is not None:
            self._curves.update(name for name in metrics if name != "epoch")
        super().log_metrics(metrics, step)

    @rank_zero_only
    def log_evidence(self, evidence: StudyEvidence) -> None:
        """Numbers, rows and figures of the partitions that this job tested.

        Partitions that the point had been tested on before are in the run of that time.
        """
        import wandb

        from saibench.report.drawn import drawable

        tested = _tested(self.folder)
        new = [name for name in tested if self._tested_before.get(name) != tested[name]]
        rows = sample_rows(evidence, new, TABLE_ROWS)
        table = wandb.Table(columns=[*rows.columns], data=[[*row] for row in rows.rows()])
        images = {
            f"figures/{name}": wandb.Image(_bitmap(figure))
            for name, figure in drawable(evidence).items()
        }
        self.log_metrics(scalars(evidence, new))
        with _staged_in(self.folder / "wandb"):
            self.experiment.log({"evidence/samples": table, **images})

    @rank_zero_only
    def finish(self, failed: bool) -> None:
        """End the run, with exit code 1 if it failed."""
        run = self._experiment
        if run is None:
            return
        try:
            run.finish(exit_code=int(failed))
        except TimeoutError:
            _warn(f"took not all of {self.folder.name}", self.folder, "run-*")
        if not run.disabled:
            self._note(curves=sorted({*self._noted().get("curves", ()), *self._curves}))

    def _start(self) -> Run:
        import wandb

        mode = choose_mode(self.mode)
        if mode == "online" and not is_reachable():
            mode = "offline"
            _warn("cannot be reached", self.folder, "offline-run-*")
        try:
            run = self._begun(mode)
        except wandb.errors.CommError:
            mode = "offline"
            _warn("began no run", self.folder, "offline-run-*")
            run = self._begun(mode)
        except wandb.Error as error:
            raise UserError(
                f"Weights & Biases started no run ({str(error).splitlines()[0]}). Use "
                "logger.mode=offline: it stays in the run's folder, and `wandb sync` uploads it."
            ) from error
        run.define_metric(STEP)
        run.define_metric("*", step_metric=STEP, step_sync=True)
        if mode != "disabled":
            self._note(**{self.job_type: run.id}, project=self.project, entity=run.entity or None)
        if mode == "online" and (self.job_type == "train" or not self._noted()["url"]):
            self._note(url=run.url)
        return run

    def _begun(self, mode: Mode) -> Run:
        import wandb

        record, known = read_record(self.folder), self._noted().get(self.job_type)
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
            allow_val_change=True,  # a resumed point may run on other devices
            mode=mode,
            # a first session that is uploaded once more replaces itself; later ones are appended
            resume=None if known is None else "allow",
            reinit="finish_previous",
            settings=_settings(),
        )

    def _noted(self) -> dict[str, Any]:
        """What `run.json` keeps of the point's runs."""
        return read_record(self.folder).get("wandb") or {}

    def _note(self, **entries: Any) -> None:
        update_record(self.folder, wandb={"url": None, **self._noted(), **entries})


def _settings() -> Settings:
    """W&B without its console: no capture of ours, and no lines of its own.

    Git's state and the installed packages are in `run.json` and take W&B half a second a run.
    """
    import wandb

    return wandb.Settings(
        silent=True,
        console="off",
        disable_git=True,
        x_save_requirements=False,
        symlink=False,
        init_timeout=INIT,
        finish_timeout=FINISH,
        finish_timeout_raises=True,
        x_transaction_log_flush_interval=FLUSH,
    )


_warned: set[str] = set()


def _warn(reason: str, folder: Path, runs: str) -> None:
    """Say once a process and reason that runs are to be uploaded later, and by which command."""
    if reason not in _warned:
        _warned.add(reason)
        online = "" if runs.startswith("offline") else "--include-online "
        print(
            f"Weights & Biases {reason}: results stay on disk. Upload them with "
            f"`wandb sync {online}{folder.parent}/*/wandb/{runs}`.",
            file=sys.stderr,
        )


def _remove_empty(folder: Path) -> None:
    """Remove sessions that were killed before anything of them was on disk."""
    for log in folder.glob("*run-*/*.wandb"):
        if log.stat().st_size <= _HEADER:
            shutil.rmtree(log.parent)


def _tested(folder: Path) -> dict[str, tuple[str, Any]]:
    """Of each test partition that the point's evidence holds: its hash, and its metrics."""
    held, metrics = read_record(folder).get("partitions", {}), {}
    with suppress(UserError):  # damaged: it is about to be made again
        metrics = read_metrics(folder)
    return {
        name: (partition["hash"], metrics.get(name))
        for name, partition in held.items()
        if name not in ("train", "validation")
    }


def _bitmap(figure: Figure) -> PIL.Image.Image:
    """The figure as an image; given the figure itself, W&B would want pyplot imported."""
    content = io.BytesIO()
    with matplotlib.rc_context(STYLE):
        figure.savefig(content, format="png", dpi=110)
    return PIL.Image.open(content)


@contextmanager
def _staged_in(folder: Path) -> Iterator[None]:
    """Let tables wait for their upload in `folder`: by default it is the user's home."""
    if "WANDB_DATA_DIR" in os.environ:
        yield
        return
    os.environ["WANDB_DATA_DIR"] = str(folder)
    try:
        yield
    finally:
        del os.environ["WANDB_DATA_DIR"]
