"""Where the shipped configuration is: beside the package in a checkout, inside it installed."""

from __future__ import annotations

from pathlib import Path


def root() -> Path:
    """The folder that holds `conf/` and `sweeps/`."""
    package = Path(__file__).resolve().parent
    return package if (package / "conf").is_dir() else package.parent


def conf() -> Path:
    return root() / "conf"
