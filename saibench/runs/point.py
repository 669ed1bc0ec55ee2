"""A point's folder: its name, its frozen config and its lock."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from omegaconf import OmegaConf

from saibench.config.identity import labels, point_hash, slug
from saibench.errors import UserError

CONFIG = "config.yaml"
LAST = "last.ckpt"
BEST = "best.ckpt"


class PointIsBusy(UserError):
    """Another process is at this point."""


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
        return {
            "point": self.hash,
            "slug": slug(self.settings),
            "study": self.settings["study"],
            "workload": self.settings["workload"]["name"],
            "settings": labels(self.settings),
            "figures": self.settings["workload"].get("figures") or [],
        }

    def freeze(self) -> None:
        """Write the settings that every rank and every later evaluation will read."""
        aside = self.folder / f".{CONFIG}"
        OmegaConf.save(OmegaConf.create(self.settings), aside)
        aside.replace(self.folder / CONFIG)

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the point alone.

        Raises:
            PointIsBusy: another process holds it.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        with locked(self.folder):
            yield


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the point in `folder` alone; `PointIsBusy` if another process holds it."""
    lock = FileLock(folder / ".lock")
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise PointIsBusy(f"{folder} is being worked on by another process.") from error
    try:
        yield
    finally:
        lock.release()


def load_point(folder: Path) -> Point:
    """The point that was frozen in `folder`.

    Raises:
        UserError: there is no frozen config.
    """
    path = folder / CONFIG
    if not path.exists():
        raise UserError(
            f"run={folder} is not a point: it has no {CONFIG}; a folder that train.py wrote, "
            "as outputs/<study>/<point>, would work."
        )
    settings = OmegaConf.to_container(OmegaConf.load(path), resolve=True)
    return Point(settings, folder.parent)  # type: ignore[arg-type]


