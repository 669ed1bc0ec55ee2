"""Names of a package that are imported when they are first asked for.

A figure that takes one formula from a package then does not wait for PyTorch, which others of its
modules need.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from importlib import import_module
from typing import Any


def lazy_names(package: str, names: Collection[str], *modules: str) -> Callable[[str], Any]:
    """The `__getattr__` of a package that exports names of its modules.

    Args:
        package: its `__name__`.
        names: its `__all__`; none may be that of one of its modules.
        modules: where to look for them, in this order.
    """

    def named(name: str) -> Any:
        if name in names:
            for module in modules:
                home = import_module(f"{package}.{module}")
                if hasattr(home, name):
                    return getattr(home, name)
        raise AttributeError(f"module '{package}' has no attribute '{name}'")

    return named
