"""`--data-root`: the folder of data that have moved since training."""

from __future__ import annotations

import argparse


def add_data_root(parser: argparse.ArgumentParser) -> None:
    """Add the option to a command that loads the data of a run."""
    parser.add_argument(
        "--data-root",
        metavar="FOLDER",
        help="folder of the training data, if they moved",
    )
