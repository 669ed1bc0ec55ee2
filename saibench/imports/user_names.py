"""What the user has named on the command line, and what may be imported for it.

The word of one command: kept in the environment, so that ranks and the workers of a launcher, which
are processes of their own, know it too. Nothing that is read from a folder adds to it.
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
    """What the user has named.

    Args:
        targets: classes, functions and modules by their whole dotted names, as in the settings of
            a command line.
        modules: modules and packages of `--trust-module`, with all that is defined below them.
        folders: of `--config-dir`, whose modules are the user's.
        caches: folders of prepared arrays that the settings name.
    """

    targets: tuple[str, ...] = ()
    modules: tuple[str, ...] = ()
    folders: tuple[str, ...] = ()
    caches: tuple[str, ...] = ()


def user_names() -> UserNames:
    """What has been named so far in this command."""
    return _read(os.environ.get(VARIABLE, "{}"))


def name_targets(names: Iterable[str]) -> None:
    """Take these dotted names for the user's own word."""
    _add("targets", names)


def name_caches(folders: Iterable[str]) -> None:
    """Take these folders for the user's own word."""
    _add("caches", (str(Path(folder).absolute()) for folder in folders))


def trust_modules(names: Iterable[str]) -> None:
    """Let a config or record that is read name what is defined in these modules or packages.

    Raises:
        UserError: there is no such module.
    """
    names = list(names)
    for name in names:
        try:
            found = all(part.isidentifier() for part in name.split(".")) and find_spec(name)
        except ImportError:  # of a package further up
            found = None
        if not found:
            raise UserError(
                f"--trust-module {name}: there is no such module. Use the dotted name of one that "
                "can be imported here, or --config-dir with the folder that holds it."
            )
    _add("modules", names)


def trust_folder(folder: Path) -> None:
    """Let a config or record that is read name the modules that lie in `folder`."""
    _add("folders", [str(folder.resolve())])


@contextmanager
def names_of_one_command() -> Iterator[None]:
    """Forget afterwards what is named within."""
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
