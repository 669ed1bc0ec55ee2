"""Names on the command line that may therefore be imported.

They are kept in the environment, for the processes of ranks and launchers. Nothing that is read
from a folder adds to them.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

from saibench.errors import UserError

VARIABLE = "SAIBENCH_OWN_NAMES"


@dataclass(frozen=True)
class UserNames:
    """Names from the command line.

    Args:
        targets: full dotted names of classes, functions and modules in the settings.
        modules: modules and packages of `--trust-module`, with all that they define.
        folders: folders of `--config-dir`.
        caches: folders of prepared arrays in the settings.
    """

    targets: tuple[str, ...] = ()
    modules: tuple[str, ...] = ()
    folders: tuple[str, ...] = ()
    caches: tuple[str, ...] = ()


def user_names() -> UserNames:
    """Return the names so far in this command."""
    return _read(os.environ.get(VARIABLE, "{}"))


def name_targets(names: Iterable[str]) -> None:
    """Add dotted names."""
    _add("targets", names)


def name_caches(folders: Iterable[str]) -> None:
    """Add folders of prepared arrays."""
    _add("caches", (str(Path(folder).absolute()) for folder in folders))


def trust_modules(names: Iterable[str]) -> None:
    """Allow files that are read to name what these modules or packages define.

    Raises:
        UserError: a module does not exist.
    """
    names = list(names)
    for name in names:
        try:
            found = all(part.isidentifier() for part in name.split(".")) and find_spec(name)
        except ImportError:  # of a package further up
            found = None
        if not found:
            raise UserError(
                f"--trust-module {name}: the module does not exist. Use the dotted name of an "
                "importable module, or --config-dir with its folder."
            )
    _add("modules", names)


def trust_folder(folder: Path) -> None:
    """Allow files that are read to name the modules in `folder`."""
    _add("folders", [str(folder.resolve())])


@contextmanager
def names_of_one_command() -> Iterator[None]:
    """Remove names that were added within the context afterwards."""
    before = os.environ.get(VARIABLE)
    try:
        yield
    finally:
        os.environ.pop(VARIABLE, None)
        if before is not None:
            os.environ[VARIABLE] = before


def _add(kind: str, names: Iterable[str]) -> None:
    known = asdict(user_names())
    known[kind] = list(dict.fromkeys([*known[kind], *names]))
    os.environ[VARIABLE] = json.dumps(known)


@lru_cache
def _read(text: str) -> UserNames:
    known = json.loads(text)
    return UserNames(**{one.name: tuple(known.get(one.name, ())) for one in fields(UserNames)})
