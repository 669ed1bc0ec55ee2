"""Arrays that are made once, kept on disk with a manifest, and mapped by whoever asks next."""

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
from filelock import FileLock, Timeout
from numpy.typing import DTypeLike

from saibench.datamodules.cache_root import cache_root
from saibench.datamodules.downloads.disk import take_space, writable
from saibench.datamodules.kept_hashes import kept_hash
from saibench.errors import first_line
from saibench.files.bounded_json import load_json
from saibench.files.links import refuse_link
from saibench.files.plain import refuse_irregular

log = logging.getLogger(__name__)

Arrays = Mapping[str, np.ndarray]
MANIFEST = "manifest.json"


def is_cache(root: Path) -> bool:
    """Whether the folder already holds arrays that `cached_arrays` kept, or is the user's own."""
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
    """Read-only memory maps of the arrays in a cache folder, and how they came about.

    Pickled, they are the folder alone: a process that reads ahead maps them too, without a copy.
    """

    folder: Path
    arrays: Arrays
    manifest: Mapping[str, Any]

    def __getitem__(self, name: str) -> np.ndarray:
        return self.arrays[name]

    @property
    def data_hash(self) -> str:
        """sha256 of names, types, shapes and bytes: equal arrays have it on every machine."""
        return self.manifest["data_hash"]

    def __reduce__(self) -> tuple[Callable[[Path], CachedArrays], tuple[Path]]:
        return _mapped, (self.folder,)


def cached_arrays(
    root: Path,
    name: str,
    recipe: Mapping[str, Any],
    build: Callable[[Path], Arrays],
    units: Mapping[str, str] | None = None,
) -> CachedArrays:
    """The arrays of `<root>/<name>-<hash of recipe>/`, built now unless they are there.

    Several processes may ask at once: one builds, the others wait for it and read. The folder
    appears whole or not at all, so a build that was killed or failed is simply done again, and so
    is one whose arrays are not those that its manifest has the hash of. They are read for that once
    a machine, and again where a file has changed.

    Args:
        root: the cache's root folder.
        name: what the arrays are, in words that may stand in a file name.
        recipe: everything that changes the arrays, as JSON can hold it.
        build: makes the arrays. It is given the folder in which they will be kept, so that one
            too big for memory can be filled there chunk by chunk (`new_array`).
        units: array name → unit, for the manifest.

    Raises UserError: the disk has no room for the arrays, or the root can't be written, or a link
    stands where they would be.
    """
    recipe = json.loads(json.dumps(recipe, allow_nan=False))
    folder = root / f"{name}-{_hash(recipe)}"
    found = _open(folder)
    if found is None:
        with _sole_builder(folder):
            # another process may have built it while this one waited
            found = _open(folder, tell=log.warning)
            if found is None:
                _build(folder, recipe, build, units or {})
                found = _open(folder, is_verified=True)
    if found is None:
        raise RuntimeError(f"{folder} was damaged as soon as it was built.")
    return found


def new_array(folder: Path, name: str, shape: tuple[int, ...], dtype: DTypeLike) -> np.memmap:
    """An array to fill chunk by chunk, in the folder that `build` was given.

    Raises UserError: the disk has no room for it.
    """
    with writable(folder.parent, math.prod(shape) * np.dtype(dtype).itemsize):
        return _allocated(folder, name, shape, np.dtype(dtype))


def _allocated(folder: Path, name: str, shape: tuple[int, ...], dtype: np.dtype) -> np.memmap:
    path = folder / f"{name}.npy"
    array = np.lib.format.open_memmap(path, mode="w+", dtype=dtype, shape=shape)
    take_space(path)
    return array


def _hash(recipe: Any) -> str:
    return hashlib.sha256(json.dumps(recipe, sort_keys=True).encode()).hexdigest()[:12]


def _open(
    folder: Path, is_verified: bool = False, tell: Callable[..., None] = log.debug
) -> CachedArrays | None:
    """What the folder holds; None if it is not there, or if its files belie its manifest."""
    try:
        manifest = load_json(folder / MANIFEST)
        arrays = {}
        for name, stated in manifest["arrays"].items():
            path = folder / f"{name}.npy"
            refuse_irregular(path)
            arrays[name] = np.load(path, mmap_mode="r", allow_pickle=False)
            if _facts(folder, name, arrays[name], stated["unit"]) != stated:
                raise ValueError(f"{name}.npy is not as its manifest says")
        files = [folder / f"{name}.npy" for name in arrays]
        if not is_verified and manifest["data_hash"] != kept_hash(
            folder, files, lambda: _data_hash(arrays)
        ):
            raise ValueError("its arrays have not the data_hash of its manifest")
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return None
    except Exception as error:  # headers are parsed as Python, which raises almost anything
        tell("%s is damaged (%s): building it again", folder, first_line(error))
        return None
    return CachedArrays(folder, arrays, manifest)


def _mapped(folder: Path) -> CachedArrays:
    """The arrays of a folder that another process has found whole."""
    found = _open(folder, is_verified=True)
    if found is None:
        raise RuntimeError(f"{folder} was removed while it was read.")
    return found


def _build(
    folder: Path,
    recipe: Mapping[str, Any],
    build: Callable[[Path], Arrays],
    units: Mapping[str, str],
) -> None:
    """Make the folder aside and rename it. The caller holds its lock."""
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
                    name: _facts(aside, name, array, units.get(name, ""))
                    for name, array in arrays.items()
                },
                "data_hash": _data_hash(arrays),
                "saibench": _saibench_version(),
                "seconds": round(time.perf_counter() - started, 3),
            }
            _write(aside / MANIFEST, manifest)
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


def _write(path: Path, manifest: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(manifest, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _facts(folder: Path, name: str, array: np.ndarray, unit: str) -> dict[str, Any]:
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
    """Hold the folder's lock, which a process that is killed loses."""
    locked = folder.with_name(f"{folder.name}.lock")
    for path in (folder, _aside(folder), locked):
        refuse_link(path)
    lock = FileLock(locked)
    with writable(folder.parent):
        folder.parent.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            log.info("waiting for another process that is building %s", folder)
            lock.acquire()
    try:
        yield
    finally:
        lock.release()
