"""Hashes of the code of modules from outside the package, without comments and layout."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable, Iterator
from functools import lru_cache
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import resolve_name
from pathlib import Path
from typing import Any

from hydra._internal.utils import _locate

from saibench.identity import digest
from saibench.imports.user_code import is_user_path


def user_source(targets: Iterable[str]) -> dict[str, str]:
    """Return 12 digits of the hash of each user module that targets come from or import.

    A module is the user's if it is neither saibench's, nor Python's, nor installed. Its `import`
    statements are followed, also within functions. Comments, docstrings and layout do not change
    the hash.

    Args:
        targets: dotted paths, as in `_target_`; those that cannot be imported are skipped.
    """
    found: dict[str, str] = {}
    waiting = [name for target in dict.fromkeys(targets) for name in _modules_of(target)]
    while waiting:
        name = waiting.pop()
        if name in found or (path := _user_file(name)) is None:
            continue
        status = path.stat()
        found[name], imported = _read(path, name, status.st_mtime_ns, status.st_size)
        waiting.extend(imported)
    return dict(sorted(found.items()))


def _modules_of(target: str) -> list[str]:
    """Return the modules on a dotted path, and the one that defines its object."""
    parts = target.split(".")
    named = [".".join(parts[:count]) for count in range(1, len(parts))]
    if not named or not (_user_file(parts[0]) or _is_user_folder(parts[0])):
        return []
    try:
        defined_in = getattr(_locate(target), "__module__", None)
    except Exception:  # whatever the import of a user's module raises; it is refused elsewhere
        return []
    return [*named, *([defined_in] if defined_in else [])]


def _user_file(name: str) -> Path | None:
    """Return the file of a module if it is the user's."""
    spec = _spec(name)
    if spec is None or not spec.has_location or spec.origin is None:
        return None
    path = Path(spec.origin).resolve()
    return path if path.is_file() and is_user_path(path) else None


def _is_user_folder(name: str) -> bool:
    """Whether a package without an `__init__.py` is the user's."""
    spec = _spec(name)
    folders = list(spec.submodule_search_locations or ()) if spec is not None else []
    return any(is_user_path(Path(folder).resolve()) for folder in folders)


def _spec(name: str) -> ModuleSpec | None:
    """Find a module without importing anything."""
    if name.partition(".")[0] in sys.stdlib_module_names:
        return None
    spec = getattr(sys.modules.get(name), "__spec__", None)
    if spec is not None:
        return spec
    package = name.rpartition(".")[0]
    if not package:
        return PathFinder.find_spec(name)
    above = _spec(package)
    if above is None or above.submodule_search_locations is None:
        return None
    return PathFinder.find_spec(name, list(above.submodule_search_locations))


@lru_cache(maxsize=256)
def _read(path: Path, name: str, modified: int, size: int) -> tuple[str, tuple[str, ...]]:
    """Return the hash of a module's code, and the names of the modules that it imports."""
    content = path.read_bytes()
    try:
        tree = ast.parse(content)
    except (SyntaxError, ValueError):  # a compiled module
        return digest(content.hex()), ()
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    return digest(_outline(tree)), tuple(dict.fromkeys(_imported(tree, package)))


def _imported(tree: ast.AST, package: str) -> Iterator[str]:
    """Yield the names in import statements; some may not be modules."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield from _through(alias.name)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                try:
                    base = resolve_name("." * node.level + base, package)
                except ImportError:  # beyond the top: it would fail when it ran
                    continue
            yield from _through(base)
            yield from (f"{base}.{alias.name}" for alias in node.names)


def _through(name: str) -> list[str]:
    parts = name.split(".")
    return [".".join(parts[:count]) for count in range(1, len(parts) + 1)]


def _outline(node: Any) -> Any:
    """Return a syntax tree without docstrings and positions, equal in all versions of Python."""
    if isinstance(node, ast.AST):
        fields = {field: value for field, value in ast.iter_fields(node) if value not in (None, [])}
        if "body" in fields and isinstance(fields["body"], list):
            fields["body"] = [part for part in fields["body"] if not _is_text(part)]
        fields.pop("kind", None)
        return [type(node).__name__, {name: _outline(value) for name, value in fields.items()}]
    if isinstance(node, list):
        return [_outline(part) for part in node]
    return f"{type(node).__name__} {node!r}"


def _is_text(node: Any) -> bool:
    """Whether a statement is a text alone, such as a docstring."""
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )
