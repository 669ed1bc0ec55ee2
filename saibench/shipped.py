"""The shipped configuration: next to the package in a checkout, inside it when installed."""

from __future__ import annotations

from pathlib import Path


def root() -> Path:
    """Return the folder of `conf/` and `sweeps/`."""
    package = Path(__file__).resolve().parent
    return package if (package / "conf").is_dir() else package.parent


def conf() -> Path:
    return root() / "conf"
