"""A point's folder: its name, its frozen config and its lock."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from omegaconf import OmegaConf

from saibench.datamodules.cache import is_cache
from saibench.errors import UserError
from saibench.evidence.run_record import FILE, read_record, update_record
from saibench.files.atomic import atomic_write
from saibench.files.frozen_config import CONFIG, read_frozen
from saibench.files.links import refuse_linked_folders
from saibench.identity import IDENTITY, labels, point_hash, settings_hash, slug
from saibench.imports.allow_list import refuse_targets
from saibench.imports.user_names import user_names
from saibench.runs.inputs import check_identity, with_inputs

LAST = "last.ckpt"
BEST = "best.ckpt"
REPORTED = (
    *("headline", "findings", "figures", "explorers", "metric_intervals"),
    *("abbreviations", "not_exported", "trust", "trace", "learning_curve", "training", "reference"),
)
"""What a workload's config says of its report; every point's record carries it."""


OF_A_COMMAND = ("logger", "metrics")
"""What a command says anew: of a folder, it is built for the training that froze it alone."""


class PointIsBusy(UserError):
    """Another process is working on this point."""


@dataclass(frozen=True)
class Point:
    """One cell of a study: canonical settings → hash → one folder.

    Args:
        settings: the resolved settings.
        study: the study's folder.
    """

    settings: dict[str, Any]
    study: Path

    @property
    def hash(self) -> str:
        return point_hash(self.settings)

    @property
    def name(self) -> str:
        """`<slug>-<hash>`; only `[A-Za-z0-9._-]`, so that `run=<folder>` parses."""
        return f"{slug(self.settings)}-{self.hash}"

    @property
    def folder(self) -> Path:
        return self.study / self.name

    def identity(self) -> dict[str, Any]:
        """Entries of the record that say which point this is."""
        content = self.settings.get(IDENTITY) or {}
        weights = (content.get("files") or {}).get("model.checkpoint")
        return {
            "point": self.hash,
            "slug": slug(self.settings),
            "workload": self.settings["workload"]["name"],
            "settings": labels(self.settings),
            **({"weights": weights} if weights is not None else {}),
            **self._content(),
            **self.reported(),
        }

    def _content(self) -> dict[str, Any]:
        """Entries of the record by which a later run tells what has changed beside the settings."""
        content = self.settings.get(IDENTITY)
        if content is None:
            return {}
        return {IDENTITY: content, "settings_hash": settings_hash(self.settings)}

    def reported(self) -> dict[str, Any]:
        """Entries of the record that say what a report shows of this point, and in which study."""
        parts = {part: self.settings["workload"].get(part) or [] for part in REPORTED}
        return {"study": self.settings["study"], **parts}

    def freeze(self) -> None:
        """Write the settings that every rank and every later evaluation will read."""
        with atomic_write(self.folder / CONFIG) as aside:
            OmegaConf.save(OmegaConf.create(self.settings), aside)
        if (self.folder / FILE).exists():
            update_record(self.folder, CONFIG)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the point in `folder` alone.

    Raises:
        PointIsBusy: another process holds it.
        UserError: the folder cannot be written.
    """
    lock = FileLock(folder / ".lock")
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise PointIsBusy(f"{folder} is being worked on by another process.") from error
    except OSError as error:
        raise UserError(
            f"{folder} cannot be written ({error.strerror}): a folder of one's own, as study=mine "
            "makes, would work."
        ) from error
    try:
        yield
    finally:
        lock.release()


def is_locked(folder: Path) -> bool:
    """Whether some process works on the point in `folder`, or may where it cannot be told."""
    try:
        with locked(folder):
            return False
    except UserError:
        return True


def load_point(folder: Path, part: str | None = None) -> Point:
    """The point that was frozen in `folder`, with the files that are kept there.

    Its settings name nothing that is not to be built.

    A cache that is not one here is left to the default, as it would be written to.

    Args:
        folder: of the point.
        part: the one group that is to be built, as `datamodule`; by default all but what is the
            command line's (`OF_A_COMMAND`).

    Raises:
        UserError: there is no frozen config, it is damaged, it is not that of the record, holds
            `${…}`, or names what a config that is read may not; or a subfolder is a link.
    """
    path = folder / CONFIG
    if not path.is_file():
        raise UserError(
            f"{folder} is not a point: it has no {CONFIG}; a folder that train.py wrote, "
            "as outputs/<study>/<point>, would work."
        )
    refuse_linked_folders(folder)
    settings = read_frozen(path)
    try:
        check_identity(settings)
    except ValueError as error:
        raise UserError(
            f"{path} is damaged ({error}): run its point again, which writes it anew."
        ) from error
    built = [key for key in settings if key == part or (part is None and key not in OF_A_COMMAND)]
    refuse_targets({key: settings[key] for key in built}, path)
    record = read_record(folder)
    by_hash = IDENTITY in record or IDENTITY in settings  # saibench 0.1 named runs otherwise
    if by_hash and record.get("point") not in (None, _hash(settings)):
        raise UserError(
            f"{path} does not hold the settings of its point (a part is missing, or was changed): "
            "run its point again, which writes it anew."
        )
    return Point(with_inputs(folder, _without_foreign_cache(settings)), folder.parent)


def _without_foreign_cache(settings: dict[str, Any]) -> dict[str, Any]:
    """Without a folder for prepared arrays that is neither a cache already nor the user's word."""
    data = settings.get("datamodule")
    cache = data.get("cache") if isinstance(data, dict) else None
    if not isinstance(cache, str) or is_cache(Path(cache)):
        return settings
    if str(Path(cache).absolute()) in user_names().caches:
        return settings
    return {**settings, "datamodule": {**settings["datamodule"], "cache": None}}


def _hash(settings: Any) -> str:
    """The hash of what may be a part of some settings; empty if that is too little for one."""
    try:
        return point_hash(settings)
    except (AttributeError, LookupError, TypeError):
        return ""
