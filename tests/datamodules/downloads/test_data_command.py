from __future__ import annotations

import argparse
import hashlib
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from saibench.commands.data import add_parser
from saibench.datamodules.downloads.catalogue import Downloadable, Option, catalogue
from saibench.datamodules.downloads.remote import Checksum, RemoteFile
from saibench.datamodules.force_field.published import MOLECULES
from saibench.datamodules.nowcasting.mrms import MRMS
from saibench.errors import UserError


@dataclass(frozen=True)
class Jets(Downloadable):
    """A data set of another workload, as its own file would declare it."""

    name = "jets"
    folder = "top"
    summary = "top jets and QCD jets"
    size = "1 kB"
    licence = "CC BY 4.0"
    source = "https://example.org"
    options = (Option("split", "only these", ("train", "test")), Option("raw", "four-momenta"))

    file: RemoteFile

    def download(self, root: Path, *, split: list[str], raw: bool) -> list[Path]:
        from saibench.datamodules.downloads.download import download

        names = Option("split", "", ("train", "test")).check(split)
        return [download(self.file, root / f"{name}{'_raw' * raw}.h5") for name in names]


@pytest.fixture
def jets(server, answer) -> Jets:
    checksum = Checksum("md5", hashlib.md5(b"jets").hexdigest())
    return Jets(RemoteFile(server.serve("/jets", answer(b"jets")), checksum))


def data(jets: Downloadable, *words: object) -> int:
    parser = argparse.ArgumentParser("saibench")
    add_parser(parser.add_subparsers(required=True), {jets.name: jets})
    args = parser.parse_args(["data", *map(str, words)])
    return args.run(args)


def test_every_data_set_is_listed_with_size_licence_and_source(capsys):
    parser = argparse.ArgumentParser("saibench")
    add_parser(parser.add_subparsers(required=True))
    args = parser.parse_args(["data", "list"])
    assert args.run(args) == 0
    shown = capsys.readouterr().out
    assert {"rmd17", "rmd17_small", "mrms"} <= set(catalogue())
    for dataset in catalogue().values():
        for word in (dataset.name, dataset.summary, dataset.size, dataset.licence, dataset.source):
            assert word in shown
    assert all(molecule in shown for molecule in MOLECULES)


def test_what_has_no_fixed_address_says_where_it_is(tmp_path, capsys):
    published = catalogue()["mrms"]
    with pytest.raises(UserError, match="tsinghua"):
        data(published, "download", "mrms", "--root", tmp_path)
    assert data(published, "list") == 0
    assert "cloud.tsinghua.edu.cn" in capsys.readouterr().out
    with pytest.raises(UserError, match="tsinghua"):
        MRMS(str(tmp_path)).preview()


def test_a_download_prints_its_files_and_takes_its_options(jets, tmp_path, capsys):
    words = ("download", "jets", "--root", tmp_path, "--split", "test", "train", "--raw")
    assert data(jets, *words) == 0
    files = [tmp_path / "train_raw.h5", tmp_path / "test_raw.h5"]
    assert capsys.readouterr().out.split() == [str(file) for file in files]
    assert all(file.read_bytes() == b"jets" for file in files)


def test_without_a_root_the_cache_takes_it(jets, tmp_path, monkeypatch):
    monkeypatch.setenv("SAIBENCH_CACHE_DIR", str(tmp_path))
    data(jets, "download", "jets", "--split", "train", "--split", "test")
    assert (tmp_path / "top" / "train.h5").exists() and (tmp_path / "top" / "test.h5").exists()


def test_an_unknown_choice_is_one_sentence(jets, tmp_path):
    with pytest.raises(UserError, match=r"tset.*test"):
        data(jets, "download", "jets", "--root", tmp_path, "--split", "tset")


@pytest.mark.parametrize("words", [(), ("download",), ("download", "cats"), ("list", "--raw")])
def test_a_malformed_command_exits_with_2(jets, words):
    with pytest.raises(SystemExit) as raised:
        data(jets, *words)
    assert raised.value.code == 2


def test_a_root_that_is_a_file_is_one_sentence(jets, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="file"):
        data(jets, "download", "jets", "--root", tmp_path / "file", "--split", "test")


def test_listing_needs_neither_torch_nor_requests():
    script = (
        "import argparse, sys\n"
        "from saibench.commands.data import add_parser\n"
        "add_parser(argparse.ArgumentParser().add_subparsers())\n"
        "print([name for name in ('torch', 'numpy', 'requests') if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True,
                          cwd=Path(__file__).parents[3], env={**os.environ})  # fmt: skip
    assert done.stdout == "[]\n", done.stderr
