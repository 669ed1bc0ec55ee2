"""`--config-dir` and `--trust-module`, of the commands that import what a run's folder names."""

from __future__ import annotations

import argparse
from pathlib import Path

from saibench.imports.user_names import trust_modules


def add_config_dir(parser: argparse.ArgumentParser) -> None:
    """Adds the options, which `use_config_dir` reads."""
    parser.add_argument(
        "--config-dir",
        type=Path,
        metavar="FOLDER",
        help="folder of your own modules, as the run was trained with",
    )
    parser.add_argument(
        "--trust-module",
        action="append",
        default=[],
        metavar="NAME",
        help="module or package that the run's config or record may name; can be given again",
    )


def use_config_dir(options: argparse.Namespace) -> None:
    """Lets modules be imported that lie in the folder, or are named.

    Raises:
        UserError: it is not a folder, or there is no such module.
    """
    if getattr(options, "config_dir", None) is not None:
        from saibench.config.locations import user_folder

        user_folder(options.config_dir)
    trust_modules(getattr(options, "trust_module", ()))


def given_flags(options: argparse.Namespace) -> list[str]:
    """The options as `train.py` takes them."""
    folder = options.config_dir
    trusted = [f"--trust-module={name}" for name in options.trust_module]
    return [*([] if folder is None else [f"--config-dir={folder}"]), *trusted]
