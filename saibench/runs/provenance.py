"""Provenance of a result: versions, commit, hardware, command."""

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
from functools import cache
from importlib.metadata import PackageNotFoundError, packages_distributions, requires, version
from itertools import chain
from pathlib import Path
from typing import Any

from saibench.imports.allow_list import TARGET, targets

OWN = "saibench"
CHECKOUT = Path(__file__).resolve().parents[2]
"""Root of the checkout; without a pyproject.toml if the package is installed."""
_OF_AN_EXTRA = re.compile(r"\bextra *==")
_OF_DEV = re.compile(r"extra *== *['\"]dev['\"]")

OF_A_SESSION = ("commit", "command", "hardware")
"""Entries that may differ between sessions of a run."""


def provenance(settings: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return the provenance entries of a record.

    Args:
        settings: of the run; versions of the packages in their `_target_` are included.
    """
    return {
        "versions": {"python": platform.python_version(), **_versions(settings or {})},
        "commit": _commit(),
        "hardware": _hardware(),
        "command": shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]]),
    }


def _versions(settings: Mapping[str, Any]) -> dict[str, str]:
    """Versions of saibench's requirements, the workload's libraries and the user's packages.

    For a workload without `libraries`, all installed extras of saibench are included.
    """
    libraries = settings.get("workload", {}).get("libraries")
    declared = _declared(extras=libraries is None) | {*(libraries or ())}
    packages = [OWN, *sorted(declared | _named(settings, declared), key=str.lower)]
    found = {package: _installed(package) for package in packages}
    return {package: known for package, known in found.items() if known is not None}


@cache  # reading the metadata of all packages takes a tenth of a second
def _installed(package: str) -> str | None:
    """The version of a distribution, None for an extra that is not installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


@cache
def _declared(extras: bool) -> frozenset[str]:
    """Requirements of saibench without those of the extra `dev`.

    Those of the checkout come first, since its installed metadata may be older.
    """
    pyproject = CHECKOUT / "pyproject.toml"
    if pyproject.exists():
        project = tomllib.loads(pyproject.read_text(encoding="utf-8"))["project"]
        optional = {**project["optional-dependencies"], "dev": []} if extras else {}
        found = [*project["dependencies"], *chain.from_iterable(optional.values())]
    else:
        excluded = _OF_DEV if extras else _OF_AN_EXTRA
        try:
            found = [one for one in requires(OWN) or [] if not excluded.search(one)]
        except PackageNotFoundError:  # importable, but not installed
            found = []
    return frozenset(re.split(r"[^\w.-]", requirement, maxsplit=1)[0] for requirement in found)


def _named(settings: Mapping[str, Any], declared: frozenset[str]) -> set[str]:
    """Undeclared distributions that a `_target_` of the settings belongs to."""
    named = {str(node[TARGET]).partition(".")[0] for _, node in targets(settings)}
    packages = named - declared - {OWN}
    if not packages:
        return set()
    distributions = _distributions()
    return {name for package in packages for name in distributions.get(package, ())}


@cache
def _distributions() -> Mapping[str, list[str]]:
    """Distributions by the package that they provide; takes half a second."""
    return packages_distributions()


def _commit() -> str | None:
    """The commit of the checkout, with `-dirty` for uncommitted changes."""
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
    """CPU cores that this process may use."""
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
