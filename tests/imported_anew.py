"""Import the package as in a new process without certain modules."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest


@contextmanager
def imported_anew(*, without: str) -> Iterator[None]:
    """Unload `saibench`, and let an import of `without` raise ImportError."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [*_modules("saibench"), *_modules(without)]:
            patch.delitem(sys.modules, name)
        patch.setitem(sys.modules, without, None)
        try:
            yield
        finally:
            for name in _modules("saibench"):  # the patch brings the earlier ones back
                del sys.modules[name]


def _modules(package: str) -> list[str]:
    return [name for name in sys.modules if f"{name}.".startswith(f"{package}.")]
