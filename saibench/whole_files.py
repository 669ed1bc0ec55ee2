"""Files that are written whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """A path in the same folder to write to, which takes the place of `path` when all is well.

    A reader never sees half a file, and an error or a kill leaves what there was.
    """
    aside = path.with_name(f".{os.getpid()}.{path.name}")  # savez appends a suffix to others
    try:
        yield aside
        os.replace(aside, path)
    finally:
        aside.unlink(missing_ok=True)
