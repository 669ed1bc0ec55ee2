"""TopLandscape's files are read whole, in their order, and every faulty one is named."""

from __future__ import annotations

import hashlib
import os
import pickle
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from jet_files import jet_features

from saibench.datamodules.jet_tagging import downloads
from saibench.datamodules.jet_tagging.jets import Jets
from saibench.datamodules.jet_tagging.pytables_file import PyTablesFile, pickled_strings
from saibench.datamodules.jet_tagging.top_landscape import TopLandscape
from saibench.errors import UserError

Dataset = Mapping[str, Any]


def load(root: Path) -> Jets:
    return TopLandscape(str(root)).load(root / "cache")


def padded(jets: Jets, slots: int = 200) -> np.ndarray:
    momenta = np.zeros((len(jets), slots, 4), np.float32)
    for row, (end, count) in enumerate(zip(jets.end, jets.num_constituents, strict=True)):
        momenta[row, :count] = jets.momenta[end - count : end]
    return momenta


def test_every_row_is_there_in_the_order_of_the_files(dataset: Dataset) -> None:
    jets = load(dataset["root"])
    momenta, label = (np.concatenate(part) for part in zip(*dataset["jets"].values(), strict=True))
    np.testing.assert_array_equal(padded(jets), momenta)
    np.testing.assert_array_equal(jets.label, label)
    index = jets.index()
    assert index["sample_id"].to_list() == list(range(48))
    assert index["split"].to_list() == ["train"] * 30 + ["val"] * 7 + ["test"] * 11
    for name, values in jet_features(momenta).items():
        np.testing.assert_allclose(index[name].to_numpy(), values, rtol=1e-12, err_msg=name)


def test_chunks_make_no_difference(dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = load(dataset["root"])
    monkeypatch.setattr("saibench.datamodules.jet_tagging.pytables_file.CHUNK", 4)
    parts = TopLandscape(str(dataset["root"])).load(dataset["root"] / "another")
    assert parts.data_hash == whole.data_hash


@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_the_real_excerpt_is_as_pandas_reads_it(
    data_dir: Path, split: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    pandas = pytest.importorskip("pandas")
    source = TopLandscape(str(data_dir))
    jets = source.load(tmp_path_factory.getbasetemp() / "excerpt")
    frame = pandas.read_hdf(data_dir / "top_landscape" / f"{split}.h5", key="table")
    rows = np.flatnonzero(jets.split == ("train", "val", "test").index(split))
    columns = [f"{c}_{slot}" for slot in range(200) for c in ("E", "PX", "PY", "PZ")]
    momenta = frame[columns].to_numpy().reshape(-1, 200, 4)
    np.testing.assert_array_equal(padded(jets)[rows], momenta)
    np.testing.assert_array_equal(jets.label[rows], frame["is_signal_new"])
    assert source.preview().height == len(jets) == 2998


def test_the_real_excerpt_has_the_published_kinematics(
    data_dir: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    jets = TopLandscape(str(data_dir)).load(tmp_path_factory.getbasetemp() / "excerpt")
    assert ((jets.jet_pt > 550) & (jets.jet_pt < 650)).all()
    assert (np.abs(jets.jet_eta) < 2).all()
    assert round(jets.jet_energy.min()) == 555 and round(jets.jet_energy.max()) == 2393
    top = jets.label == 1
    assert 173 <= np.median(jets.jet_mass[top]) <= 176
    assert 77 <= np.median(jets.jet_mass[~top]) <= 85


def test_constituents_out_of_order_are_sorted(tmp_path: Path, make_jets: Any, write_file: Any):
    momenta, label = make_jets(20, seed=3)
    shuffled = momenta.copy()
    rng = np.random.default_rng(0)
    for jet in shuffled:
        jet[:] = jet[rng.permutation(200)]
    for split in ("train", "val", "test"):
        write_file(tmp_path / f"{split}.h5", shuffled, label)
    np.testing.assert_array_equal(padded(load(tmp_path))[:20], momenta)


def test_columns_in_another_order_are_found_by_name(
    tmp_path: Path, make_jets: Any, write_file: Any
) -> None:
    momenta, label = make_jets(5, seed=3)
    for split in ("train", "val", "test"):
        write_file(tmp_path / f"{split}.h5", momenta, label, reverse=True)
    np.testing.assert_array_equal(padded(load(tmp_path))[:5], momenta)


def broken(column: int, value: float, slot: int = 0) -> Callable[[np.ndarray], None]:
    def breaks(momenta: np.ndarray) -> None:
        momenta[17, slot, column] = value

    return breaks


def emptied(momenta: np.ndarray) -> None:
    momenta[17] = 0


@pytest.mark.parametrize(
    ("breaks", "says"),
    [
        (broken(2, np.nan), "train.h5, row 17 has a momentum with NaN"),
        (broken(0, np.inf), "train.h5, row 17 has a momentum with NaN"),
        (broken(0, np.nan, slot=199), "train.h5, row 17 has a momentum with NaN"),
        (broken(0, -1.0), "train.h5, row 17 .*negative energy"),
        (broken(3, 2.0, slot=150), "train.h5, row 17 .*momentum but no energy"),
        (emptied, "train.h5, row 17 has no constituents"),
    ],
)
def test_a_faulty_jet_is_named_by_its_row(
    dataset: Dataset, write_file: Any, breaks: Any, says: str
) -> None:
    momenta, label = dataset["jets"]["train"]
    breaks(momenta)
    (dataset["root"] / "train.h5").unlink()
    write_file(dataset["root"] / "train.h5", momenta, label)
    with pytest.raises(UserError, match=says):
        load(dataset["root"])
    assert not list((dataset["root"] / "cache").glob("*/manifest.json"))


def test_a_row_is_counted_over_chunks(
    dataset: Dataset, write_file: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("saibench.datamodules.jet_tagging.pytables_file.CHUNK", 4)
    test_a_faulty_jet_is_named_by_its_row(dataset, write_file, emptied, "train.h5, row 17")


def test_an_unknown_label_is_named(dataset: Dataset, write_file: Any) -> None:
    momenta, label = dataset["jets"]["val"]
    (dataset["root"] / "val.h5").unlink()
    write_file(dataset["root"] / "val.h5", momenta, np.where(np.arange(7) == 5, 2, label))
    with pytest.raises(UserError, match=r"val.h5, row 5 has the label 2"):
        load(dataset["root"])


@pytest.mark.parametrize(
    ("drop", "says"),
    [
        (("PX_17",), "lacks column PX_17: "),
        (("is_signal_new",), "lacks column is_signal_new: "),
        (("E_0", "PZ_199"), "lacks column E_0 and 1 others: "),
    ],
)
def test_missing_columns_are_named_before_anything_is_read(
    dataset: Dataset, write_file: Any, drop: tuple[str, ...], says: str
) -> None:
    (dataset["root"] / "test.h5").unlink()
    write_file(dataset["root"] / "test.h5", *dataset["jets"]["test"], drop=drop)
    with pytest.raises(UserError, match=says):
        TopLandscape(str(dataset["root"])).preview()


def test_a_table_under_another_key_is_another_layout(dataset: Dataset, write_file: Any) -> None:
    (dataset["root"] / "test.h5").unlink()
    write_file(dataset["root"] / "test.h5", *dataset["jets"]["test"], key="jets")
    with pytest.raises(UserError, match="/table/table"):
        TopLandscape(str(dataset["root"])).preview()


def test_pandas_fixed_format_is_another_layout(dataset: Dataset) -> None:
    pandas = pytest.importorskip("pandas")
    path = dataset["root"] / "test.h5"
    path.unlink()
    pandas.DataFrame({"E_0": [1.0]}).to_hdf(path, key="table", format="fixed")
    with pytest.raises(UserError, match="/table/table"):
        TopLandscape(str(dataset["root"])).preview()


def test_an_array_without_columns_is_another_layout(dataset: Dataset) -> None:
    tables = pytest.importorskip("tables")
    path = dataset["root"] / "test.h5"
    with tables.open_file(str(path), "w") as file:
        file.create_array("/table", "table", np.zeros((3, 800)), createparents=True)
    with pytest.raises(UserError, match="columns"):
        TopLandscape(str(dataset["root"])).preview()


@pytest.mark.parametrize("kept", [0.5, 0.99])
def test_a_truncated_file_is_one_sentence(dataset: Dataset, kept: float) -> None:
    path = dataset["root"] / "val.h5"
    content = path.read_bytes()
    path.write_bytes(content[: int(kept * len(content))])
    with pytest.raises(UserError, match=r"val\.h5 .*HDF5.*trunc") as raised:
        TopLandscape(str(dataset["root"])).preview()
    assert "\n" not in str(raised.value)


def test_a_damaged_chunk_is_one_sentence(dataset: Dataset) -> None:
    path = dataset["root"] / "train.h5"
    with h5py.File(path) as file:
        chunk = file["table/table"].id.get_chunk_info(0)
    content = bytearray(path.read_bytes())
    content[chunk.byte_offset : chunk.byte_offset + 64] = bytes(64)
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"train\.h5 .*HDF5"):
        load(dataset["root"])


def test_other_compressions_of_pytables_are_read(tmp_path: Path, make_jets: Any, write_file: Any):
    momenta, label = make_jets(5, seed=3)
    for split, complib in zip(("train", "val", "test"), ("zlib", "blosc:zstd", None), strict=True):
        write_file(tmp_path / f"{split}.h5", momenta, label, complib=complib)
    np.testing.assert_array_equal(padded(load(tmp_path)), np.concatenate([momenta] * 3))


def code_in_an_attribute(path: Path, trace: Path) -> None:
    class Payload:
        def __reduce__(self) -> tuple[Any, ...]:
            return Path.touch, (trace,)

    with h5py.File(path, "r+") as file:
        for name in ("values_block_0_kind", "values_block_1_kind"):
            file["table/table"].attrs[name] = np.bytes_(pickle.dumps(Payload(), 0))


def external_rows(path: Path, trace: Path) -> None:
    trace.write_bytes(bytes(10_000_000))
    with h5py.File(path, "r+") as file:
        table = file["table/table"]
        dtype, attributes = table.dtype, dict(table.attrs)
        del file["table/table"]
        rows = file["table"].create_dataset(
            "table", (3,), dtype, external=[(str(trace), 0, 3 * dtype.itemsize)]
        )
        rows.attrs.update(attributes)
    trace.unlink()


def link_to_another_file(path: Path, trace: Path) -> None:
    path.rename(path.with_name("another.h5"))
    with h5py.File(path, "w") as file:
        file["table"] = h5py.ExternalLink("another.h5", "/table")


def link_within_the_file(path: Path, trace: Path) -> None:
    with h5py.File(path, "r+") as file:
        file.move("table/table", "elsewhere")
        file["table/table"] = h5py.SoftLink("/elsewhere")


def virtual_rows(path: Path, trace: Path) -> None:
    path.rename(path.with_name("another.h5"))
    with h5py.File(path.with_name("another.h5")) as other, h5py.File(path, "w") as file:
        table = other["table/table"]
        layout = h5py.VirtualLayout(table.shape, table.dtype)
        layout[:] = h5py.VirtualSource(table)
        file.create_virtual_dataset("table/table", layout).attrs.update(table.attrs)


@pytest.mark.parametrize(
    "attack",
    [
        code_in_an_attribute,
        external_rows,
        link_to_another_file,
        link_within_the_file,
        virtual_rows,
    ],
    ids=lambda attack: attack.__name__,
)
def test_a_strangers_file_runs_nothing_and_reaches_no_other(
    dataset: Dataset, tmp_path: Path, attack: Callable[[Path, Path], None]
) -> None:
    trace = tmp_path / "trace"
    attack(dataset["root"] / "val.h5", trace)
    with pytest.raises(UserError, match=r"val\.h5"):
        TopLandscape(str(dataset["root"])).preview()
    assert not trace.exists()


def changed_in_the_last_byte(path: Path) -> None:
    content = path.read_bytes()
    path.unlink()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))


def test_a_published_file_that_has_changed_is_refused(
    dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = dataset["root"] / "val.h5"
    monkeypatch.setattr(downloads, "BYTES", {"val.h5": path.stat().st_size})
    monkeypatch.setattr(downloads, "MD5", {"val.h5": hashlib.md5(path.read_bytes()).hexdigest()})
    load(dataset["root"])
    shutil.rmtree(dataset["root"] / "cache")
    changed_in_the_last_byte(path)
    with pytest.raises(UserError, match=r"val\.h5 .* md5"):
        load(dataset["root"])


def test_a_file_that_is_not_as_listed_is_refused(dataset: Dataset) -> None:
    path = dataset["root"] / "val.h5"
    sums = f"{hashlib.sha256(path.read_bytes()).hexdigest()} *val.h5\n"
    (dataset["root"] / "SHA256SUMS").write_text(sums)
    changed_in_the_last_byte(path)
    with pytest.raises(UserError, match=r"val\.h5 .*SHA256SUMS"):
        load(dataset["root"])


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_names_are_had_without_unpickling(protocol: int) -> None:
    names = ["E_0", "PX_0", "Å"]
    assert pickled_strings(pickle.dumps(names, protocol)) == names
    for other in ({"E_0": 1}, [["E_0"], ["PX_0"]], [np.float64(1)], [1], ("E_0", print), None):
        assert pickled_strings(pickle.dumps(other, protocol)) is None
    assert pickled_strings(pickle.dumps(names, protocol)[:-4]) is None
    assert pickled_strings(b"") is None


def test_what_is_no_hdf5_is_one_sentence(dataset: Dataset) -> None:
    (dataset["root"] / "val.h5").write_text("<html>not found</html>")
    with pytest.raises(UserError, match=r"val\.h5 .*HDF5"):
        TopLandscape(str(dataset["root"])).preview()


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "train.h5"
    os.mkfifo(path)
    with pytest.raises(UserError, match=r"train\.h5 .*regular file"):
        PyTablesFile(path).num_jets()


def test_missing_files_are_named_with_how_to_get_them(dataset: Dataset, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"train\.h5 .*nowhere.*data download top_landscape"):
        TopLandscape(str(tmp_path / "nowhere")).preview()
    (dataset["root"] / "test.h5").unlink()
    with pytest.raises(UserError, match=r"test\.h5 .*data download top_landscape"):
        TopLandscape(str(dataset["root"])).preview()


@pytest.mark.parametrize("package", ["h5py", "hdf5plugin"])
def test_a_package_that_is_not_installed_is_named_with_its_extra(
    package: str, dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(UserError, match=rf"{package}.*saibench\[jets\]"):
        TopLandscape(str(dataset["root"])).preview()


def test_processes_that_ask_at_once_read_the_files_once(dataset: Dataset) -> None:
    script = (
        "import sys, pathlib\n"
        "from saibench.datamodules.jet_tagging.top_landscape import TopLandscape\n"
        "jets = TopLandscape(sys.argv[1]).load(pathlib.Path(sys.argv[1]) / 'cache')\n"
        "print(jets.data_hash)\n"
    )
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", script, str(dataset["root"])],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ},
            text=True,
        )
        for _ in range(2)
    ]
    shown = [process.communicate() for process in processes]
    assert len({hashes for hashes, _ in shown}) == 1 and all(hashes for hashes, _ in shown)
    assert sum("reading jets" in progress for _, progress in shown) == 1
    assert len(list((dataset["root"] / "cache").glob("top_landscape-*/"))) == 1


def test_changed_files_are_read_again(dataset: Dataset, write_file: Any) -> None:
    before = load(dataset["root"]).data_hash
    momenta, label = dataset["jets"]["val"]
    (dataset["root"] / "val.h5").unlink()
    write_file(dataset["root"] / "val.h5", momenta, 1 - label)
    assert load(dataset["root"]).data_hash != before
