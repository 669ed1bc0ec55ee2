"""`--data-root`: where the data of trained points are now."""

from __future__ import annotations

import argparse


def add_data_root(parser: argparse.ArgumentParser) -> None:
    """Adds the option to a command that builds the data of a point again."""
    parser.add_argument(
        "--data-root",
        metavar="FOLDER",
        help="folder of the data that it was trained on, if they moved",
    )
