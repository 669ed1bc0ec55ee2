from __future__ import annotations

import errno
import json
import os
import pickle
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from saibench.datamodules import cache, hash_cache
from saibench.datamodules.cache import CachedArrays, cached_arrays, new_array
from saibench.datamodules.cache_root import cache_root
from saibench.datamodules.downloads import disk
from saibench.errors import UserError

RECIPE = {"seed": 3}
TIME = np.linspace(0.0, 1.0, 50)
FORCES = np.random.default_rng(0).normal(size=(50, 4, 3)).astype(np.float32)

BUILD_SLOWLY = """
import sys, time
from pathlib import Path
import numpy as np
from saibench.datamodules.cache import cached_arrays

root = Path(sys.argv[1])

def build(folder):
    with (root / "builds").open("a") as builds:
        builds.write("begun\\n")
    time.sleep(float(sys.argv[2]))
    return {"time": np.arange(1000.0)}

print(cached_arrays(root, "slow", {"seed": 3}, build).data_hash)
"""


def build(folder: Path) -> dict[str, np.ndarray]:
    return {"time": TIME, "forces": FORCES}


def must_not_build(folder: Path) -> dict[str, np.ndarray]:
    raise AssertionError("the cache was there")


def make(root: Path) -> CachedArrays:
    return cached_arrays(root, "name", RECIPE, build, {"time": "ps", "forces": "eV/Å"})


def flip(path: Path) -> None:
    """One bit of the last value, at the time of the last change."""
    status, content = path.stat(), bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def swap(path: Path, make: Callable[[Path], None]) -> None:
    path.unlink()
    make(path)


def start(script: str, *arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", script, *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def wait_for(path: Path, process: subprocess.Popen[str]) -> None:
    while not path.exists():
        assert process.poll() is None, f"{path} never came"
        time.sleep(0.02)


def test_arrays_come_back_unchanged_mapped_and_read_only(tmp_path: Path) -> None:
    kept = make(tmp_path)

    np.testing.assert_array_equal(kept["time"], TIME)
    np.testing.assert_array_equal(kept["forces"], FORCES)
    assert isinstance(kept["forces"], np.memmap)
    with pytest.raises(ValueError, match="read-only"):
        kept["forces"][0] = 0


def test_another_process_is_sent_the_folder_and_maps_it(tmp_path: Path) -> None:
    """Workers that read ahead would else be sent a copy of all events."""
    large = cached_arrays(tmp_path, "large", {}, lambda folder: {"time": np.arange(100_000.0)})
    sent = pickle.dumps(large)
    assert len(sent) < 1000
    received = pickle.loads(sent)
    assert isinstance(received["time"], np.memmap)
    np.testing.assert_array_equal(received["time"], np.arange(100_000.0))
    assert received.manifest == large.manifest


def test_the_second_caller_does_not_build(tmp_path: Path) -> None:
    first = make(tmp_path)
    second = cached_arrays(tmp_path, "name", RECIPE, must_not_build)

    assert second.data_hash == first.data_hash
    np.testing.assert_array_equal(second["forces"], FORCES)


def test_another_recipe_has_another_folder(tmp_path: Path) -> None:
    folders = {cached_arrays(tmp_path, "name", {"seed": seed}, build).folder for seed in (0, 1)}

    assert len(folders) == 2


def test_another_version_of_the_build_has_another_folder(tmp_path: Path) -> None:
    make(tmp_path)
    changed = cached_arrays(tmp_path, "name", RECIPE, lambda folder: {"time": TIME}, version=2)
    assert set(changed.arrays) == {"time"} and changed.manifest["recipe"] == RECIPE
    assert cached_arrays(tmp_path, "name", RECIPE, must_not_build, version=1).arrays.keys() > {
        "time"
    }


def test_the_order_of_a_recipe_does_not_matter(tmp_path: Path) -> None:
    first = cached_arrays(tmp_path, "name", {"a": 1, "b": (2, 3)}, build)

    again = cached_arrays(tmp_path, "name", {"b": [2, 3], "a": 1}, must_not_build)
    assert again.folder == first.folder


def test_the_manifest_describes_the_arrays(tmp_path: Path) -> None:
    folder = make(tmp_path).folder
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))

    assert manifest["recipe"] == RECIPE
    assert manifest["arrays"]["forces"] == {
        "shape": [50, 4, 3],
        "dtype": "<f4",
        "unit": "eV/Å",
        "bytes": (folder / "forces.npy").stat().st_size,
    }
    assert manifest["arrays"]["time"]["unit"] == "ps"
    assert manifest["seconds"] >= 0
    assert "saibench" in manifest


def test_the_data_hash_belongs_to_the_content_alone(tmp_path: Path) -> None:
    def changed(folder: Path) -> dict[str, np.ndarray]:
        forces = FORCES.copy()
        forces[17, 1, 2] = np.nextafter(forces[17, 1, 2], np.float32(9))
        return {"time": TIME, "forces": forces}

    here = make(tmp_path / "here").data_hash
    assert make(tmp_path / "there").data_hash == here
    assert cached_arrays(tmp_path / "third", "name", RECIPE, changed).data_hash != here


def test_a_big_array_can_be_filled_chunk_by_chunk(tmp_path: Path) -> None:
    def in_chunks(folder: Path) -> dict[str, np.ndarray]:
        forces = new_array(folder, "forces", FORCES.shape, FORCES.dtype)
        for row in range(0, len(FORCES), 7):
            forces[row : row + 7] = FORCES[row : row + 7]
        return {"time": TIME, "forces": forces}

    kept = cached_arrays(tmp_path, "name", RECIPE, in_chunks)

    np.testing.assert_array_equal(kept["forces"], FORCES)
    assert kept.data_hash == make(tmp_path / "at_once").data_hash


def rename_in(path: Path, old: str, new: str) -> None:
    path.write_text(path.read_text().replace(old, new))


@pytest.mark.parametrize(
    "damage",
    [
        lambda folder: os.truncate(folder / "forces.npy", 200),
        lambda folder: os.truncate(folder / "forces.npy", 0),
        lambda folder: (folder / "forces.npy").unlink(),
        lambda folder: np.save(folder / "forces.npy", FORCES[:49]),
        lambda folder: np.save(folder / "forces.npy", FORCES.astype(np.float64)),
        lambda folder: (folder / "forces.npy").open("ab").write(b"more"),
        lambda folder: flip(folder / "forces.npy"),
        lambda folder: np.save(folder / "forces.npy", FORCES * 4),
        lambda folder: swap(folder / "forces.npy", os.mkfifo),
        lambda folder: swap(folder / "manifest.json", os.mkfifo),
        lambda folder: os.truncate(folder / "manifest.json", 40),
        lambda folder: (folder / "manifest.json").write_text("[]"),
        lambda folder: (folder / "manifest.json").unlink(),
        lambda folder: rename_in(folder / "manifest.json", "recipe", "recipd"),
    ],
    ids=[
        "truncated",
        "emptied",
        "removed",
        "other_shape",
        "other_type",
        "longer",
        "a_bit",
        "other_values",
        "a_pipe",
        "a_pipe_for_a_manifest",
        "half_a_manifest",
        "not_a_manifest",
        "no_manifest",
        "a_bit_of_the_recipe",
    ],
)
def test_a_damaged_folder_is_built_again(tmp_path: Path, damage) -> None:
    folder = make(tmp_path).folder
    damage(folder)

    kept = make(tmp_path)

    assert kept.folder == folder
    np.testing.assert_array_equal(kept["forces"], FORCES)
    cached_arrays(tmp_path, "name", RECIPE, must_not_build)


def test_a_damaged_folder_is_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = make(tmp_path).folder
    flip(folder / "forces.npy")
    make(tmp_path)
    (warning,) = [record.getMessage() for record in caplog.records]
    assert str(folder) in warning and "data_hash" in warning


def test_a_damaged_folder_whose_source_is_gone_is_refused(tmp_path: Path) -> None:
    def gone(folder: Path) -> dict[str, np.ndarray]:
        raise UserError("the source is not there.")

    flip(make(tmp_path).folder / "forces.npy")
    with pytest.raises(UserError, match="source"):
        cached_arrays(tmp_path, "name", RECIPE, gone)


def test_arrays_are_hashed_once_a_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And not while they are so fresh that a change at once would not be seen."""
    monkeypatch.setenv("SAIBENCH_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(hash_cache, "MIN_BYTES", 0)
    monkeypatch.setattr(hash_cache, "SETTLED", -1)
    folder = make(tmp_path).folder
    make(tmp_path)
    monkeypatch.setattr(cache, "_data_hash", lambda arrays: pytest.fail("they were read"))
    for _ in range(2):
        cached_arrays(tmp_path, "name", RECIPE, must_not_build)
        hash_cache._known.clear()  # as in another process
    monkeypatch.undo()
    flip(folder / "forces.npy")
    np.testing.assert_array_equal(make(tmp_path)["forces"], FORCES)


@pytest.mark.parametrize("suffix", ["", ".partial", ".lock"])
def test_a_link_where_would_be_written_is_refused(suffix: str, tmp_path: Path) -> None:
    folder, elsewhere = make(tmp_path / "cache").folder, tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "mine").write_text("precious")
    shutil.rmtree(folder)
    link = folder.with_name(f"{folder.name}{suffix}")
    link.unlink(missing_ok=True)
    link.symlink_to(elsewhere / "mine" if suffix == ".lock" else elsewhere)
    with pytest.raises(UserError, match=link.name):
        make(tmp_path / "cache")
    assert (elsewhere / "mine").read_text() == "precious"


def test_processes_that_ask_at_once_build_once(tmp_path: Path) -> None:
    processes = [start(BUILD_SLOWLY, tmp_path, 1.0) for _ in range(3)]
    hashes = {process.communicate(timeout=300)[0].strip() for process in processes}

    assert [process.returncode for process in processes] == [0, 0, 0]
    assert len(hashes) == 1
    assert (tmp_path / "builds").read_text() == "begun\n"


def test_a_build_that_was_killed_is_done_again(tmp_path: Path) -> None:
    killed = start(BUILD_SLOWLY, tmp_path, 60)
    wait_for(tmp_path / "builds", killed)
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    assert list(tmp_path.glob("slow-*.partial"))

    again = start(BUILD_SLOWLY, tmp_path, 0)
    output, errors = again.communicate(timeout=300)

    assert again.returncode == 0, errors
    folder = next(path for path in tmp_path.glob("slow-*") if path.is_dir())
    assert json.loads((folder / "manifest.json").read_text())["data_hash"] == output.strip()
    assert not list(tmp_path.glob("slow-*.partial"))


def test_a_build_that_fails_leaves_nothing_and_its_own_error(tmp_path: Path) -> None:
    def fails(folder: Path) -> dict[str, np.ndarray]:
        new_array(folder, "forces", FORCES.shape, FORCES.dtype)
        raise PermissionError(errno.EACCES, "the source can't be read")

    with pytest.raises(PermissionError, match="the source can't be read"):
        cached_arrays(tmp_path, "name", RECIPE, fails)

    assert not [path for path in tmp_path.iterdir() if path.is_dir()]
    np.testing.assert_array_equal(make(tmp_path)["forces"], FORCES)


@pytest.mark.parametrize("chunked", [True, False])
def test_a_full_disk_is_refused_with_the_folder_and_the_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chunked: bool
) -> None:
    def in_chunks(folder: Path) -> dict[str, np.ndarray]:
        return {"forces": new_array(folder, "forces", FORCES.shape, FORCES.dtype)}

    def full(descriptor: int, offset: int, size: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(disk.os, "posix_fallocate", full, raising=False)
    with pytest.raises(UserError) as refusal:
        cached_arrays(tmp_path, "name", RECIPE, in_chunks if chunked else build)
    monkeypatch.undo()

    needed = FORCES.nbytes if chunked else FORCES.nbytes + TIME.nbytes
    assert str(tmp_path) in str(refusal.value)
    assert f"{needed:,} bytes" in str(refusal.value)
    assert not [path for path in tmp_path.iterdir() if path.is_dir()]
    np.testing.assert_array_equal(make(tmp_path)["forces"], FORCES)


def test_a_root_that_cannot_be_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(UserError, match="SAIBENCH_CACHE_DIR"):
        make(tmp_path / "file")


def test_a_complete_cache_is_read_without_writing(tmp_path: Path) -> None:
    """As from a folder shared by a group, in which only its owner may write."""
    folder = make(tmp_path).folder
    for lock in tmp_path.glob("*.lock"):
        lock.unlink()

    cached_arrays(tmp_path, "name", RECIPE, must_not_build)

    assert list(tmp_path.iterdir()) == [folder]


def test_the_root_is_the_environment_variable_or_in_the_home_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SAIBENCH_CACHE_DIR", str(tmp_path))
    assert cache_root() == tmp_path
    monkeypatch.delenv("SAIBENCH_CACHE_DIR")
    assert cache_root() == Path.home() / ".cache" / "saibench"
