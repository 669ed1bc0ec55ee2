"""Allow-list of what may be imported for a frozen config or a record.

A run's folder may come from anybody. It may name classes of shipped configs, the classes of
libraries listed here, modules of saibench, and names from the command line
(`saibench.imports.user_names`); nothing else is imported for it.
"""

from __future__ import annotations

import functools
import re
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from saibench.errors import UserError
from saibench.imports.user_names import UserNames, user_names
from saibench.shipped import root

PACKAGE = "saibench"
TARGET = "_target_"
LIBRARIES = frozenset(
    {
        *(
            f"torch.optim.{name}"
            for name in (
                *("ASGD", "Adadelta", "Adagrad", "Adam", "AdamW", "Adamax", "LBFGS", "NAdam"),
                *("RAdam", "RMSprop", "Rprop", "SGD"),
            )
        ),
        *(
            f"torch.optim.lr_scheduler.{name}"
            for name in (
                *("ConstantLR", "CosineAnnealingLR", "CosineAnnealingWarmRestarts", "CyclicLR"),
                *("ExponentialLR", "LinearLR", "MultiStepLR", "OneCycleLR", "PolynomialLR"),
                *("ReduceLROnPlateau", "StepLR"),
            )
        ),
        "lightning.pytorch.callbacks.EarlyStopping",
        "lightning.pytorch.callbacks.LearningRateMonitor",
        "lightning.pytorch.callbacks.StochasticWeightAveraging",
        "torch.nn.Identity",
    }
)
"""Classes that take plain values, open no file and run no command."""
_ONLY_TYPED = (f"{PACKAGE}.loggers.", f"{PACKAGE}.models.external.torch_file.")
"""What a config from a file may not name, although shipped configs do."""


def refuse_targets(settings: Any, of: Path | str) -> None:
    """Refuse settings from a file if a `_target_` is not on the allow-list.

    Args:
        settings: builtins, of any depth.
        of: the file.

    Raises:
        UserError: the first such key and its value.
    """
    for where, node in targets(settings):
        name = node[TARGET]
        if not _is_allowed_target(name):
            key = f"{where}.{TARGET}" if where else TARGET
            raise UserError(
                f"{of}: {key}={name} is refused: a config from a file may only name classes of "
                f"saibench's configs.{_advice(name)}"
            )


def refuse_module(name: str) -> None:
    """Refuse a module of a record that is not on the allow-list.

    Raises:
        UserError: the module.
    """
    if not _is_allowed_module(name):
        raise UserError(
            f"module '{name}' is refused: a record may only name modules of saibench."
            f"{_advice(name)}"
        )


def targets(node: Any, path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every node with a `_target_` after its dotted path."""
    if isinstance(node, dict):
        if TARGET in node:
            yield path, node
        for key, value in node.items():
            yield from targets(value, f"{path}.{key}" if path else str(key))
    elif isinstance(node, list | tuple):
        for number, value in enumerate(node):
            yield from targets(value, f"{path}[{number}]")


@functools.cache
def shipped_targets() -> frozenset[str]:
    """Return the classes and functions of saibench in shipped configs and studies.

    Loggers are excluded: they are built only from the command line. So are files of programs, which
    run what their author wrote.
    """
    named = re.compile(rf"\b{TARGET}: *({PACKAGE}\.[\w.]*\w)")
    files = [*root().glob("conf/**/*.yaml"), *root().glob("sweeps/**/*.yaml")]
    found = {name for file in files for name in named.findall(file.read_text(encoding="utf-8"))}
    return frozenset(name for name in found if not name.startswith(_ONLY_TYPED))


def _is_allowed_target(name: Any) -> bool:
    own = user_names()
    if not isinstance(name, str):
        return False
    if name in own.targets or name in LIBRARIES or name in shipped_targets():
        return True
    if not _is_of_own_module(name, own):
        return False
    from hydra._internal.utils import _locate

    try:
        found = _locate(name)
    except Exception:  # reported with its cause when it is built
        return True
    home = _home(found)
    return _is_below(home, own.modules) or _lies_in(sys.modules.get(home), own.folders)


def _is_allowed_module(name: Any) -> bool:
    if not isinstance(name, str) or not all(part.isidentifier() for part in name.split(".")):
        return False
    if _is_below(name, (PACKAGE,)) and "__" not in name:
        return True
    own = user_names()
    return name in own.targets or _is_of_own_module(name, own)


def _is_of_own_module(name: str, own: UserNames) -> bool:
    """Whether the module of a dotted name is the user's; imports no other module."""
    parts = name.split(".")
    is_own = False
    for end in range(1, len(parts) + 1):
        module = ".".join(parts[:end])
        try:
            spec = find_spec(module)  # imports its parent packages, which were checked before
        except (ImportError, ValueError):
            spec = None
        if spec is None:  # not a module, but a name in the one before
            break
        is_own = _is_trusted(module, own) or _is_below_folder(spec.origin, own.folders)
        if not is_own and not any(one.startswith(f"{module}.") for one in own.modules):
            return False
    return is_own


def _is_trusted(module: str, own: UserNames) -> bool:
    """Whether `--trust-module` names the module or a package around it."""
    for trusted in own.modules:
        if module == trusted:
            return True
        spec = find_spec(module) if module.startswith(f"{trusted}.") else None
        if spec is not None and spec.origin is not None:
            file = Path(spec.origin)
            place = file.parent if spec.submodule_search_locations else file
            depth = module.count(".") - trusted.count(".")
            return not any(_holds_runs(one) for one in [place, *place.parents][:depth])
    return False


def _home(found: Any) -> str:
    """Return the module that defines an object, not one that imports it."""
    while isinstance(found, functools.partial):
        found = found.func
    return str(getattr(found, "__module__", None) or type(found).__module__)


def _lies_in(module: Any, folders: tuple[str, ...]) -> bool:
    return module is not None and _is_below_folder(getattr(module, "__file__", None), folders)


def _is_below_folder(file: str | None, folders: tuple[str, ...]) -> bool:
    """Whether a module's file is in a named folder, and not in the folder of a run there."""
    if file is None:  # a namespace package, which can be any folder
        return False
    path = Path(file).resolve()
    for folder in (Path(one) for one in folders):
        if path.is_relative_to(folder):
            between = [one for one in path.parents if one != folder and one.is_relative_to(folder)]
            return not any(_holds_runs(one) for one in between)
    return False


def _holds_runs(folder: Path) -> bool:
    """Whether a folder is that of a run or a study, whose modules belong to no project."""
    return any(
        next(folder.glob(pattern), None) is not None
        for pattern in ("run.json", "*/run.json", "evidence/points.parquet")
    )


def _is_below(name: str, modules: tuple[str, ...]) -> bool:
    return any(name == module or name.startswith(f"{module}.") for module in modules)


def _advice(name: Any) -> str:
    """Return how to allow a user's module; empty for an invalid name."""
    if not isinstance(name, str) or not all(part.isidentifier() for part in name.split(".")):
        return ""
    if _is_below(name, (PACKAGE,)) and not name.startswith(_ONLY_TYPED):
        return " Use a class that a shipped config names."
    module = name.rpartition(".")[0] or name
    return (
        " If you know and trust it, use --config-dir with the folder of its module, or "
        f"--trust-module {module}."
    )
