"""Modules that a study names: the nearest to a name that there is not."""

from __future__ import annotations

import difflib
import pkgutil
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType


def named_module(name: str) -> ModuleType:
    """The module of a dotted name.

    Raises:
        ModuleNotFoundError: there is none; of a text that is no dotted name, there never is.
    """
    if not all(part.isidentifier() for part in name.split(".")):
        raise ModuleNotFoundError(f"'{name}' is not the dotted name of a module", name=name)
    return import_module(name)


def nearest_module(name: str) -> str | None:
    """The module of the same package whose name comes nearest, None where none comes near."""
    package = name.rpartition(".")[0]
    try:
        spec = find_spec(package) if package else None
    except ImportError:  # of a package further up
        return None
    places = spec.submodule_search_locations if spec is not None else None
    known = [f"{package}.{module.name}" for module in pkgutil.iter_modules(places or [])]
    return next(iter(difflib.get_close_matches(name, known, n=1)), None)
