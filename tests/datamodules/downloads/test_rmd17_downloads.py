from __future__ import annotations

import hashlib
import io
import json
import os
import tarfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from saibench.datamodules.downloads.remote import Checksum, RemoteFile
from saibench.datamodules.force_field.published import (
    MOLECULES,
    SPLITS,
    FigshareFile,
    excerpt_md5s,
    figshare_files,
    npz_name,
)
from saibench.datamodules.force_field.rmd17 import RMD17
from saibench.datamodules.force_field.rmd17_excerpts import PER_FRAME, merge
from saibench.datamodules.force_field.rmd17_small import SmallRMD17
from saibench.datamodules.force_field.rmd17_whole import WholeRMD17
from saibench.errors import UserError

CSV = [f"splits/index_{split}.csv" for split in SPLITS]


def md5(content: bytes) -> str:
    return hashlib.md5(content).hexdigest()


def npz(**arrays: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def trajectory(frames: int = 60) -> dict[str, np.ndarray]:
    """Frames of two atoms in the order of time, with everything that an official file has."""
    random = np.random.default_rng(0)
    return {
        "nuclear_charges": np.array([6, 1], dtype=np.uint8),
        "coords": random.normal(size=(frames, 2, 3)),
        "energies": random.normal(-97076.0, 4.0, size=frames),
        "forces": random.normal(size=(frames, 2, 3)),
        "old_indices": np.cumsum(random.integers(1, 40, size=frames)),
        "old_energies": random.normal(-97196.0, 4.0, size=frames),
        "old_forces": random.normal(size=(frames, 2, 3)),
    }


def excerpts(whole: dict[str, np.ndarray], rows: np.ndarray) -> list[bytes]:
    """Files of the frames in each line of `rows`, in that order."""
    return [
        npz(**{key: values if key == "nuclear_charges" else values[line]
               for key, values in whole.items()})
        for line in rows
    ]  # fmt: skip


def written(folder: Path, contents: Sequence[bytes]) -> list[Path]:
    paths = [folder / f"{number}.npz" for number in range(len(contents))]
    for path, content in zip(paths, contents, strict=True):
        path.write_bytes(content)
    return paths


# Ten lines of 15 frames, each a train or a test set: lines overlap as the official ones do.
ROWS = np.stack([np.random.default_rng(line).permutation(60)[:15] for line in range(10)])


def test_the_checksum_table_has_every_file_once():
    names = {npz_name(molecule).split("/")[1] for molecule in MOLECULES}
    assert set(figshare_files()) == names | {name.split("/")[1] for name in CSV}
    assert set(excerpt_md5s()) == {f"rmd17_{m}_{split}.npz" for m in MOLECULES for split in SPLITS}
    digests = [file.md5 for file in figshare_files().values()] + list(excerpt_md5s().values())
    assert len(set(digests)) == 120
    assert all(len(digest) == 32 and int(digest, 16) for digest in digests)


def test_the_merge_is_the_union_in_the_order_of_time(tmp_path):
    whole = trajectory()
    merged = merge(written(tmp_path, excerpts(whole, ROWS)))
    rows = np.unique(ROWS)
    assert 15 < len(rows) < 150
    assert set(merged) == {"nuclear_charges", *PER_FRAME}
    np.testing.assert_array_equal(merged["nuclear_charges"], whole["nuclear_charges"])
    for key in PER_FRAME:
        np.testing.assert_array_equal(merged[key], whole[key][rows])
        assert merged[key].dtype == whole[key].dtype


@pytest.mark.parametrize("molecule", ["aspirin", "benzene", "ethanol", "paracetamol"])
def test_the_real_excerpts_merge_to_the_real_file(tmp_path, molecule):
    folder = os.environ.get("SAIBENCH_DATA_DIR")
    path = Path(folder or ".") / "rmd17" / npz_name(molecule)
    if folder is None or not path.exists():
        pytest.skip(f"needs rmd17/{npz_name(molecule)} in SAIBENCH_DATA_DIR")
    with np.load(path) as file:
        real = {key: file[key] for key in ("nuclear_charges", *PER_FRAME)}
        rows = file["split_rows"]
    merged = merge(written(tmp_path, excerpts(real, rows)))
    assert len(merged["old_indices"]) == 9633
    for key, values in real.items():
        np.testing.assert_array_equal(merged[key], values)


def test_excerpts_of_two_molecules_are_not_merged(tmp_path):
    other = trajectory() | {"nuclear_charges": np.array([8, 1], dtype=np.uint8)}
    contents = excerpts(trajectory(), ROWS[:1]) + excerpts(other, ROWS[:1])
    with pytest.raises(UserError, match=r"1\.npz"):
        merge(written(tmp_path, contents))


def test_excerpts_that_disagree_about_a_frame_are_not_merged(tmp_path):
    other = trajectory()
    other["forces"] = other["forces"] + 1e-9
    contents = excerpts(trajectory(), ROWS[:1]) + excerpts(other, ROWS[:1])
    with pytest.raises(UserError, match="'forces'"):
        merge(written(tmp_path, contents))


def test_an_excerpt_without_forces_is_named(tmp_path):
    lacking = {key: values for key, values in trajectory().items() if key != "forces"}
    with pytest.raises(UserError, match="forces"):
        merge(written(tmp_path, excerpts(lacking, ROWS[:1])))


@pytest.fixture
def small(server, answer) -> SmallRMD17:
    """Aspirin's ten excerpts, cut from the test's own trajectory."""
    names = [f"rmd17_aspirin_{split}.npz" for split in SPLITS]
    contents = dict(zip(names, excerpts(trajectory(), ROWS), strict=True))
    for name, content in contents.items():
        server.serve(f"/small/{name}", answer(content))
    md5s = {name: md5(content) for name, content in contents.items()}
    return SmallRMD17(server.url("/small"), md5s, frames=len(np.unique(ROWS)))


def test_the_small_form_is_one_file_of_official_keys(small, server, tmp_path):
    [path] = small.download(tmp_path, molecule=["aspirin"])
    assert path == tmp_path / "npz_data" / "rmd17_aspirin.npz"
    with np.load(path) as file:
        np.testing.assert_array_equal(file["forces"], trajectory()["forces"][np.unique(ROWS)])
    assert not list(tmp_path.glob("excerpts/*/*"))
    assert len(server.received) == 10

    small.download(tmp_path, molecule=["aspirin"])
    assert len(server.received) == 10


def test_the_reader_finds_the_small_form(small, tmp_path):
    [path] = small.download(tmp_path, molecule=["aspirin"])
    reader = RMD17("aspirin", root=str(tmp_path))
    assert reader.path() == path
    ids = reader.preview()["sample_id"].to_numpy()
    np.testing.assert_array_equal(ids, trajectory()["old_indices"][np.unique(ROWS)])


def test_an_interrupted_small_form_keeps_the_excerpts_that_came(small, server, answer, tmp_path):
    path = "/small/rmd17_aspirin_test_05.npz"
    there = server.answers[path]
    server.serve(path, answer(status=404))
    with pytest.raises(UserError, match="404"):
        small.download(tmp_path, molecule=["aspirin"])
    assert not (tmp_path / npz_name("aspirin")).exists()
    server.answers[path] = there
    small.download(tmp_path, molecule=["aspirin"])
    assert [request.path for request in server.received].count(
        "/small/rmd17_aspirin_train_01.npz"
    ) == 1


def test_excerpts_that_make_another_number_of_frames_are_refused(small, tmp_path):
    nine = SmallRMD17(small.base_url, small.md5s, frames=small.frames + 1)
    with pytest.raises(UserError, match=f"{small.frames} .*{nine.frames}"):
        nine.download(tmp_path, molecule=["aspirin"])
    assert not list(tmp_path.glob("npz_data/rmd17*"))


def test_the_small_form_never_replaces_a_whole_file(small, server, tmp_path):
    whole = tmp_path / npz_name("aspirin")
    whole.parent.mkdir()
    whole.write_bytes(b"the whole trajectory")
    with pytest.raises(UserError, match=npz_name("aspirin")):
        small.download(tmp_path, molecule=["aspirin"])
    assert whole.read_bytes() == b"the whole trajectory"
    assert server.received == []


SINGLE = {name: f"newest {name}".encode() for name in map(npz_name, MOLECULES)}
SINGLE |= {name: f"newest {name}".encode() for name in CSV}
ARCHIVED = SINGLE | {npz_name("benzene"): b"benzene of version 3"}


@pytest.fixture
def whole(server, answer) -> WholeRMD17:
    """rMD17 in a few bytes: single files, and an archive with an older benzene."""
    files = {}
    for number, (name, content) in enumerate(SINGLE.items()):
        server.serve(f"/files/{number}", answer(content))
        files[Path(name).name] = FigshareFile(number, md5(content))
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:bz2") as tar:
        for name, content in ({"readme.txt": b"read me"} | ARCHIVED).items():
            info = tarfile.TarInfo(f"rmd17/{name}")
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    archive = packed.getvalue()
    url = server.serve("/archive", answer(archive))
    checksum = Checksum("md5", md5(archive))
    return WholeRMD17((server.url("/files"),), files, RemoteFile(url, checksum))


def test_a_single_molecule_is_one_verified_request(whole, server, tmp_path):
    [path] = whole.download(tmp_path, molecule=["ethanol"])
    assert path.read_bytes() == SINGLE[npz_name("ethanol")]
    whole.download(tmp_path, molecule=["ethanol"])
    assert len(server.received) == 1


def test_without_a_molecule_the_archive_comes_with_its_splits(whole, server, tmp_path, caplog):
    paths = whole.download(tmp_path)
    assert {str(path.relative_to(tmp_path)): path.read_bytes() for path in paths} == ARCHIVED
    assert [request.path for request in server.received] == ["/archive"]
    [warning] = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert "rmd17_benzene.npz" in warning and "aspirin" not in warning

    archive = tmp_path / "rmd17.tar.bz2"
    record = json.loads((tmp_path / "rmd17.tar.bz2.json").read_text())
    assert record["sha256"] == hashlib.sha256(archive.read_bytes()).hexdigest()
    archive.unlink()
    whole.download(tmp_path)
    whole.download(tmp_path, molecule=["benzene"])
    assert len(server.received) == 1


def test_molecules_can_be_taken_from_the_archive_one_by_one(whole, server, tmp_path):
    whole.download(tmp_path, molecule=["benzene"], archive=True)
    assert [path.name for path in tmp_path.glob("npz_data/*.npz")] == ["rmd17_benzene.npz"]
    whole.download(tmp_path, molecule=["uracil"], archive=True)
    whole.download(tmp_path, archive=True)
    assert len(server.received) == 1
    assert {path.name for path in tmp_path.glob("npz_data/*.npz")} == {
        name.split("/")[1] for name in map(npz_name, MOLECULES)
    }


def test_a_single_file_that_is_there_is_not_replaced_by_the_archive_s(whole, tmp_path):
    whole.download(tmp_path, molecule=["benzene"])
    whole.download(tmp_path)
    assert (tmp_path / npz_name("benzene")).read_bytes() == SINGLE[npz_name("benzene")]


@pytest.mark.parametrize("options", [{}, {"molecule": ["ethanol"]}])
def test_a_file_of_the_user_s_own_is_kept(whole, server, tmp_path, options):
    own = tmp_path / npz_name("ethanol")
    own.parent.mkdir()
    own.write_bytes(b"my own")
    with pytest.raises(UserError, match=r"ethanol.*md5"):
        whole.download(tmp_path, **options)
    assert own.read_bytes() == b"my own"
    assert server.received == []


def test_an_archive_that_lacks_a_molecule_is_refused(whole, server, answer, tmp_path):
    packed = io.BytesIO()
    tarfile.open(fileobj=packed, mode="w:bz2").close()
    url = server.serve("/empty", answer(packed.getvalue()))
    empty = RemoteFile(url, Checksum("md5", md5(packed.getvalue())))
    with pytest.raises(UserError, match=r"npz_data/rmd17_aspirin\.npz"):
        WholeRMD17(whole.hosts, whole.files, empty).download(tmp_path)
    assert not (tmp_path / "npz_data").exists()


@pytest.mark.parametrize("form", ["small", "whole"])
def test_an_unknown_molecule_is_refused_with_the_nearest(form, request, server, tmp_path):
    with pytest.raises(UserError, match=r"'aspirine'.*'aspirin'"):
        request.getfixturevalue(form).download(tmp_path, molecule=["benzene", "aspirine"])
    assert server.received == [] and list(tmp_path.iterdir()) == []
