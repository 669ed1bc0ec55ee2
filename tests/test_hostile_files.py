"""Untrusted files run no code and allocate no more memory than their content."""

from __future__ import annotations

import io
import json
import pickle
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest
import torch
import yaml
from jet_formats import write_root
from PIL import Image, PngImagePlugin

from saibench.analysis.trusted_range import TrustedRange
from saibench.datamodules.force_field.npz import NpzTrajectory
from saibench.datamodules.nowcasting.radar_png import PngHeader, read_frame
from saibench.errors import UserError
from saibench.evidence.schema import read_table
from saibench.files.bounded_yaml import load_bounded
from saibench.files.hdf5 import opened_hdf5
from saibench.files.integrity import read_json_object
from saibench.files.npz import DamagedArray, NpzArrays
from saibench.files.root import branches, opened_tree
from saibench.models import published
from saibench.runs.checkpoints import load_weights

Attack = tuple[Callable[[Path, Any], None], Callable[[Path], object]]


class Payload:
    """Creates a file when unpickled."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.trace,)


def npz_of_objects(path: Path, payload: Payload) -> None:
    objects = np.array([payload, payload], dtype=object)
    np.savez(path, R=objects, z=objects, E=objects, F=objects)
    path.with_name(f"{path.name}.npz").rename(path)


def npy_is_a_pickle(path: Path, payload: Payload) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("R.npy", pickle.dumps(payload))


def whole_pickle(path: Path, payload: Payload) -> None:
    path.write_bytes(pickle.dumps({"state_dict": payload}))


def checkpoint(path: Path, payload: Payload) -> None:
    torch.save({"state_dict": {"weight": payload}, "hyper_parameters": payload}, path)


def old_checkpoint(path: Path, payload: Payload) -> None:
    torch.save({"state_dict": payload}, path, _use_new_zipfile_serialization=False)


def yaml_object(path: Path, payload: Payload) -> None:
    path.write_text(f"a: !!python/object/apply:pathlib.Path.touch [{payload.trace}]")


def json_object(path: Path, payload: Payload) -> None:
    path.write_text(json.dumps({"py/reduce": ["pathlib.Path.touch", str(payload.trace)]}) + "]")


def parquet_of_pickles(path: Path, payload: Payload) -> None:
    """In the schema's metadata, as pandas and PyArrow's former extension types kept them."""
    pickled = pickle.dumps(payload)
    kept = {
        "ARROW:extension:name": "arrow.py_extension_type",
        "ARROW:extension:metadata": pickled,
        "PYTHON:pickle": pickled,
    }
    field = pyarrow.field("a", pyarrow.binary(), metadata=kept)
    table = pyarrow.table([pyarrow.array([pickled])], pyarrow.schema([field], {"pandas": pickled}))
    pyarrow.parquet.write_table(table, path)


def png_text(path: Path, payload: Payload) -> None:
    texts = PngImagePlugin.PngInfo()
    texts.add_text("pickle", pickle.dumps(payload).decode("latin-1"), zip=True)
    Image.fromarray(np.zeros((4, 4), np.uint16)).save(path, "PNG", pnginfo=texts)


READERS: list[Attack] = [
    (npz_of_objects, lambda path: NpzTrajectory(path).array("R")),
    (npy_is_a_pickle, lambda path: NpzTrajectory(path).array("R")),
    (whole_pickle, lambda path: NpzTrajectory(path)),
    (checkpoint, lambda path: load_weights(path, torch.nn.Linear(1, 1))),
    (old_checkpoint, lambda path: load_weights(path, torch.nn.Linear(1, 1))),
    (whole_pickle, lambda path: load_weights(path, torch.nn.Linear(1, 1))),
    (checkpoint, lambda path: published.load_weights(torch.nn.Linear(1, 1), path, "none")),
    (old_checkpoint, lambda path: published.load_weights(torch.nn.Linear(1, 1), path, "none")),
    (whole_pickle, lambda path: published.load_weights(torch.nn.Linear(1, 1), path, "none")),
    (yaml_object, lambda path: load_bounded(path.read_text())),
    (json_object, read_json_object),
    (json_object, TrustedRange.load),
    (whole_pickle, TrustedRange.load),
    (parquet_of_pickles, read_table),
    (whole_pickle, read_table),
    (png_text, lambda path: read_frame(path, PngHeader(4, 4))),
    (whole_pickle, lambda path: read_frame(path, PngHeader(4, 4))),
]


@pytest.mark.parametrize("attack", READERS, ids=lambda attack: attack[0].__name__)
def test_no_file_runs_code(attack: Attack, tmp_path: Path) -> None:
    """The attack on TopLandscape's HDF5 is tested beside its reader."""
    write, read = attack
    path, trace = tmp_path / "file", tmp_path / "trace"
    write(path, Payload(trace))
    try:
        read(path)
    except (UserError, yaml.YAMLError) as error:
        assert str(error)
    assert not trace.exists()


def test_the_payload_would_leave_its_trace(tmp_path: Path) -> None:
    pickle.loads(pickle.dumps(Payload(tmp_path / "trace")))
    assert (tmp_path / "trace").exists()


def member(header: str, content: bytes = bytes(8)) -> bytes:
    text = header.encode("latin-1") + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + content


CLAIMS = {
    "20 TB": "{'descr': '<f8', 'fortran_order': False, 'shape': (2500000000000,)}",
    "negative": "{'descr': '<f8', 'fortran_order': False, 'shape': (-1,)}",
    "deep": "(" * 3000,
    "unclosed": "{'descr': '<f8', 'shape': (1,",
    "an object": "{'descr': '|O', 'fortran_order': False, 'shape': (1,)}",
    "long": "{'descr': '<f8', 'fortran_order': False, 'shape': (1,)}" + " " * 30_000,
    "no type": "{'descr': '<f8,,', 'fortran_order': False, 'shape': (1,)}",
}


@pytest.mark.parametrize("header", CLAIMS.values(), ids=CLAIMS)
def test_header_of_an_array_with_a_false_size_is_refused(header: str, tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("R.npy", member(header))
    with NpzArrays(path) as arrays, pytest.raises(DamagedArray, match="'R'"):
        arrays["R"]


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez_compressed(path, R=np.zeros(2**20))
    with NpzArrays(path, largest=2**22) as arrays, pytest.raises(DamagedArray, match="claims"):
        arrays["R"]
    with NpzArrays(path) as arrays:
        np.testing.assert_array_equal(arrays["R"], np.zeros(2**20))


def test_a_trajectory_of_zeros_is_refused_by_what_it_claims(tmp_path: Path) -> None:
    """It is refused before memory is allocated, and not as an incomplete copy."""
    path = tmp_path / "a.npz"
    np.savez_compressed(path, R=np.zeros(2**24))
    with pytest.raises(UserError, match=r"a\.npz.*'R' claims 134,217,856 bytes") as refusal:
        NpzTrajectory(path).array("R")
    assert "interrupted" not in str(refusal.value)


@pytest.mark.parametrize("order", ["C", "F"])
def test_arrays_are_numpys(order: Any, tmp_path: Path) -> None:
    made = {
        "floats": np.asarray(np.arange(6.0).reshape(2, 3), order=order),
        "text": np.array(["å", "why"]),
        "none": np.zeros((0, 3), np.float16),
        "one": np.array(3),
    }
    np.savez(tmp_path / "a.npz", **made)
    with NpzArrays(tmp_path / "a.npz") as arrays:
        assert arrays.names == list(made)
        for name, array in made.items():
            np.testing.assert_array_equal(arrays[name], array)
            assert arrays[name].dtype == array.dtype


def png(width: int, height: int, pixels: bytes) -> bytes:
    def chunk(kind: bytes, content: bytes) -> bytes:
        checksum = zlib.crc32(kind + content)
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)

    header = struct.pack(">IIBBBBB", width, height, 16, 0, 0, 0, 0)
    parts = [(b"IHDR", header), (b"IDAT", zlib.compress(pixels)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (png(10**5, 10**5, bytes(10)), "100000 x 100000 pixels"),
        (png(4, 0, bytes(10)), "4 x 0 pixels"),
        (png(4, 4, bytes(10)), "PNG file"),
        (png(4, 4, bytes(36))[:-6], "PNG file"),
    ],
    ids=["a bomb", "no row", "too few pixels", "no end"],
)
def test_a_png_is_bounded_and_whole(content: bytes, says: str, tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(content)
    with pytest.raises(UserError, match=says):
        read_frame(path, PngHeader(4, 4))


def test_pixels_are_checked_by_their_crc(tmp_path: Path) -> None:
    """Without compression, a changed pixel is decoded without an error."""
    counts = np.random.default_rng(0).integers(30, 900, (4, 4)).astype(np.uint16)
    content = io.BytesIO()
    Image.fromarray(counts).save(content, "PNG", compress_level=0)
    path, whole = tmp_path / "a.png", content.getvalue()
    path.write_bytes(whole)
    rate, _ = read_frame(path, PngHeader(4, 4))
    np.testing.assert_allclose(rate, np.clip(counts / 10 - 3, 0, 128), atol=1e-5)
    place = whole.index(b"IDAT") + 20
    path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
    with pytest.raises(UserError, match="CRC"):
        read_frame(path, PngHeader(4, 4))


BOMBS = {
    "deep": "[" * 100_000,
    "aliases": "a: &a [1, 1]\nb: &b [*a, *a]\nc: [*b, *b]",
    "long": "a: " + "x" * 2**21,
    "cut": "a: [1, 2",
    "no text": "a: \x00",
    "twice": "a: 1\na: 2",
}


@pytest.mark.parametrize("text", BOMBS.values(), ids=BOMBS)
def test_yaml_is_bounded(text: str) -> None:
    with pytest.raises(yaml.YAMLError):
        load_bounded(text)


def test_deep_json_is_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    path.write_text("[" * 100_000)
    with pytest.raises(UserError, match=r"run\.json"):
        read_json_object(path)


def test_a_heap_that_libhdf5_reads_without_end_is_refused(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    path = tmp_path / "strings.h5"
    with h5py.File(path, "w") as file:
        file.attrs["title"] = "rain"
    with opened_hdf5(path, "jets") as file:
        assert file.attrs["title"] == "rain"
    content = bytearray(path.read_bytes())
    first = content.find(b"GCOL") + 16
    free = first + 16 + 8  # the object after the string of four bytes, which is padded to eight
    content[free : free + 16] = bytes(16)
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"strings\.h5.* heap"), opened_hdf5(path, "jets"):
        pass


def test_a_tree_that_claims_more_entries_than_its_branches_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("uproot")
    path = write_root(tmp_path / "jets.root", np.ones((37, 5, 4), np.float32), label=np.arange(37))
    with opened_tree(path, None) as tree:
        assert branches(tree) == [name for name in tree.keys() if "/" not in name]  # noqa: SIM118
    content = bytearray(path.read_bytes())
    place = content.find(struct.pack(">q", 37))
    content[place : place + 8] = struct.pack(">q", 2**40)
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"jets\.root"), opened_tree(path, None) as tree:
        branches(tree)
