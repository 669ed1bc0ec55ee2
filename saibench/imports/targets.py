"""Check nodes with a `_target_` against its parameters, and build them."""

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
from saibench.imports.modules import without_collection
from saibench.imports.user_code import place_in_user_code
from saibench.options import check_value, is_plain, type_hints, value_refused

_HYDRA = Path(hydra.__file__).parent


def check_targets(settings: dict[str, Any], typed: Callable[[str], str] = str) -> None:
    """Check every node with a `_target_` against the target's parameters.

    Args:
        settings: of a run or an evaluation.
        typed: maps the key of a value to the key that the user types (`typed_key`).

    Raises:
        UserError: a target that cannot be imported, an unknown option, or a plain value of the
            wrong type.
    """
    for where, node in targets(settings):
        _check_options(where, node, typed)


def build(node: DictConfig | Mapping[str, Any], name: str, *inputs: Any, **given: Any) -> Any:
    """Instantiate a node.

    Args:
        node: settings with a `_target_`.
        name: their key.
        inputs, given: further arguments of the target.

    Raises:
        UserError: as the target raises it, or for any other error of the target.
    """
    for key in sorted(set(map(str, node)) & set(given)):  # it would be ignored
        raise UserError(f"'{name}.{key}' is set by saibench. Remove it.")
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
    """Return the error of a target with its file and line."""
    if isinstance(error, InstantiationException):
        return " ".join(str(error).split())
    last = traceback.extract_tb(error.__traceback__)[-1]
    reason = f"{type(error).__name__}: {first_line(error)}"
    place = place_in_user_code(error)
    if not place and Path(last.filename).is_relative_to(_HYDRA):
        return reason  # a line of Hydra's does not help
    return f"{reason} ({place or f'{Path(last.filename).name}, line {last.lineno}'})"


def parameters_of(target: Any) -> Mapping[str, inspect.Parameter] | None:
    """Return the parameters of a target; None if it takes any, or they are unknown.

    A net without a constructor has that of `torch.nn.Module`, which takes `**kwargs` and then
    refuses all of them. Libraries may have replaced it by a function of their own.
    """
    classes = inspect.getmro(target) if inspect.isclass(target) else ()
    built_by = next((one for one in classes if "__init__" in vars(one)), None)
    if getattr(built_by, "__module__", "") == "torch.nn.modules.module":
        return {}
    try:
        parameters = inspect.signature(target).parameters
    except ValueError:  # some builtin classes have no signature
        return None
    if any(one.kind is inspect.Parameter.VAR_KEYWORD for one in parameters.values()):
        return None
    return parameters


def options_of(name: str) -> set[str] | None:
    """Return the options of a target; None if it takes any or cannot be imported."""
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
    """Refuse `_args_` that do not fit the target and its options."""
    given = node.get("_args_")
    if given is None:
        return
    if not isinstance(given, list | tuple):
        raise UserError(f"{path}._args_={given} is not a list. Use [{given}].")
    named = [str(key) for key in node if not (key.startswith("_") and key.endswith("_"))]
    try:
        inspect.signature(target).bind_partial(*given, **dict.fromkeys(named))
    except TypeError as error:
        raise UserError(
            f"{path}._args_={list(given)} does not fit {node['_target_']} ({first_line(error)}). "
            "Give its options by name."
        ) from error


@lru_cache
def _options(target: Any) -> dict[str, TypeAdapter[Any] | None] | None:
    """Return the options of a target, with type adapters for plain types.

    None for a target that takes any option.
    """
    parameters = parameters_of(target)
    if parameters is None:
        return None
    hints = {name: _without_tensor(hint) for name, hint in type_hints(target).items()}
    plain = {name: hints[name] for name in parameters if name in hints and is_plain(hints[name])}
    return {name: TypeAdapter(plain[name]) if name in plain else None for name in parameters}


def _imported(path: str, name: str) -> Any:
    try:
        with without_collection():
            found = _locate(name)  # `hydra.utils.get_object` would log the error
    except Exception as error:  # whatever the import of a user's module raises
        cause = _misspelt(name) or f"{first_line(error.__cause__ or error)}."
        raise UserError(f"{path}._target_={name} cannot be imported: {cause}") from error
    if not callable(found):
        kind = type(found).__name__
        raise UserError(f"{path}._target_={name} is a {kind}. Use a class or a function.")
    return found


def _misspelt(name: str) -> str:
    """Return the closest name in an imported module; empty if there is none."""
    module, _, attribute = name.rpartition(".")
    if module not in sys.modules:
        return ""
    names = [key for key, value in vars(sys.modules[module]).items() if callable(value)]
    near = difflib.get_close_matches(attribute, names, n=1)
    return f"{module} has no '{attribute}', did you mean '{near[0]}'?" if near else ""


def _without_tensor(hint: Any) -> Any:
    """Drop `Tensor` from a union with `float`: YAML has no tensors."""
    parts = typing.get_args(hint)
    if typing.get_origin(hint) not in (types.UnionType, typing.Union) or float not in parts:
        return hint
    kept = tuple(part for part in parts if getattr(part, "__name__", "") != "Tensor")
    return typing.Union[kept]  # noqa: UP007
