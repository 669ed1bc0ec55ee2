"""Links in a run's folder that lead elsewhere: nothing is written through one."""

from __future__ import annotations

from pathlib import Path

from saibench.errors import UserError


def refuse_linked_folders(folder: Path) -> None:
    """Refuse a run one of whose subfolders is a link.

    Raises:
        UserError: its name.
    """
    for path in sorted(folder.iterdir()):
        if path.is_dir():
            refuse_link(path)


def refuse_link(path: Path) -> None:
    """Refuse what would be written to where it is a link.

    Raises:
        UserError: it is one.
    """
    if path.is_symlink():
        raise UserError(f"{path} is a link to another place, which would be written to. Remove it.")
