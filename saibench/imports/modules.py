"""What a study names: modules and their parts, and the nearest to a name that there is not."""

from __future__ import annotations

import difflib
import pkgutil
from collections.abc import Iterable, Mapping, Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

from saibench.errors import UserError
from saibench.imports.allow_list import refuse_module
from saibench.renamed import current_name

MIN_SIMILARITY = 0.6
"""Of two names, from which one may be meant by the other; as `difflib.get_close_matches` has it."""


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


def named_object(name: str) -> Any:
    """The function or constant of a dotted name.

    Raises:
        UserError: there is none, or its module is not to be imported.
    """
    module, _, attribute = name.rpartition(".")
    try:
        return getattr(named_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise UserError(f"'{name}' names nothing that is there: {error}.") from error


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
        workload = str(record.get("workload") or "")
        named |= dict.fromkeys(current_name(name, workload) for name in names)
    return list(named)


def nearest_module(name: str) -> str | None:
    """The module whose own name comes nearest, in the same package or a room of it; else None."""
    package, _, own = name.rpartition(".")
    try:
        spec = find_spec(package) if package else None
    except ImportError:  # of a package further up
        return None
    places = list(spec.submodule_search_locations or ()) if spec is not None else []
    rooms = [(str(room), f".{room.name}") for place in places for room in Path(place).iterdir()]
    known = [
        f"{package}{room}.{module.name}"
        for place, room in [*((place, "") for place in places), *rooms]
        for module in pkgutil.iter_modules([place])
    ]
    similarity = difflib.SequenceMatcher(b=own)

    def closeness(module: str) -> tuple[float, float]:
        similarity.set_seq1(module.rpartition(".")[2])
        return similarity.ratio(), difflib.SequenceMatcher(None, module, name).ratio()

    near = max(known, key=closeness, default="")
    return near if near and closeness(near)[0] >= MIN_SIMILARITY else None


def part_module(part: str, name: str, offered: Sequence[str]) -> ModuleType:
    """The module of a dotted name that a workload's card lists under `part`.

    Args:
        part: key of the card: `figures`, `findings`, …
        offered: names that such a module must define.

    Raises:
        UserError: there is no such module, it is not to be imported, or it lacks one of `offered`.
    """
    try:
        module = named_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not name.startswith(error.name):
            raise  # the module is there, and something that it imports is not
        near = nearest_module(name)
        hint = f"did you mean '{near}'?" if near else "use the dotted name of an importable module."
        raise UserError(f"{part}: there is no module '{name}': {hint}") from error
    missing = [one for one in offered if not hasattr(module, one)]
    if missing:
        raise UserError(
            f"{part}: module '{name}' is no {part.removesuffix('s')}: it has no "
            f"{', '.join(missing)}."
        )
    return module
