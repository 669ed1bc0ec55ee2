"""Untrusted JSON: every reader is limited in time and memory."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from saibench.analysis.trusted_range import TrustedRange
from saibench.datamodules.downloads.record import read_record
from saibench.datamodules.seen_ids import seen_ids
from saibench.errors import UserError
from saibench.files import bounded_json
from saibench.files.bounded_json import MAX_DEPTH, load_json, parse_json
from saibench.files.frozen_config import read_frozen
from saibench.files.integrity import check_file, read_sealed

HOSTILE = {
    "deep": "[" * 100_000 + "]" * 100_000,
    "deeper than a record": '{"a":' * (MAX_DEPTH + 1) + "1" + "}" * (MAX_DEPTH + 1),
    "half a character": '{"slug": "x\\uD800y"}',
    "half a character as a key": '{"\\udfff": 1}',
    "no UTF-8": b"\xff",
    "a number of 5,000 digits": f'{{"point": {"1" * 5000}}}',
}
READERS: dict[str, Callable[[Path], object]] = {
    "run.json": read_sealed,
    "range.json": TrustedRange.load,
    "data.npz.json": lambda path: read_record(path.with_name("data.npz")),
    "ids.json": lambda path: seen_ids(str(path)),
}


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_text_is_refused_with_its_file(
    text: str | bytes, name: str, tmp_path: Path
) -> None:
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(UserError, match=name) as refusal:
        READERS[name](path)
    assert str(refusal.value).isprintable()


def test_whole_characters_are_read_however_they_are_written() -> None:
    assert parse_json('["\\ud83d\\ude00", "\\\\ud800", "😀"]') == ["😀", "\\ud800", "😀"]


def test_text_beyond_the_bound_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "run.json"
    path.write_text('{"a": 1}')
    assert load_json(path) == {"a": 1}
    monkeypatch.setattr(bounded_json, "MAX_BYTES", 7)
    with pytest.raises(ValueError, match="7 bytes"):
        load_json(path)


def endless(path: Path) -> None:
    path.symlink_to("/dev/zero")


@pytest.mark.parametrize("make", [os.mkfifo, endless, Path.mkdir], ids=["pipe", "device", "folder"])
@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("run.json", read_sealed),
        ("range.json", TrustedRange.load),
        ("config.yaml", read_frozen),
        ("samples.parquet", check_file),
    ],
)
def test_what_is_no_file_is_refused_without_waiting(
    name: str, read: Callable[[Path], object], make: Callable[[Path], None], tmp_path: Path
) -> None:
    make(tmp_path / name)
    with pytest.raises(UserError, match=name):
        read(tmp_path / name)
