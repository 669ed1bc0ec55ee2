"""Hashes of files: read once a machine, and again whenever a file has changed."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import pytest

from saibench.datamodules import files, hash_cache


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of hashes, where those of all files are kept at once."""
    monkeypatch.setenv("SAIBENCH_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(hash_cache, "MIN_BYTES", 0)
    monkeypatch.setattr(hash_cache, "SETTLED", -1)
    return tmp_path / "cache" / "hashes"


def another_process_hashes(path: Path) -> str:
    hash_cache._known.clear()
    return files.file_sha256(path)


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def test_file_that_is_the_same_is_not_read_again(
    kept: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "frames.npz"
    path.write_bytes(b"one")
    assert another_process_hashes(path) == sha256(b"one")
    assert len(list(kept.iterdir())) == 1
    monkeypatch.setattr(files, "_digest", lambda path: pytest.fail("it was read"))
    assert another_process_hashes(path) == sha256(b"one")


def test_file_that_changed_is_read_again_though_its_time_was_set_back(
    kept: Path, tmp_path: Path
) -> None:
    path = tmp_path / "frames.npz"
    path.write_bytes(b"one")
    before = path.stat()
    another_process_hashes(path)
    path.write_bytes(b"two")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert another_process_hashes(path) == sha256(b"two")


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b"\xff\xfe"])
def test_damaged_entry_is_recomputed(damage: bytes, kept: Path, tmp_path: Path) -> None:
    path = tmp_path / "frames.npz"
    path.write_bytes(b"one")
    another_process_hashes(path)
    (entry,) = kept.iterdir()
    entry.write_bytes(damage)
    assert another_process_hashes(path) == sha256(b"one")
    assert json.loads(entry.read_text())["sha256"] == sha256(b"one")


def test_a_file_just_written_is_not_saved(
    kept: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A change within the clock's tick would not be seen."""
    monkeypatch.setattr(hash_cache, "SETTLED", 60 * 10**9)
    path = tmp_path / "frames.npz"
    path.write_bytes(b"one")
    another_process_hashes(path)
    assert not kept.exists()
