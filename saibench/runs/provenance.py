"""What made a result: versions, commit, hardware, command."""

from __future__ import annotations

import os
import platform
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from importlib.metadata import (
    PackageNotFoundError,
    packages_distributions,
    requires,
    version,
)
from itertools import chain
from pathlib import Path
from typing import Any

from saibench.imports.allow_list import TARGET, targets

OWN = "saibench"
CHECKOUT = Path(__file__).resolve().parents[2]
"""Where the package lies in a checkout; an installed one has no pyproject.toml there."""
_OF_AN_EXTRA = re.compile(r"\bextra *==")
_FOR_DEVELOPERS = re.compile(r"extra *== *['\"]dev['\"]")

OF_A_SESSION = ("commit", "command", "hardware")
"""What may differ between the sessions in which a point was trained and tested."""


def provenance(settings: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Entries of the record that say where and by what a point was run.

    Args:
        settings: of the point; packages of their own that they name by a `_target_` are told too.
    """
    return {
        "versions": {"python": platform.python_version(), **_versions(settings or {})},
        "commit": _commit(),
        "hardware": _hardware(),
        "command": shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]]),
    }


def _versions(settings: Mapping[str, Any]) -> dict[str, str]:
    """Of what saibench requires, of the workload's libraries, and of the user's packages.

    Where a workload lists no `libraries`, all extras of saibench that are installed are told.
    """
    libraries = settings.get("workload", {}).get("libraries")
    declared = _declared(extras=libraries is None) | {*(libraries or ())}
    found = {}
    for package in [OWN, *sorted(declared | _named(settings, declared), key=str.lower)]:
        try:
            found[package] = version(package)
        except PackageNotFoundError:  # an extra that is not installed
            continue
    return found


def _declared(extras: bool) -> set[str]:
    """Distributions that saibench declares, less those for its developers alone."""
    declared = _requirements(extras)
    return {re.split(r"[^\w.-]", requirement, maxsplit=1)[0] for requirement in declared}


def _requirements(extras: bool) -> list[str]:
    """Of the checkout that runs, whose installed metadata may be older; else as installed."""
    declared = CHECKOUT / "pyproject.toml"
    if declared.exists():
        project = tomllib.loads(declared.read_text(encoding="utf-8"))["project"]
        optional = {**project["optional-dependencies"], "dev": []} if extras else {}
        return [*project["dependencies"], *chain.from_iterable(optional.values())]
    left_out = _FOR_DEVELOPERS if extras else _OF_AN_EXTRA
    try:
        return [one for one in requires(OWN) or [] if not left_out.search(one)]
    except PackageNotFoundError:  # on the path without being installed
        return []


def _named(settings: Mapping[str, Any], declared: set[str]) -> set[str]:
    """Other distributions than those declared that the settings instantiate something of."""
    named = {str(node[TARGET]).partition(".")[0] for _, node in targets(settings)}
    packages = named - declared - {OWN}
    if not packages:
        return set()
    distributions = packages_distributions()  # half a second
    return {name for package in packages for name in distributions.get(package, ())}


def _commit() -> str | None:
    """The commit of the checkout that saibench runs from, `-dirty` with uncommitted changes."""
    if not (CHECKOUT / ".git").exists() or not shutil.which("git"):
        return None
    command = ["git", "-C", str(CHECKOUT), "describe", "--always", "--dirty", "--abbrev=12"]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    return found.stdout.strip() or None


def _hardware() -> dict[str, Any]:
    import torch

    gpus = [torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count())]
    return {"cpu": _cpu(), "cores": _cores(), "gpus": gpus}


def _cores() -> int | None:
    """Processor cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):  # not on macOS
        return len(os.sched_getaffinity(0))
    return os.cpu_count()


def _cpu() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
