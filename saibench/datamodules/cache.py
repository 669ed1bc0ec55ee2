"""Arrays that are built once, saved with a manifest, and memory-mapped afterwards."""

from __future__ import annotations

import hashlib
import json
import logging
import math
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from saibench.datamodules.cache_root import cache_root
from saibench.datamodules.downloads.disk import allocate, writable
from saibench.datamodules.hash_cache import cached_hash
from saibench.errors import first_line
from saibench.files.bounded_json import load_json
from saibench.files.links import refuse_link
from saibench.files.locks import InUse, take_lock
from saibench.files.plain import refuse_irregular

log = logging.getLogger(__name__)

Arrays = Mapping[str, np.ndarray]
MANIFEST = "manifest.json"


def is_cache(root: Path) -> bool:
    """Whether the folder is the default cache or holds arrays of `cached_arrays`."""
    if root.resolve().is_relative_to(cache_root().resolve()):
        return True
    return any(_is_manifest(path) for path in root.glob(f"*/{MANIFEST}"))


def _is_manifest(path: Path) -> bool:
    try:
        manifest = load_json(path)
    except (OSError, ValueError):
        return False
    return isinstance(manifest, dict) and {"recipe", "arrays", "data_hash"} <= set(manifest)


@dataclass(frozen=True)
class CachedArrays:
    """Read-only memory maps of the arrays in a cache folder, with their manifest.

    A pickle holds the folder only: a worker process maps the same files without a copy.
    """

    folder: Path
    arrays: Arrays
    manifest: Mapping[str, Any]

    def __getitem__(self, name: str) -> np.ndarray:
        return self.arrays[name]

    @property
    def data_hash(self) -> str:
        """SHA-256 of names, types, shapes and bytes, equal for equal arrays on every machine."""
        return self.manifest["data_hash"]

    def __reduce__(self) -> tuple[Callable[[Path], CachedArrays], tuple[Path]]:
        return _mapped, (self.folder,)


def cached_arrays(
    root: Path,
    name: str,
    recipe: Mapping[str, Any],
    build: Callable[[Path], Arrays],
    units: Mapping[str, str] | None = None,
    version: int = 1,
) -> CachedArrays:
    """The arrays of `<root>/<name>-<hash of recipe and version>/`, built if they do not exist.

    Of several concurrent processes one builds while the others wait. The folder is renamed into
    place when it is complete; an interrupted build is repeated, as is one whose arrays do not match
    the hash in its manifest. The hash is verified once per machine, and again if a file changes.

    Args:
        root: root folder of the cache.
        name: short name of the arrays, valid in a file name.
        recipe: all settings that change the arrays, as JSON types.
        build: makes the arrays. Its argument is the folder in which they will be saved, where an
            array larger than memory can be filled in chunks (`new_array`).
        units: array name → unit, for the manifest.
        version: of `build`; raise it when it makes other arrays of the same recipe.

    Raises UserError: the disk is full, the root is not writable, or a symbolic link is in the way.
    """
    recipe = json.loads(json.dumps(recipe, allow_nan=False))
    text = json.dumps(recipe, sort_keys=True) + (f" {version}" if version > 1 else "")
    folder = root / f"{name}-{hashlib.sha256(text.encode()).hexdigest()[:12]}"
    found = _open(folder, recipe)
    if found is None:
        with _sole_builder(folder):
            # another process may have built it while this one waited
            found = _open(folder, recipe, report=log.warning)
            if found is None:
                _build(folder, recipe, build, units or {})
                found = _open(folder, recipe, is_verified=True)
    if found is None:
        raise RuntimeError(f"{folder} does not match its manifest right after it was built.")
    return found


def new_array(folder: Path, name: str, shape: tuple[int, ...], dtype: DTypeLike) -> np.memmap:
    """An array to fill in chunks, in the folder passed to `build`.

    Raises UserError: the disk is full.
    """
    with writable(folder.parent, math.prod(shape) * np.dtype(dtype).itemsize):
        return _allocated(folder, name, shape, np.dtype(dtype))


def _allocated(folder: Path, name: str, shape: tuple[int, ...], dtype: np.dtype) -> np.memmap:
    path = folder / f"{name}.npy"
    array = np.lib.format.open_memmap(path, mode="w+", dtype=dtype, shape=shape)
    allocate(path)
    return array


def _open(
    folder: Path,
    recipe: Mapping[str, Any] | None = None,
    is_verified: bool = False,
    report: Callable[..., None] = log.debug,
) -> CachedArrays | None:
    """The arrays of the folder; None if it does not exist or does not match its manifest.

    Args:
        folder: in the cache.
        recipe: that the manifest must have; None for any.
        is_verified: whether the hash of the arrays need not be compared.
        report: called with what is damaged.
    """
    try:
        manifest = load_json(folder / MANIFEST)
        if recipe is not None and manifest["recipe"] != recipe:
            raise ValueError("the manifest has another recipe")
        arrays = {}
        for name, stated in manifest["arrays"].items():
            path = folder / f"{name}.npy"
            refuse_irregular(path)
            arrays[name] = np.load(path, mmap_mode="r", allow_pickle=False)
            if _properties(folder, name, arrays[name], stated["unit"]) != stated:
                raise ValueError(f"{name}.npy does not match the manifest")
        files = [folder / f"{name}.npy" for name in arrays]
        if not is_verified and manifest["data_hash"] != cached_hash(
            folder, files, lambda: _data_hash(arrays)
        ):
            raise ValueError("the arrays do not match data_hash in the manifest")
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return None
    except Exception as error:  # headers are parsed as Python, which raises almost anything
        report("%s is damaged (%s). It is rebuilt.", folder, first_line(error))
        return None
    return CachedArrays(folder, arrays, manifest)


def _mapped(folder: Path) -> CachedArrays:
    """The arrays of a folder that another process has verified."""
    found = _open(folder, is_verified=True)
    if found is None:
        raise RuntimeError(f"{folder} was removed during reading.")
    return found


def _build(
    folder: Path,
    recipe: Mapping[str, Any],
    build: Callable[[Path], Arrays],
    units: Mapping[str, str],
) -> None:
    """Build into `<folder>.partial` and rename it. The caller holds the lock."""
    root, aside = folder.parent, _aside(folder)
    if aside.exists():  # left by a process that was killed
        shutil.rmtree(aside)
    with writable(root):
        aside.mkdir()
    try:
        started = time.perf_counter()
        arrays = build(aside)
        with writable(root, sum(array.nbytes for array in arrays.values())):
            for name, array in arrays.items():
                _store(aside, name, array)
            manifest = {
                "recipe": recipe,
                "arrays": {
                    name: _properties(aside, name, array, units.get(name, ""))
                    for name, array in arrays.items()
                },
                "data_hash": _data_hash(arrays),
                "saibench": _saibench_version(),
                "seconds": round(time.perf_counter() - started, 3),
            }
            text = json.dumps(manifest, indent=2, ensure_ascii=False) + "\n"
            (aside / MANIFEST).write_text(text, encoding="utf-8")
        if folder.exists():
            shutil.rmtree(folder)
        aside.rename(folder)
    finally:
        if aside.exists():
            shutil.rmtree(aside)


def _aside(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.partial")


def _store(folder: Path, name: str, array: np.ndarray) -> None:
    if isinstance(array, np.memmap) and (folder / f"{name}.npy").exists():
        array.flush()  # a `new_array` that `build` filled
    else:
        stored = _allocated(folder, name, array.shape, array.dtype)
        stored[...] = array
        stored.flush()


def _properties(folder: Path, name: str, array: np.ndarray, unit: str) -> dict[str, Any]:
    return {
        "shape": list(array.shape),
        "dtype": array.dtype.str,
        "unit": unit,
        "bytes": (folder / f"{name}.npy").stat().st_size,
    }


def _data_hash(arrays: Arrays) -> str:
    digest = hashlib.sha256()
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        digest.update(f"{name} {array.dtype.str} {array.shape}".encode())
        digest.update(array.reshape(-1).view(np.uint8).data)
    return digest.hexdigest()


def _saibench_version() -> str:
    try:
        return version("saibench")
    except PackageNotFoundError:
        return "not installed"


@contextmanager
def _sole_builder(folder: Path) -> Iterator[None]:
    """Hold the folder's lock, which a killed process does not keep."""
    locked = folder.with_name(f"{folder.name}.lock")
    for path in (folder, _aside(folder), locked):
        refuse_link(path)
    with writable(folder.parent):
        folder.parent.mkdir(parents=True, exist_ok=True)
        try:
            lock = take_lock(locked)
        except InUse as owner:
            log.info("waiting for %s to build %s", owner, folder)
            lock = take_lock(locked, wait=math.inf)
    with lock:
        yield
