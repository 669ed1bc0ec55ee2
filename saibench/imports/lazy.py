"""Names of a package that are imported on first use.

A figure that needs one formula of a package then does not import PyTorch for the others.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from importlib import import_module
from typing import Any


def lazy_names(package: str, names: Collection[str], *modules: str) -> Callable[[str], Any]:
    """Return a `__getattr__` for a package that exports names of its modules.

    Args:
        package: its `__name__`.
        names: its `__all__`, without names of its modules.
        modules: modules to search, in this order.
    """

    def named(name: str) -> Any:
        if name in names:
            for module in modules:
                home = import_module(f"{package}.{module}")
                if hasattr(home, name):
                    return getattr(home, name)
        raise AttributeError(f"module '{package}' has no attribute '{name}'")

    return named
