"""Types of options, and their check by pydantic.

`num_layers: Count = 3` in a signature lets `model.net.num_layers=0` be refused wherever a
`_target_` names the function. A dataclass whose `__post_init__` calls `check_fields` refuses it in
Python, too.
"""

from __future__ import annotations

import contextlib
import dataclasses
import inspect
import types
import typing
from collections.abc import Sequence
from functools import lru_cache
from typing import Annotated, Any, NoReturn

import numpy as np
from pydantic import Field, TypeAdapter, ValidationError

from saibench.errors import UserError

Count = Annotated[int, Field(ge=1)]
Degree = Annotated[int, Field(ge=0)]
Number = Annotated[float, Field(allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Name = Annotated[str, Field(min_length=1)]
Seed = Annotated[int, Field(ge=0, lt=2**64)]
"""Seed of `sample_keys`, an unsigned integer of 64 bits."""
Decay = Annotated[float, Field(ge=0, lt=1)]
"""Decay of a moving average; with 1 it would never change."""
Share = Annotated[float, Field(ge=0, lt=1)]
"""A share below 1: a dropout of 1 would remove everything."""
Fraction = Annotated[float, Field(gt=0, le=1)]
"""A share above 0."""

_PLAIN = (bool, int, float, str, type(None), typing.Any)


def check_fields(of: Any, name: str, convert_floats: bool = True) -> None:
    """Check the fields of a dataclass by their types, and convert them to canonical values.

    An integer may be given as a float (YAML reads `1e3` as one), a tuple as any sequence, and all
    of them as NumPy values. `0`, `0.0` and `-0.0` become one float. Fields whose type is not plain
    are not checked.

    Args:
        of: the instance, which may be frozen.
        name: its key in the settings: `window`, whose `start` is `window.start`.
        convert_floats: False keeps an integer in a float field, for classes whose hashes in
            saibench 0.1 distinguish `2` from `2.0`.

    Raises:
        UserError: the first field of the wrong type or out of range.
    """
    of_class: Any = type(of)
    for field, kind in _kinds(of_class).items():
        given = getattr(of, field)
        try:
            value = kind.validate_python(_python(given), strict=True)
        except ValidationError as error:
            raise value_refused(f"{name}.{field}", error) from error
        if convert_floats or not isinstance(value, float):
            object.__setattr__(of, field, value)  # the way into a frozen dataclass


def is_plain(hint: Any, tuples: bool = False) -> bool:
    """Whether YAML has values of this type, or lists for tuples if `tuples`."""
    origin, parts = typing.get_origin(hint), typing.get_args(hint)
    if origin is Annotated:
        return is_plain(parts[0], tuples)
    if origin in (types.UnionType, typing.Union, list, dict) or (tuples and origin is tuple):
        return all(is_plain(part, tuples) for part in parts if part is not ...)
    return origin is typing.Literal or hint in _PLAIN


def type_hints(target: Any) -> dict[str, Any]:
    """Return the types of a class's or function's parameters; none if they do not resolve."""
    function = target.__init__ if inspect.isclass(target) else target
    found: dict[str, Any] = {}
    # fields of a dataclass, inherited ones too, resolve in the module of their class
    for of in (target, function) if dataclasses.is_dataclass(target) else (function,):
        with contextlib.suppress(NameError, TypeError):
            found |= typing.get_type_hints(of, include_extras=True)
    return found


def check_value(kind: TypeAdapter[Any], value: Any) -> None:
    """Refuse a value of the wrong type; a whole float such as `1e3` may be an integer."""
    kind.validate_python(_python(value) if isinstance(value, float) else value, strict=True)


def value_refused(path: str, error: ValidationError) -> UserError:
    """Return the error for the value at `path`, or for one in a list there."""
    errors = error.errors()
    if length := _wrong_length(errors):
        return UserError(f"{path}={as_yaml(_given(errors))}: input should be {length}.")
    first = max(errors, key=lambda one: len(one["loc"]))  # of a union, the nearest type
    path += "".join(f"[{part}]" for part in first["loc"] if isinstance(part, int))
    value = first["input"]
    given = value if isinstance(value, str) else as_yaml(value)
    return UserError(f"{path}={given}: {_reason(first['msg'])}{_hint(path, first)}.")


def refuse(path: str, value: Any, reason: str) -> NoReturn:
    """Raise a `UserError` with a field, its value, and the reason."""
    raise UserError(f"{path}={as_yaml(value)} {reason}.")


def as_yaml(value: Any) -> str:
    """Return a value as it is written in YAML."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:.10g}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return f"[{', '.join(as_yaml(item) for item in value)}]"
    return f"'{value}'" if isinstance(value, str) else str(value)


@lru_cache
def _kinds(of: type) -> dict[str, TypeAdapter[Any]]:
    """Return the type adapters of the fields with plain types."""
    hints = type_hints(of)
    found = {field.name: hints.get(field.name, object) for field in dataclasses.fields(of)}
    return {name: TypeAdapter(hint) for name, hint in found.items() if is_plain(hint, tuples=True)}


def _python(value: Any) -> Any:
    """Return builtins, with whole floats as integers and lists as tuples."""
    if isinstance(value, np.generic | np.ndarray):
        value = value.tolist()
    if isinstance(value, float) and value.is_integer():
        return int(value)
    is_list = isinstance(value, Sequence) and not isinstance(value, str)
    return tuple(map(_python, value)) if is_list else value


def _given(errors: Sequence[Any]) -> Any:
    """The whole value, which the errors of least depth have."""
    return min(errors, key=lambda one: len(one["loc"]) - (one["type"] == "missing"))["input"]


def _wrong_length(errors: Sequence[Any]) -> str:
    """What a list with too few or too many values should be; empty if that is not the fault."""
    lengths = []
    for one in errors:
        if one["type"] == "too_long" and one["ctx"].get("field_type") == "Tuple":
            lengths.append(f"a list of at most {one['ctx']['max_length']} values")
        elif one["type"] == "missing" and isinstance(one["loc"][-1], int):
            lengths.append(f"a list of at least {one['loc'][-1] + 1} values")
    if not lengths:
        return ""
    or_number = any(one["type"] == "float_type" for one in errors)
    return f"a number or {lengths[-1]}" if or_number else lengths[-1]


def _reason(message: str) -> str:
    message = message.removeprefix("Value error, ")
    return message[0].lower() + message[1:]


def _hint(path: str, first: Any) -> str:
    kind, value = first["type"], first["input"]
    if kind in ("list_type", "tuple_type") and isinstance(value, str):
        return f". Use '{path}=[{value}]'"
    if kind == "int_type" and isinstance(value, float) and value.is_integer():
        return f". Use {path}={value:.0f}"  # YAML reads 1e4 as a float
    return ""
