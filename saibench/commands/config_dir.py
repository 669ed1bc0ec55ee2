"""`--config-dir` of the commands that build a run again or import what its config names."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_config_dir(parser: argparse.ArgumentParser) -> None:
    """Adds the option, which `use_config_dir` reads."""
    parser.add_argument(
        "--config-dir",
        type=Path,
        metavar="FOLDER",
        help="folder of your own modules, as the run was trained with",
    )


def use_config_dir(options: argparse.Namespace) -> None:
    """Lets the modules of the folder be imported, where one is given.

    Raises:
        UserError: it is not a folder.
    """
    if getattr(options, "config_dir", None) is not None:
        from saibench.config.locations import own_folder

        own_folder(options.config_dir)
