from __future__ import annotations

import io
import os
import tarfile
from pathlib import Path

import numpy as np
import pytest

from saibench.datamodules.downloads.unpack import unpacked
from saibench.errors import UserError

GOOD = ("data/a.npz", b"a" * 5000)


def member(name: str, content: bytes = b"", **fields) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.size = len(content)
    for field, value in fields.items():
        setattr(info, field, value)
    return info, content


def tar(path: Path, *members: tuple[tarfile.TarInfo, bytes]) -> Path:
    with tarfile.open(path, "w:bz2") as archive:
        for info, content in members:
            archive.addfile(info, io.BytesIO(content))
    return path


def everything_below(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.suffix != ".lock"}


def test_wanted_members_come_out_and_only_these(tmp_path):
    archive = tar(
        tmp_path / "a.tar.bz2",
        member("data", type=tarfile.DIRTYPE),
        member(*GOOD),
        member("data/._a.npz", b"left by macOS"),
        member("./data/b.npz", b"b"),
    )
    with unpacked(archive, ["data/a.npz", "data/b.npz", "data/absent.npz"]) as members:
        assert {name: path.read_bytes() for name, path in members.items()} == {
            "data/a.npz": GOOD[1],
            "data/b.npz": b"b",
        }
        assert not any(path.name.startswith("._") for path in tmp_path.rglob("*.npz"))
    assert everything_below(tmp_path) == {"a.tar.bz2"}


@pytest.mark.parametrize(
    "bad",
    [
        member("/tmp/absolute", b"x"),
        member("../outside", b"x"),
        member("data/../../outside", b"x"),
        member("data/link", type=tarfile.SYMTYPE, linkname="/etc/passwd"),
        member("data/link", type=tarfile.SYMTYPE, linkname="a.npz"),
        member("data/hard", type=tarfile.LNKTYPE, linkname="data/a.npz"),
        member("data/pipe", type=tarfile.FIFOTYPE),
        member("data/device", type=tarfile.CHRTYPE),
    ],
    ids=lambda bad: f"{bad[0].name} {bad[0].type.decode()}",
)
@pytest.mark.parametrize("first", [True, False])
def test_a_malicious_member_anywhere_leaves_nothing_unpacked(tmp_path, bad, first):
    inner = tmp_path / "inner"
    inner.mkdir()
    members = [bad, member(*GOOD)] if first else [member(*GOOD), bad]
    archive = tar(inner / "a.tar.bz2", *members)
    wanted = ["data/a.npz", bad[0].name]
    with (
        pytest.raises(UserError, match="Nothing was unpacked") as raised,
        unpacked(archive, wanted),
    ):
        pytest.fail("the block must not begin")
    assert bad[0].name in str(raised.value)
    assert everything_below(tmp_path) == {"inner", "inner/a.tar.bz2"}


def test_a_file_written_through_a_link_of_the_archive_is_refused(tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    archive = tar(
        tmp_path / "a.tar.bz2",
        member("data", type=tarfile.SYMTYPE, linkname=str(outside)),
        member(*GOOD),
    )
    with pytest.raises(UserError), unpacked(archive, [GOOD[0]]):
        pass
    assert list(outside.iterdir()) == []


def test_a_wanted_name_that_comes_twice_is_refused(tmp_path):
    archive = tar(tmp_path / "a.tar.bz2", member(*GOOD), member(GOOD[0], b"another"))
    with pytest.raises(UserError, match="twice"), unpacked(archive, [GOOD[0]]):
        pass


@pytest.mark.parametrize("kept", [0, 10, 0.5, 0.95])
def test_a_damaged_archive_is_named(tmp_path, kept):
    archive = tar(tmp_path / "a.tar.bz2", member("data/a.npz", os.urandom(200_000)))
    content = archive.read_bytes()
    size = int(kept * len(content)) if isinstance(kept, float) else kept
    archive.write_bytes(content[:size])
    with pytest.raises(UserError, match="damaged") as raised, unpacked(archive, [GOOD[0]]):
        pass
    assert str(archive) in str(raised.value)
    assert everything_below(tmp_path) == {"a.tar.bz2"}


@pytest.mark.parametrize("seed", range(40))
def test_a_flipped_bit_is_damage(tmp_path, seed):
    """Also one that leaves every length as it was, which the archive's check sum alone tells."""
    generator = np.random.default_rng(seed)
    archive = tar(tmp_path / "a.tar.bz2", member("data/a.npz", generator.bytes(20_000)))
    content = bytearray(archive.read_bytes())
    content[generator.integers(len(content) // 10, len(content) * 9 // 10)] ^= 1
    archive.write_bytes(content)
    with pytest.raises(UserError, match="damaged"), unpacked(archive, [GOOD[0]]):
        pass


def test_a_member_larger_than_the_disk_is_refused(tmp_path):
    info, _ = member("data/a.npz")
    info.size = 10**16
    info.pax_headers = {}
    header = info.tobuf(tarfile.GNU_FORMAT)
    archive = tmp_path / "a.tar"
    archive.write_bytes(header + b"\0" * 10240)
    with pytest.raises(UserError, match="free"), unpacked(archive, ["data/a.npz"]):
        pass


def test_what_a_killed_run_left_is_replaced(tmp_path):
    archive = tar(tmp_path / "a.tar.bz2", member(*GOOD))
    left = tmp_path / "a.tar.bz2.unpacked" / "data"
    left.mkdir(parents=True)
    (left / "half").write_bytes(b"")
    with unpacked(archive, [GOOD[0]]):
        assert not (left / "half").exists()
    assert everything_below(tmp_path) == {"a.tar.bz2"}
