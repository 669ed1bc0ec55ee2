"""Nodes with a `_target_`: checked against what they configure, and built."""

from __future__ import annotations

import difflib
import inspect
import sys
import traceback
import types
import typing
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import hydra
from hydra._internal.utils import _locate
from hydra.errors import InstantiationException
from hydra.utils import instantiate
from omegaconf import DictConfig
from pydantic import TypeAdapter, ValidationError

from saibench.errors import UserError, closest, first_line
from saibench.imports.allow_list import targets
from saibench.imports.user_code import place_in_user_code
from saibench.options import check_value, is_plain, type_hints, value_refused

_HYDRA = Path(hydra.__file__).parent


def check_targets(settings: dict[str, Any], typed: Callable[[str], str] = str) -> None:
    """Check every node with a `_target_` against what it configures.

    Args:
        settings: of a point or an evaluation.
        typed: from the key of a value to the key that a user gives it by (`typed_key`).

    Raises:
        UserError: a target that cannot be imported, an option that it does not take, a plain
            value of the wrong kind.
    """
    for where, node in targets(settings):
        _check_options(where, node, typed)


def build(node: DictConfig | Mapping[str, Any], name: str, *inputs: Any, **given: Any) -> Any:
    """Instantiate a node.

    Args:
        node: what has a `_target_`.
        name: its key in the settings.
        inputs, given: further arguments of the target.

    Raises:
        UserError: a user's mistake inside, as the sentence it is, or options that do not fit.
    """
    for key in sorted(set(map(str, node)) & set(given)):  # it would be ignored
        raise UserError(f"'{name}.{key}' is not to be set, since saibench itself gives it.")
    try:
        return instantiate(node, *inputs, _convert_="all", **given)
    except InstantiationException as error:
        cause: BaseException = error
        while cause.__cause__ is not None and not isinstance(cause, UserError):
            cause = cause.__cause__
        if isinstance(cause, UserError):
            raise cause from error
        raise UserError(f"{name} cannot be built: {fault(cause)}.") from error


def fault(error: BaseException) -> str:
    """What went wrong inside, and where, for whoever wrote what is built."""
    if isinstance(error, InstantiationException):
        return " ".join(str(error).split())
    last = traceback.extract_tb(error.__traceback__)[-1]
    said = f"{type(error).__name__}: {first_line(error)}"
    place = place_in_user_code(error)
    if not place and Path(last.filename).is_relative_to(_HYDRA):
        return said  # Hydra calls it; nobody has to look there
    return f"{said} ({place or f'{Path(last.filename).name}, line {last.lineno}'})"


def parameters_of(target: Any) -> Mapping[str, inspect.Parameter] | None:
    """What a target can be given; None for one that takes anything, or does not tell.

    A net without a constructor of its own has that of `torch.nn.Module`, which takes `**kwargs` and
    then refuses whatever they are.
    """
    if getattr(getattr(target, "__init__", None), "__module__", "") == "torch.nn.modules.module":
        return {}
    try:
        parameters = inspect.signature(target).parameters
    except ValueError:  # some classes of Python's own do not tell
        return None
    if any(one.kind is inspect.Parameter.VAR_KEYWORD for one in parameters.values()):
        return None
    return parameters


def options_of(name: str) -> set[str] | None:
    """The options that a target takes; None for one that takes any, or cannot be imported."""
    try:
        options = _options(_imported("", name))
    except UserError:
        return None
    return None if options is None else set(options)


def _check_options(path: str, node: dict[str, Any], typed: Callable[[str], str]) -> None:
    target = _imported(path, node["_target_"])
    options = _options(target)
    if options is None:
        return
    _check_positions(path, target, node)
    for key, value in node.items():
        if key.startswith("_") and key.endswith("_"):  # Hydra's own, as _partial_
            continue
        if key not in options:
            raise UserError(
                f"'{path}.{key}' is not an option of {node['_target_']}: {closest(key, options)}"
            )
        if kind := options[key]:
            try:
                check_value(kind, value)
            except ValidationError as error:
                inside = error.errors()[0]["loc"][:1] if isinstance(value, dict) else ()
                given = typed(f"{path}.{key}")
                raise value_refused(".".join([given, *map(str, inside)]), error) from error


def _check_positions(path: str, target: Any, node: dict[str, Any]) -> None:
    """Refuse `_args_` that the target does not take beside its options."""
    given = node.get("_args_")
    if given is None:
        return
    if not isinstance(given, list | tuple):
        raise UserError(f"{path}._args_={given} is not a list; [{given}] would work.")
    named = [str(key) for key in node if not (key.startswith("_") and key.endswith("_"))]
    try:
        inspect.signature(target).bind_partial(*given, **dict.fromkeys(named))
    except TypeError as error:
        raise UserError(
            f"{path}._args_={list(given)} does not fit {node['_target_']} ({first_line(error)}); "
            "give its options by name."
        ) from error


@lru_cache
def _options(target: Any) -> dict[str, TypeAdapter[Any] | None] | None:
    """What a target can be given, with what checks a value that comes from YAML as it is.

    None for a target that takes whatever it is given.
    """
    parameters = parameters_of(target)
    if parameters is None:
        return None
    hints = {name: _without_tensor(hint) for name, hint in type_hints(target).items()}
    plain = {name: hints[name] for name in parameters if name in hints and is_plain(hints[name])}
    return {name: TypeAdapter(plain[name]) if name in plain else None for name in parameters}


def _imported(path: str, name: str) -> Any:
    try:
        found = _locate(name)  # `hydra.utils.get_object` would log what is said here
    except Exception as error:  # whatever the import of a user's module raises
        cause = _misspelt(name) or f"{first_line(error.__cause__ or error)}."
        raise UserError(f"{path}._target_={name} cannot be imported: {cause}") from error
    if not callable(found):
        kind = type(found).__name__
        raise UserError(f"{path}._target_={name} is a {kind}; a class or a function would work.")
    return found


def _misspelt(name: str) -> str:
    """What a module that could be imported has instead of the name in it; empty for nothing."""
    module, _, wanted = name.rpartition(".")
    if module not in sys.modules:
        return ""
    names = [key for key, value in vars(sys.modules[module]).items() if callable(value)]
    near = difflib.get_close_matches(wanted, names, n=1)
    return f"{module} has no '{wanted}', did you mean '{near[0]}'?" if near else ""


def _without_tensor(hint: Any) -> Any:
    """A number that may be a tensor, as a learning rate, is a number for who writes YAML."""
    parts = typing.get_args(hint)
    if typing.get_origin(hint) not in (types.UnionType, typing.Union) or float not in parts:
        return hint
    kept = tuple(part for part in parts if getattr(part, "__name__", "") != "Tensor")
    return typing.Union[kept]  # noqa: UP007
