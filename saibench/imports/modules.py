"""Modules that a study names: which a record does, and the nearest to a name that there is not."""

from __future__ import annotations

import difflib
import pkgutil
from collections.abc import Iterable, Mapping
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import Any

from saibench.errors import UserError
from saibench.imports.allow_list import refuse_module
from saibench.renamed import current_name


def named_module(name: str) -> ModuleType:
    """The module of a dotted name.

    Raises:
        ModuleNotFoundError: there is none; of a text that is no dotted name, there never is.
        UserError: it is neither saibench's nor one that the user has named.
    """
    if not all(part.isidentifier() for part in name.split(".")):
        raise ModuleNotFoundError(f"'{name}' is not the dotted name of a module", name=name)
    refuse_module(name)
    return import_module(name)


def recorded_modules(records: Iterable[Mapping[str, Any]], part: str) -> list[str]:
    """The modules that records name under `part`, each once, in their order.

    Raises:
        UserError: what stands there is no list of names.
    """
    named: dict[str, None] = {}
    for record in records:
        names = record.get(part) or []
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise UserError(
                f"the record of point {record.get('point')} has no list of modules as '{part}': "
                "run the point again, which writes it anew."
            )
        named |= dict.fromkeys(map(current_name, names))
    return list(named)


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
