"""Refusing a point before anything is written: every setting is checked where it will be used."""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Iterator
from typing import Any, Literal

from hydra.errors import InstantiationException
from hydra.utils import get_object, instantiate
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from saibench.errors import UserError, closest

_PLAIN = (bool, int, float, str, type(None))


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class TrainerSettings(_Strict):
    """`conf/trainer/`: the budget of a point and what it runs on."""

    max_steps: int | None = Field(ge=1)
    max_time: str | None = Field(pattern=r"^\d+:\d{1,2}:\d{1,2}:\d{1,2}$")
    val_every: int = Field(ge=1)
    gradient_clip: float | None = Field(gt=0)
    precision: str
    accelerator: str
    devices: int = Field(ge=1)
    threads: int | None = Field(ge=1)
    deterministic: bool
    progress: bool
    callbacks: dict[str, dict[str, Any]]


class RootSettings(BaseModel):
    """The keys of a point that the life of a point itself reads."""

    study: str = Field(min_length=1)
    seed: int = Field(ge=0, lt=2**32)
    on_failure: Literal["continue", "stop"]
    test: list[str]
    held_out: str
    partitions: dict[str, Any]
    workload: dict[str, Any]
    datamodule: dict[str, Any]
    model: dict[str, Any]
    trainer: TrainerSettings


def check_point(config: DictConfig) -> None:
    """Refuse a point that cannot work.

    Raises:
        UserError: a missing or unknown key, a value of the wrong kind, a device that is not
            there, a window that reaches into the test, a subset larger than its window.
    """
    settings = resolved(config)
    _validated(settings)
    _check_trainer(config, settings["trainer"])
    check_targets(settings)
    build(config.datamodule, "datamodule").check()


def check_targets(settings: dict[str, Any], path: str = "") -> None:
    """Check every node with a `_target_` against what it configures."""
    for where, node in _targets(settings, path):
        _check_options(where, node)


def resolved(config: DictConfig) -> dict[str, Any]:
    """The settings as builtins, without Hydra's own, every interpolation replaced."""
    settings = {key: config._get_node(key) for key in config if key != "hydra"}
    try:
        plain = OmegaConf.masked_copy(config, list(settings))
        plain._set_parent(None)
        return typing.cast(dict[str, Any], OmegaConf.to_container(plain, resolve=True))
    except OmegaConfBaseException as error:
        raise UserError(f"the settings do not resolve: {str(error).splitlines()[0]}.") from error


def build(node: DictConfig, name: str, **given: Any) -> Any:
    """Instantiate a node; a user's mistake inside comes out as the sentence it is."""
    try:
        return instantiate(node, _convert_="all", **given)
    except InstantiationException as error:
        cause: BaseException | None = error
        while cause is not None:
            if isinstance(cause, UserError):
                raise cause from error
            cause = cause.__cause__
        raise UserError(f"{name} cannot be built: {' '.join(str(error).split())}") from error


def _validated(settings: dict[str, Any]) -> None:
    try:
        RootSettings.model_validate(settings)
    except ValidationError as error:
        first = error.errors()[0]
        path = ".".join(str(part) for part in first["loc"])
        if first["type"] == "extra_forbidden":
            raise UserError(
                f"'{path}' is an unknown key of 'trainer': "
                f"{closest(str(first['loc'][-1]), TrainerSettings.model_fields)}"
            ) from error
        if first["type"] == "missing":
            raise UserError(f"'{path}' is missing from the settings.") from error
        raise UserError(f"{path}={first['input']!r}: {_lower(first['msg'])}.") from error


def _check_trainer(config: DictConfig, trainer: dict[str, Any]) -> None:
    steps, every = trainer["max_steps"], trainer["val_every"]
    if steps is None and trainer["max_time"] is None:
        raise UserError(
            "trainer.max_steps=null and trainer.max_time=null leave training without an end; "
            "give one of them."
        )
    if steps is None and "${trainer.max_steps}" in str(
        OmegaConf.to_container(config.get("lr_schedule") or OmegaConf.create({}), resolve=False)
    ):
        raise UserError(
            "trainer.max_steps=null leaves this lr_schedule without an end; "
            "lr_schedule=plateau or lr_schedule=constant would work."
        )
    if steps is not None and steps % min(every, steps):
        below = steps // every * every
        raise UserError(
            f"trainer.max_steps={steps} is not a multiple of trainer.val_every={every}; "
            f"{below} or {below + every} steps would work."
        )
    _check_devices(trainer)


def _check_devices(trainer: dict[str, Any]) -> None:
    import torch

    accelerator, devices = trainer["accelerator"], trainer["devices"]
    known = ("auto", "cpu", "gpu", "cuda")
    if accelerator not in known:
        raise UserError(
            f"trainer.accelerator={accelerator} is unknown: {closest(accelerator, known)}"
        )
    there = torch.cuda.device_count()
    if accelerator in ("gpu", "cuda") and not there:
        raise UserError(
            f"trainer.accelerator={accelerator}, but PyTorch sees no GPU here; "
            "trainer.accelerator=cpu would work."
        )
    if there and accelerator != "cpu" and devices > there:
        raise UserError(f"trainer.devices={devices}, but there are {there} GPUs here.")


def _targets(node: Any, path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every node with a `_target_`, and its dotted path."""
    if isinstance(node, dict):
        if "_target_" in node:
            yield path, node
        for key, value in node.items():
            yield from _targets(value, f"{path}.{key}" if path else str(key))
    elif isinstance(node, list):
        for number, value in enumerate(node):
            yield from _targets(value, f"{path}[{number}]")


def _check_options(path: str, node: dict[str, Any]) -> None:
    """Refuse options that the target does not take, and plain values of the wrong kind."""
    try:
        target = get_object(node["_target_"])
    except Exception as error:
        raise UserError(
            f"{path}._target_={node['_target_']} cannot be imported: {_first_line(error)}."
        ) from error
    parameters = inspect.signature(target).parameters
    if any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters.values()):
        return
    hints = _hints(target)
    for key, value in node.items():
        if key.startswith("_") and key.endswith("_"):
            continue
        if key not in parameters:
            raise UserError(
                f"'{path}.{key}' is not an option of {node['_target_']}: "
                f"{closest(key, parameters)}"
            )
        if key in hints and _is_plain(hints[key]):
            _check_value(f"{path}.{key}", value, hints[key])


def _hints(target: Any) -> dict[str, Any]:
    function = target.__init__ if inspect.isclass(target) else target
    try:
        return typing.get_type_hints(function)
    except (NameError, TypeError):  # annotations of a third party that do not resolve
        return {}


def _is_plain(hint: Any) -> bool:
    if typing.get_origin(hint) in (types.UnionType, typing.Union):
        return all(_is_plain(part) for part in typing.get_args(hint))
    return hint in _PLAIN


def _check_value(path: str, value: Any, hint: Any) -> None:
    try:
        TypeAdapter(hint).validate_python(value)
    except ValidationError as error:
        raise UserError(f"{path}={value!r}: {_lower(error.errors()[0]['msg'])}.") from error


def _lower(message: str) -> str:
    return message[0].lower() + message[1:]


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0].rstrip(".")
