"""Tables of the config's keys, from the YAML files and from what checks them.

A key's type comes from the signature of the `_target_` that takes it, or from the pydantic model
that checks it, its meaning from the comment beside it, or from the docstring of what takes it.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import yaml
from hydra.utils import get_object, instantiate
from omegaconf import OmegaConf
from pydantic import BaseModel

from saibench import settings

CONF = Path(__file__).parents[2] / "conf"
TARGET = "_target_"
OF_A_WORKLOAD = "${workload."
MODELS: dict[str, type[BaseModel]] = {
    "train": settings.PointSettings,
    "evaluate": settings.EvaluationSettings,
    "workload": settings.PointSettings,
    "trainer": settings.TrainerSettings,
    "lr_schedule": settings.ScheduleSettings,
}
"""By group, or by file where it is in none: what checks its keys."""
UNITS = (
    *("1/ps", "km/h", "mm/h", "meV/Å", "kcal/mol/Å", "eV/Å", "meV", "eV", "GeV", "Å", "K", "fs"),
    *("ps", "km", "hours", "minutes", "degrees", "pixels", "optimizer steps", "steps"),
    *("validations", "frames", "jets", "events", "MiB", "GiB"),
)
LONGEST = 90
"""Characters of a default that a table shows."""
Node = dict[str, Any]


@dataclass(frozen=True)
class Key:
    """One key of a config file, as its row in a table."""

    path: str
    type: str
    unit: str
    default: str
    meaning: str


def options(group: str) -> list[Path]:
    """The files of a config group, or the file of that name in none."""
    alone = CONF / f"{group}.yaml"
    return [alone] if alone.is_file() else sorted((CONF / group).glob("*.yaml"))


def preamble(file: Path) -> tuple[str, list[str]]:
    """What a file's first comment says, and the commands in it."""
    lines = []
    for line in file.read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            break
        lines.append(line.removeprefix("#"))
    lines = [line for line in lines if "@package" not in line]
    commands = [line.strip() for line in lines if line.startswith("   ")]
    return " ".join(line.strip() for line in lines if not line.startswith("   ")), commands


def keys_of(file: Path) -> list[Key]:
    """The keys that a config file sets, in its order."""
    comments, merged = _comments(file), _merged(file)
    return [_key(file, path, node, comments, merged) for path, node in _leaves(file)]


def model_keys(model: type[BaseModel], above: str) -> Iterator[Key]:
    """The keys of a pydantic model, and of those within, below the path `above`."""
    for name, field in model.model_fields.items():
        path = f"{above}.{name}"
        inner = _model_in(field.annotation)
        if inner is not None:
            yield from model_keys(inner, path)
            continue
        kind, meaning = _of_model(model, [name])
        default = "(required)" if field.is_required() else _yaml(field.default)
        yield Key(path, kind, unit_in(meaning), default, meaning)


def type_text(annotation: Any) -> str:
    """An annotation in words: `int ≥ 1 or null`."""
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _bounded(type_text(inner[0]), inner[1:])
    if origin is Literal:
        return " or ".join(f"`{_yaml(value)}`" for value in inner)
    if origin in (Union, UnionType):
        return " or ".join(dict.fromkeys(type_text(one) for one in inner))
    names = {NoneType: "null", str: "text", bool: "bool", Any: "any", inspect.Parameter.empty: ""}
    if annotation in names:
        return names[annotation]
    if inspect.isclass(annotation) and issubclass(annotation, BaseModel):
        return "mapping"
    if inspect.isclass(origin) and issubclass(origin, Mapping):
        return "mapping"
    if origin is not None and inner:
        return f"list of {type_text(inner[0])}"
    return str(getattr(annotation, "__name__", annotation))


def _key(file: Path, path: str, node: yaml.Node, comments: Mapping[str, str], merged: Node) -> Key:
    parent, _, name = path.rpartition(".")
    value = yaml.safe_load(yaml.serialize(node))
    told = list(_told_of(file, merged, parent, name))
    kind = next((kind for kind, _ in told if kind), _kind_of(value))
    meaning = next((meaning for _, meaning in told if meaning), "")
    comment = comments.get(path, "")
    unit = unit_in(comment)
    if comment and not (comment == unit and meaning):
        meaning = f"{meaning}; {comment}" if comment.startswith("or ") and meaning else comment
    if parent == "partitions":
        meaning = _partition(file, name)
    elif name == TARGET:
        kind, meaning = "class", "the class or function that takes the keys beside it"
    elif not meaning and TARGET in _at(merged, parent):
        meaning = f"argument of `{_at(merged, parent)[TARGET].rpartition('.')[2]}`"
    return Key(path, kind, unit or unit_in(meaning), _shortened(_yaml(value)), meaning)


def _kind_of(value: Any) -> str:
    kind = type(value).__name__
    return {"NoneType": "any", "str": "text", "dict": "mapping"}.get(kind, kind)


def _partition(file: Path, name: str) -> str:
    """Which samples a partition holds, as its samplers and its transform say it."""
    content = yaml.safe_load(file.read_text(encoding="utf-8"))
    found = OmegaConf.to_container(OmegaConf.create(content).partitions[name], resolve=True)
    parts = [instantiate(one).describe() for one in found["samplers"]] or ["all samples"]
    if transform := found.get("transform"):
        parts.append(instantiate(transform).describe())
    return ", then ".join(parts)


def unit_in(meaning: str) -> str:
    """The unit that a comment begins with, or that a clause of it ends with."""
    for unit in UNITS:
        one = re.escape(unit)
        if re.search(rf"^{one}(?=$|[\s,;:.])|(?:^|, |\bin ){one}(?=$|[;:.,])", meaning):
            return unit
    return ""


def _comments(file: Path) -> dict[str, str]:
    """By key: the comment behind it, here or in a file that this one builds on."""
    lines = file.read_text(encoding="utf-8").splitlines()
    found: dict[str, str] = {}
    for other in _below_it(file):
        found |= _comments(other)
    for path, node in _leaves(file):
        if behind := re.match(r"[^#]*[^#\s]\s+#\s*(.*)$", lines[node.start_mark.line]):
            found[path] = behind[1]
    return found


def _below_it(file: Path) -> list[Path]:
    """The files of its group that its defaults name."""
    content = yaml.safe_load(file.read_text(encoding="utf-8")) or {}
    entries = [one for one in content.get("defaults", []) if isinstance(one, str)]
    return [file.with_name(f"{entry}.yaml") for entry in entries if entry != "_self_"]


def _leaves(file: Path) -> Iterator[tuple[str, yaml.Node]]:
    root = yaml.compose(file.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
    yield from _below(root, "")


def _below(node: yaml.Node, path: str) -> Iterator[tuple[str, yaml.Node]]:
    for key, value in node.value:
        name = f"{path}.{key.value}" if path else key.value
        if name in ("defaults", "hydra"):
            continue
        nested = isinstance(value, yaml.MappingNode) and not value.flow_style and value.value
        if nested and path != "partitions":
            yield from _below(value, name)
        else:
            yield name, value


def _merged(file: Path) -> Node:
    """What the file sets, over what files of its group that its defaults name set."""
    merged: Node = {}
    for other in _below_it(file):
        merged = _over(merged, _merged(other))
    content: Node = yaml.safe_load(file.read_text(encoding="utf-8")) or {}
    content.pop("defaults", None)
    if str(content.get(TARGET)).startswith(OF_A_WORKLOAD):
        content[TARGET] = _of_first_workload(content[TARGET])
    return _over(merged, content)


def _of_first_workload(target: str) -> str:
    """What a class that cards of workloads name is in the first of those that do."""
    files = sorted((CONF / "workload").glob("*.yaml"))
    cards = [yaml.safe_load(file.read_text(encoding="utf-8"))["workload"] for file in files]
    name = target.removeprefix(OF_A_WORKLOAD).removesuffix("}")
    return next(str(card[name]) for card in cards if name in card)


def _over(under: Node, over: Node) -> Node:
    both = {**under, **over}
    for key in under.keys() & over.keys():
        if isinstance(under[key], dict) and isinstance(over[key], dict):
            both[key] = _over(under[key], over[key])
    return both


def _told_of(file: Path, merged: Node, parent: str, name: str) -> Iterator[tuple[str, str]]:
    """Types and meanings of a key, by what takes or checks it; empty where that does not tell."""
    node = _at(merged, parent)
    if node.get(TARGET, "???") != "???":
        yield _of_parameter(node[TARGET], name)
    group = file.parent.name if file.parent != CONF else file.stem
    if group in MODELS:
        yield _of_model(MODELS[group], [*filter(None, parent.split(".")), name])
    path = f"{parent}.{name}" if parent else name
    for taker, key in _takers(merged, f"${{{path}}}"):
        yield _of_parameter(taker, key)


def _at(node: Node, path: str) -> Node:
    for part in filter(None, path.split(".")):
        node = node.get(part) or {}
        if not isinstance(node, dict):
            return {}
    return node


def _takers(node: Any, reference: str) -> Iterator[tuple[str, str]]:
    """The targets, and their keys, that are given a reference to another key."""
    for value in node.values() if isinstance(node, dict) else node:
        if isinstance(value, dict | list):
            yield from _takers(value, reference)
    if isinstance(node, dict) and TARGET in node:
        yield from ((node[TARGET], key) for key, value in node.items() if value == reference)


@cache
def _of_parameter(target: str, name: str) -> tuple[str, str]:
    taker = get_object(target)
    parameter = inspect.signature(taker).parameters.get(name)
    if parameter is None:
        return "", ""
    made = taker.__init__ if inspect.isclass(taker) else taker
    try:
        annotation = get_type_hints(made, include_extras=True).get(name, parameter.annotation)
    except (NameError, TypeError):  # of a library that imports them for type checkers alone
        annotation = inspect.Parameter.empty
    classes = taker.__mro__ if inspect.isclass(taker) else (taker,)
    told = (_told(inspect.cleandoc(one.__doc__ or ""), name) for one in classes)
    own = target.startswith("saibench.")
    return type_text(annotation), next(filter(None, told), "") if own else ""


def _told(docstring: str, name: str) -> str:
    """What a docstring says of a parameter: `name: text`, further lines indented more."""
    pattern = rf"^(?P<in> *)(?:\w+, )*{name}(?:, \w+)*: (?P<text>.*(?:\n(?P=in) +\S.*)*)"
    found = re.search(pattern, docstring, re.MULTILINE)
    text = "" if found is None else " ".join(found["text"].split()).rstrip(".")
    return "" if text.startswith("see ") else text


def _of_model(model: type[BaseModel], path: list[str]) -> tuple[str, str]:
    """Type and meaning of a field, or of a field of the model within it."""
    if path[0] not in model.model_fields:
        return "", ""
    field = model.model_fields[path[0]]
    if len(path) > 1:
        inner = _model_in(field.annotation)
        return _of_model(inner, path[1:]) if inner else ("", _of_model(model, path[:1])[1])
    kind = _bounded(type_text(field.annotation), tuple(field.metadata))
    own = (one for one in model.__mro__ if issubclass(one, BaseModel) and one is not BaseModel)
    return kind, next(filter(None, (_told(one.__doc__ or "", path[0]) for one in own)), "")


def _model_in(annotation: Any) -> type[BaseModel] | None:
    for one in (annotation, *get_args(annotation)):
        if inspect.isclass(one) and issubclass(one, BaseModel):
            return one
    return None


def _bounded(text: str, metadata: tuple[Any, ...]) -> str:
    signs = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<"}
    found: list[str] = []
    for one in metadata:
        for part in getattr(one, "metadata", None) or [one]:
            found += [
                f"{sign} {bound}"
                for name, sign in signs.items()
                if isinstance(bound := getattr(part, name, None), int | float)
            ]
    if not found:
        return text
    bounds = ", ".join(found)
    return re.sub(r"^(int|float)", rf"\1 {bounds}", text)


def _shortened(default: str) -> str:
    return default if len(default) <= LONGEST else f"{default[:LONGEST].rstrip()} …"


def _yaml(value: Any) -> str:
    """A value in one line, objects within as calls: `Tail(by=time, size=0.1)`."""
    if isinstance(value, dict):
        rest = {key: one for key, one in value.items() if key != TARGET}
        if TARGET in value:
            inner = ", ".join(f"{key}={_yaml(one)}" for key, one in rest.items())
            return f"{value[TARGET].rpartition('.')[2]}({inner})"
        return "{" + ", ".join(f"{key}: {_yaml(one)}" for key, one in rest.items()) + "}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_yaml, value))}]"
    if value is None:
        return "null"
    return str(value).lower() if isinstance(value, bool) else str(value)
