"""Refuse to write through links in a run's folder."""

from __future__ import annotations

from pathlib import Path

from saibench.errors import UserError


def refuse_linked_folders(folder: Path) -> None:
    """Refuse a run with a link as a subfolder.

    Raises:
        UserError: the link.
    """
    for path in sorted(folder.iterdir()):
        if path.is_dir():
            refuse_link(path)


def refuse_link(path: Path) -> None:
    """Refuse a target of writing that is a link.

    Raises:
        UserError: it is one.
    """
    if path.is_symlink():
        raise UserError(f"{path} is a link; its target would be overwritten. Remove the link.")
