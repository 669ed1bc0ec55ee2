"""`python -m saibench`: the command `saibench`, importing nothing from the current folder."""

import os
import sys

import saibench


def _leave_current_folder() -> None:
    """Remove the current folder from the import path: it may be somebody else's run."""
    checkout = os.path.dirname(os.path.dirname(os.path.realpath(saibench.__file__)))
    if not sys.flags.safe_path and os.path.realpath(sys.path[0]) != checkout:
        del sys.path[0]


if __name__ == "__main__":
    _leave_current_folder()
    from saibench.cli import main

    main()
