"""Options of commands that load a run: `--config-dir`, `--trust-module`, `--data-root`."""

from __future__ import annotations

import argparse
from pathlib import Path

from saibench.imports.user_names import trust_modules


def add_config_dir(parser: argparse.ArgumentParser) -> None:
    """Add the options, which `use_config_dir` reads."""
    parser.add_argument(
        "--config-dir",
        type=Path,
        metavar="FOLDER",
        help="folder of your modules, as in the training",
    )
    parser.add_argument(
        "--trust-module",
        action="append",
        default=[],
        metavar="NAME",
        help="module or package that may be imported for the run; can be repeated",
    )


def use_config_dir(options: argparse.Namespace) -> None:
    """Allow imports from the folder and of the named modules.

    Raises:
        UserError: the folder or a module does not exist.
    """
    if getattr(options, "config_dir", None) is not None:
        from saibench.config.locations import user_folder

        user_folder(options.config_dir)
    trust_modules(getattr(options, "trust_module", ()))


def given_flags(options: argparse.Namespace) -> list[str]:
    """Return the options as flags of `train.py`."""
    folder = options.config_dir
    trusted = [f"--trust-module={name}" for name in options.trust_module]
    return [*([] if folder is None else [f"--config-dir={folder}"]), *trusted]


def add_data_root(parser: argparse.ArgumentParser) -> None:
    """Add the option to a command that loads the data of a run."""
    parser.add_argument(
        "--data-root",
        metavar="FOLDER",
        help="folder of the training data, if they moved",
    )
