"""Full disks and read-only folders: mounts in a name space of this process."""

from __future__ import annotations

import ctypes
import errno
import os
import random
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from benchmarks.fault_parts.cases import Case, Outcome
from benchmarks.fault_parts.moments import at_change
from benchmarks.fault_parts.study import EXPORTED, STUDY, Laboratory
from benchmarks.fault_parts.warm import Prepare

MEGABYTES = 48
FILLER = "filler"
_INSIDE = "SAIBENCH_FAULTS_MOUNTS"


def with_mounts(module: str, arguments: Sequence[str]) -> None:
    """Replace this process by one that may mount, in a name space of its own.

    Raises:
        SystemExit: the system has none (it is not Linux, or does not allow it).
    """
    if os.environ.get(_INSIDE):
        return
    command = ["unshare", *(["--map-root-user"] if os.getuid() else []), "--mount"]
    try:
        subprocess.run([*command, "true"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        sys.exit(f"Full disks and read-only folders need mounts ({error}). Name the other parts.")
    os.environ[_INSIDE] = "1"
    os.execvp(command[0], [*command, sys.executable, "-m", module, *arguments])


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    folder.mkdir()
    _mount("-t", "tmpfs", "-o", f"size={MEGABYTES}m", "none", str(folder))
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def full_disks(laboratory: Laboratory, count: int, seed: int) -> Iterator[Case]:
    """The disk is full from a change of files on; then it is not, and the command is given again.

    Args:
        laboratory: on a small disk.
        count: of cases, at random changes of a sweep with and without a cache, a report, an export.
        seed: of these.
    """
    draw = random.Random(f"full disks {seed}")
    disk = laboratory.folder.parent
    states = {
        "a sweep without a cache": ("sweep", False),
        "a sweep": ("sweep", True),
        "a report": ("report", True),
        "an export": ("export", True),
    }
    changes = {title: laboratory.changes(name, disk, has) for title, (name, has) in states.items()}
    for number in range(count):
        title = list(states)[number % len(states)]
        name, has_cache = states[title]
        laboratory.reset(name, has_cache)
        change = draw.randrange(changes[title])
        ended = laboratory.run(name, at_change(change, disk, lambda: fill(disk)))
        (disk / FILLER).unlink(missing_ok=True)
        differing = laboratory.differences(name) if ended.status == 0 else ""
        where = f"at change {change} of {changes[title]}"
        fault = f"full disk in {title}"
        if differing:
            yield Case(fault, Outcome.SILENT, f"{where}: exit code 0, but {differing}")
        else:
            yield laboratory.case(fault, name, (ended, laboratory.run(name)), where)


def fill(disk: Path) -> None:
    """Write a file until the disk is full."""
    with open(disk / FILLER, "ab", buffering=0) as file:
        for size in (2**20, 2**10, 1):
            try:
                while True:
                    file.write(bytes(size))
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise


def read_only(laboratory: Laboratory) -> Iterator[Case]:
    """Each folder is a read-only mount, then without permission; then writable."""
    places = {
        "cache, empty": (laboratory.cache, "sweep", False),
        "cache": (laboratory.cache, "sweep", True),
        "working folder": (laboratory.folder, "sweep", True),
        "study": (laboratory.folder / STUDY, "sweep", True),
        "study in a report": (laboratory.folder / STUDY, "report", True),
        "study in an export": (laboratory.folder / STUDY, "export", True),
        "target of an export": (laboratory.folder / EXPORTED, "export", True),
    }
    for title, (place, name, has_cache) in places.items():
        for how, made in WAYS.items():
            laboratory.reset(name, has_cache)
            place.mkdir(exist_ok=True, parents=True)
            with made(place) as prepare:
                ended = laboratory.run(name, prepare)
            again = laboratory.run(name)
            fault = f"{how}: {title}"
            yield laboratory.case(fault, name, (ended, again))


@contextmanager
def _mounted(place: Path) -> Iterator[Prepare | None]:
    _mount("--bind", str(place), str(place))
    try:
        _mount("-o", "remount,ro,bind", str(place))
        yield None
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


@contextmanager
def _forbidden(place: Path) -> Iterator[Prepare | None]:
    folders = [place, *(path for path in place.rglob("*") if path.is_dir())]
    for folder in folders:
        folder.chmod(0o555)
    try:
        yield _as_any_user
    finally:
        for folder in folders:
            folder.chmod(0o755)


def _as_any_user() -> None:
    """Give up root's right to write anywhere (capabilities 0 to 3: `man capset`)."""
    libc = ctypes.CDLL(None, use_errno=True)
    header = struct.pack("Ii", 0x20080522, 0)
    held = ctypes.create_string_buffer(24)
    if libc.capget(header, held):
        raise OSError(ctypes.get_errno(), "capget")
    words = list(struct.unpack("6I", held.raw))
    for place in range(3):
        words[place] &= ~0b1111
    if libc.capset(header, struct.pack("6I", *words)):
        raise OSError(ctypes.get_errno(), "capset")


WAYS: dict[str, Callable[[Path], AbstractContextManager[Prepare | None]]] = {
    "read-only mount": _mounted,
    "no permission": _forbidden,
}


def _mount(*arguments: str) -> None:
    subprocess.run(["mount", *arguments], check=True)
