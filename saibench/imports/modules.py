"""Import modules and objects by name, and suggest the closest name."""

from __future__ import annotations

import difflib
import gc
import pkgutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

from saibench.errors import UserError
from saibench.imports.allow_list import refuse_module
from saibench.renamed import current_name

MIN_SIMILARITY = 0.6
"""Minimum similarity of a suggested name, as in `difflib.get_close_matches`."""


@contextmanager
def without_collection() -> Iterator[None]:
    """Collect no garbage within, where modules are imported.

    Their objects stay, and Python would search them for garbage again and again.
    """
    collected = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collected:
            gc.enable()


def named_module(name: str) -> ModuleType:
    """Return the module of a dotted name.

    Raises:
        ModuleNotFoundError: the module does not exist, or the text is not a dotted name.
        UserError: it is neither saibench's nor named by the user.
    """
    if not all(part.isidentifier() for part in name.split(".")):
        raise ModuleNotFoundError(f"'{name}' is not the dotted name of a module", name=name)
    refuse_module(name)
    with without_collection():
        return import_module(name)


def named_object(name: str) -> Any:
    """Return the function or constant of a dotted name.

    Raises:
        UserError: it does not exist, or its module may not be imported.
    """
    module, _, attribute = name.rpartition(".")
    try:
        return getattr(named_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise UserError(f"'{name}' cannot be imported: {error}.") from error


def recorded_modules(records: Iterable[Mapping[str, Any]], part: str) -> list[str]:
    """Return the modules under `part` of records, without repetition.

    Raises:
        UserError: the value is not a list of names.
    """
    named: dict[str, None] = {}
    for record in records:
        names = record.get(part) or []
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise UserError(
                f"The record of {record.get('point')} has no list of modules under '{part}'. "
                "Repeat the run to write it again."
            )
        workload = str(record.get("workload") or "")
        named |= dict.fromkeys(current_name(name, workload) for name in names)
    return list(named)


def nearest_module(name: str) -> str | None:
    """Return the module with the closest name in the same package or its subpackages."""
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


def part_module(part: str, name: str, required: Sequence[str]) -> ModuleType:
    """Return a module that a workload lists under `part`.

    Args:
        part: key of the workload: `figures`, `findings`, …
        required: names that such a module must define.

    Raises:
        UserError: the module does not exist, may not be imported, or lacks one of `required`.
    """
    try:
        module = named_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not name.startswith(error.name):
            raise  # the module exists; something that it imports does not
        near = nearest_module(name)
        hint = f"did you mean '{near}'?" if near else "use the dotted name of an importable module."
        raise UserError(f"{part}: module '{name}' does not exist, {hint}") from error
    missing = [one for one in required if not hasattr(module, one)]
    if missing:
        raise UserError(
            f"{part}: module '{name}' defines no {', '.join(missing)}. Use a module of {part}."
        )
    return module
