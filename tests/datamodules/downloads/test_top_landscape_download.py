"""TopLandscape is fetched from Zenodo's addresses, verified, and found by its reader."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from saibench.datamodules.downloads.catalogue import catalogue
from saibench.datamodules.jet_tagging.downloads import DownloadableTopLandscape
from saibench.datamodules.jet_tagging.top_landscape import TopLandscape
from saibench.errors import UserError

NAMES = ("train.h5", "val.h5", "test.h5")


@pytest.fixture
def content() -> dict[str, bytes]:
    return {name: f"jets of {name}".encode() * 1000 for name in NAMES}


@pytest.fixture
def published(server: Any, answer: Any, content: dict[str, bytes]) -> DownloadableTopLandscape:
    """As on Zenodo, on the loopback interface."""
    for name, body in content.items():
        server.serve(f"/records/2603256/files/{name}?download=1", answer(body))
        server.serve(f"/api/records/2603256/files/{name}/content", answer(body))
    hosts = (
        server.url("/records/2603256/files/{file}?download=1"),
        server.url("/api/records/2603256/files/{file}/content"),
    )
    md5 = {name: hashlib.md5(body).hexdigest() for name, body in content.items()}
    return DownloadableTopLandscape(hosts, md5)


def test_all_three_files_come(published: Any, content: dict[str, bytes], tmp_path: Path) -> None:
    paths = published.download(tmp_path)
    assert {path.name: path.read_bytes() for path in paths} == content


def test_one_split_can_be_had_alone(published: Any, server: Any, tmp_path: Path) -> None:
    assert published.download(tmp_path, split=["test"]) == [tmp_path / "test.h5"]
    assert [request.path for request in server.received] == [
        "/records/2603256/files/test.h5?download=1"
    ]
    published.download(tmp_path, split=["test"])
    assert len(server.received) == 1


def test_the_second_address_is_asked_when_the_first_fails(
    published: Any, server: Any, answer: Any, content: dict[str, bytes], tmp_path: Path
) -> None:
    server.serve("/records/2603256/files/val.h5?download=1", answer(status=404))
    (path,) = published.download(tmp_path, split=["val"])
    assert path.read_bytes() == content["val.h5"]


def test_other_bytes_than_the_published_ones_are_refused(
    published: Any, server: Any, answer: Any, tmp_path: Path
) -> None:
    server.serve("/records/2603256/files/val.h5?download=1", answer(b"another file"))
    with pytest.raises(UserError, match=r"val\.h5.*checksum"):
        published.download(tmp_path, split=["val"])
    assert not (tmp_path / "val.h5").exists()


def test_an_unknown_split_is_refused(published: Any, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="validate"):
        published.download(tmp_path, split=["validate"])


def test_what_is_published_is_in_the_catalogue() -> None:
    published = catalogue()["top_landscape"]
    assert isinstance(published, DownloadableTopLandscape)
    assert sorted(published.md5) == sorted(NAMES)
    assert all(len(md5) == 32 and int(md5, 16) for md5 in published.md5.values())
    assert all(
        host.format(file="val.h5").startswith("https://zenodo.org/") for host in published.hosts
    )
    assert published.folder == TopLandscape().name
