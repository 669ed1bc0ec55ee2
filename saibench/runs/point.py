"""A point's folder: its name, its frozen config and its lock."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from saibench.datamodules.cache import is_cache
from saibench.errors import UserError
from saibench.evidence.run_record import FILE, read_record, update_record
from saibench.files.atomic import atomic_write
from saibench.files.bounded_yaml import as_yaml
from saibench.files.frozen_config import CONFIG, read_frozen
from saibench.files.links import refuse_linked_folders
from saibench.files.locks import InUse, take_lock
from saibench.files.locks import is_locked as is_lock_held
from saibench.identity import IDENTITY, labels, point_hash, settings_hash, slug
from saibench.imports.allow_list import refuse_targets
from saibench.imports.user_names import user_names
from saibench.runs.inputs import check_identity, with_inputs

LOCK = ".lock"
SECONDS_OF_A_LOOK = 0.2
"""Who looks whether a run is locked holds its lock for a moment, which others wait for."""
LAST = "last.ckpt"
BEST = "best.ckpt"
REPORTED = (
    *("headline", "findings", "figures", "explorers", "metric_intervals"),
    *("abbreviations", "not_exported", "trust", "trace", "learning_curve", "training", "reference"),
)
"""Report settings of a workload, which are copied into each record."""
OF_A_COMMAND = ("logger", "metrics")
"""Settings that each command sets anew; those of a frozen config serve only its own training."""


class PointIsBusy(UserError):
    """Another process is working on this point."""


@dataclass(frozen=True)
class Point:
    """One cell of a study: canonical settings → hash → one folder.

    Args:
        settings: the resolved settings.
        study: folder of the study.
    """

    settings: dict[str, Any]
    study: Path

    @property
    def hash(self) -> str:
        return point_hash(self.settings)

    @property
    def name(self) -> str:
        """`<slug>-<hash>`, of `[A-Za-z0-9._-]` so that Hydra parses `run=<folder>`."""
        return f"{slug(self.settings)}-{self.hash}"

    @property
    def folder(self) -> Path:
        return self.study / self.name

    def identity(self) -> dict[str, Any]:
        """Entries of the record that identify the run."""
        content = self.settings.get(IDENTITY)
        weights = ((content or {}).get("files") or {}).get("model.checkpoint")
        hashes = (
            {}
            if content is None
            else {IDENTITY: content, "settings_hash": settings_hash(self.settings)}
        )
        return {
            "point": self.hash,
            "slug": slug(self.settings),
            "workload": self.settings["workload"]["name"],
            "settings": labels(self.settings),
            **({"weights": weights} if weights is not None else {}),
            **hashes,
            **self.reported(),
        }

    def reported(self) -> dict[str, Any]:
        """Entries of the record for the report, and the name of the study."""
        parts = {part: self.settings["workload"].get(part) or [] for part in REPORTED}
        return {"study": self.settings["study"], **parts}

    def freeze(self) -> None:
        """Write the config that every rank and every later evaluation reads."""
        with atomic_write(self.folder / CONFIG) as aside:
            aside.write_text(as_yaml(self.settings), encoding="utf-8")
        if (self.folder / FILE).exists():
            update_record(self.folder, CONFIG)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Lock the run in `folder`, which is created.

    Raises:
        PointIsBusy: another process holds the lock.
        UserError: the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = take_lock(folder / LOCK, wait=SECONDS_OF_A_LOOK)
    except InUse as owner:
        watch = f"python -m saibench status {shlex.quote(str(folder.parent))}"
        raise PointIsBusy(
            f"{folder} is in use by {owner}; `{watch}` shows how far it is."
        ) from owner
    except OSError as error:
        raise UserError(
            f"{folder} cannot be written ({Path(error.filename).name}: {error.strerror}). Use "
            "another one: study=mine."
        ) from error
    with lock:
        yield


def is_locked(folder: Path) -> bool:
    """Whether a process holds the lock of `folder`, or the lock cannot be read."""
    return is_lock_held(folder / LOCK)


def load_point(folder: Path, part: str | None = None) -> Point:
    """Load the point that was frozen in `folder`, with paths to its copied input files.

    A `cache` that is no cache on this machine is replaced by the default, as it would be written.

    Args:
        folder: of the run.
        part: the only group to be built, such as `datamodule`; default: all but `OF_A_COMMAND`.

    Raises:
        UserError: the frozen config is missing, damaged, not that of the record, contains `${…}`,
            or has a `_target_` that is not allowed; or a subfolder is a link.
    """
    path = folder / CONFIG
    if not path.is_file():
        raise UserError(
            f"{folder} is not a run: it has no {CONFIG}. Use a folder that train.py wrote, such as "
            "outputs/<study>/<run>."
        )
    refuse_linked_folders(folder)
    settings = read_frozen(path)
    try:
        check_identity(settings)
    except ValueError as error:
        raise UserError(
            f"{path} is damaged ({error}). Run it again with train.py, which rewrites the file."
        ) from error
    built = [key for key in settings if key == part or (part is None and key not in OF_A_COMMAND)]
    refuse_targets({key: settings[key] for key in built}, path)
    record = read_record(folder)
    by_hash = IDENTITY in record or IDENTITY in settings  # saibench 0.1 hashed runs otherwise
    if by_hash and record.get("point") not in (None, _hash(settings)):
        raise UserError(
            f"{path} does not hold the settings of its run: a part is missing or was changed. Run "
            "it again with train.py, which rewrites the file."
        )
    return Point(with_inputs(folder, _without_foreign_cache(settings)), folder.parent)


def _without_foreign_cache(settings: dict[str, Any]) -> dict[str, Any]:
    """Remove a cache folder that is no cache yet and was not named on the command line."""
    data = settings.get("datamodule")
    cache = data.get("cache") if isinstance(data, dict) else None
    if not isinstance(cache, str) or is_cache(Path(cache)):
        return settings
    if str(Path(cache).absolute()) in user_names().caches:
        return settings
    return {**settings, "datamodule": {**settings["datamodule"], "cache": None}}


def _hash(settings: Any) -> str:
    """The hash of the settings; empty if too many are missing."""
    try:
        return point_hash(settings)
    except (AttributeError, LookupError, TypeError):
        return ""
