"""Jets of other frameworks' files are those that were written, and faulty ones are named by row."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from jet_files import jet_features, random_jets
from jet_formats import energyflow, lists, write_parquet, write_root

from saibench.datamodules.jet_tagging.files.coordinates import four_momenta
from saibench.datamodules.jet_tagging.files.jet_file import Wanted
from saibench.datamodules.jet_tagging.files.parquet import ParquetJets
from saibench.datamodules.jet_tagging.files.root import RootJets
from saibench.datamodules.jet_tagging.files.source import JetFiles
from saibench.datamodules.jet_tagging.jets import Jets
from saibench.errors import UserError
from saibench.evidence.jet_tagging.class_names import ClassNames

COUNT = 40


@pytest.fixture
def jets() -> tuple[np.ndarray, np.ndarray]:
    return random_jets(COUNT, seed=0, slots=60)


def source(root: Path, *train: str, **options: Any) -> JetFiles:
    return JetFiles(train=train, root=str(root), **options)


def padded(jets: Jets, slots: int) -> np.ndarray:
    """(N, slots, 4) of all jets."""
    momenta = np.zeros((len(jets), slots, 4), np.float32)
    for row, (end, count) in enumerate(zip(jets.end, jets.num_constituents, strict=True)):
        momenta[row, :count] = jets.momenta[end - count : end]
    return momenta


def as_parquet(path: Path, momenta: np.ndarray, label: np.ndarray) -> None:
    write_parquet(path, momenta, label=label)


def as_root(path: Path, momenta: np.ndarray, label: np.ndarray) -> None:
    pytest.importorskip("uproot")
    write_root(path, momenta, label=label.astype(np.int32))


def as_npz(path: Path, momenta: np.ndarray, label: np.ndarray) -> None:
    with path.open("wb") as file:
        np.savez_compressed(file, X=momenta, y=label)


def as_hdf5(path: Path, momenta: np.ndarray, label: np.ndarray) -> None:
    h5py = pytest.importorskip("h5py")
    with h5py.File(path, "w") as file:
        file["jets"], file["is_signal_new"] = np.roll(momenta, -1, axis=-1), label


@pytest.mark.parametrize("write", [as_parquet, as_root, as_npz, as_hdf5])
def test_momenta_labels_and_features_are_those_written(
    write: Callable[[Path, np.ndarray, np.ndarray], None],
    jets: tuple[np.ndarray, np.ndarray],
    tmp_path: Path,
) -> None:
    momenta, label = jets
    write(tmp_path / "file", momenta, label)
    found = source(tmp_path, "file").load(tmp_path / "cache")
    np.testing.assert_array_equal(padded(found, 60), momenta)
    np.testing.assert_array_equal(found.label, label)
    index = found.index()
    for name, values in jet_features(momenta).items():
        np.testing.assert_allclose(index[name].to_numpy(), values, rtol=1e-9)
    assert index["jet_class"].to_list() == [str(one) for one in label]
    assert 0.05 * COUNT < (index["split"] == "test").sum() < 0.5 * COUNT


def test_all_jets_may_be_tested(tmp_path: Path, jets: tuple[np.ndarray, np.ndarray]) -> None:
    as_npz(tmp_path / "jets.npz", *jets)
    tested = source(tmp_path, test=("jets.npz",)).load(tmp_path / "cache")
    assert tested.index()["split"].unique().to_list() == ["test"]
    with pytest.raises(UserError, match=r"data\.train"):
        JetFiles(root=str(tmp_path))


def test_the_files_of_the_parts_are_kept_apart(
    jets: tuple[np.ndarray, np.ndarray], tmp_path: Path
) -> None:
    momenta, label = jets
    for name, rows in (("a0", slice(0, 10)), ("a1", slice(10, 25)), ("b", slice(25, 40))):
        write_parquet(tmp_path / name, momenta[rows], label=label[rows])
    files = source(tmp_path, "a*", test=("b",))
    found = files.load(tmp_path / "cache")
    np.testing.assert_array_equal(padded(found, 60), momenta)
    assert found.index()["split"].to_list() == ["train"] * 25 + ["test"] * 15
    preview = files.preview()
    assert preview is not None and preview.equals(found.index().select("sample_id", "split"))
    with pytest.raises(UserError, match="test_fraction"):
        source(tmp_path, "a*", test=("b",), test_fraction=0.1)


@pytest.fixture
def jet_class(jets: tuple[np.ndarray, np.ndarray], tmp_path: Path) -> np.ndarray:
    """Class of each jet of a file with the columns of JetClass."""
    pytest.importorskip("uproot")
    number = np.arange(COUNT) % 4
    names = ("QCD", "Hbb", "Tbqq", "Tbl")
    one_hot = {f"label_{name}": number == place for place, name in enumerate(names)}
    write_root(tmp_path / "jets.root", jets[0], **one_hot)
    return np.array(names)[number]


def test_one_class_is_separated_from_the_rest(jet_class: np.ndarray, tmp_path: Path) -> None:
    found = source(tmp_path, "jets.root", signal=("Tbqq", "Tbl")).load(tmp_path / "cache")
    np.testing.assert_array_equal(found.label, np.isin(jet_class, ("Tbqq", "Tbl")))
    assert found.index()["jet_class"].to_list() == jet_class.tolist()


def test_further_classes_are_left_out(
    jets: tuple[np.ndarray, np.ndarray], jet_class: np.ndarray, tmp_path: Path
) -> None:
    files = source(tmp_path, "jets.root", signal=("Tbqq",), background=("QCD",))
    found = files.load(tmp_path / "cache")
    kept = np.isin(jet_class, ("Tbqq", "QCD"))
    np.testing.assert_array_equal(padded(found, 60), jets[0][kept])
    assert found.index()["jet_class"].to_list() == jet_class[kept].tolist()
    assert files.class_names == ClassNames("Tbqq", "QCD")
    assert files.preview() is None


def test_a_class_that_is_a_number_is_named_by_it(
    jets: tuple[np.ndarray, np.ndarray], tmp_path: Path
) -> None:
    """YAML reads `data.signal=[2]` as a number."""
    label = np.arange(len(jets[0])) % 3
    np.savez(tmp_path / "jets.npz", X=jets[0], y=label)
    files = source(tmp_path, "jets.npz", signal=[2], background=(0,))
    assert files.signal_classes == ("2",)
    found = files.load(tmp_path / "cache")
    np.testing.assert_array_equal(found.label, label[label != 1] == 2)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({}, "data.signal"),
        ({"signal": ("Tbq",)}, "Tbqq"),
        ({"signal": ("Tbqq",), "background": ("Tbqq",)}, "data.background"),
    ],
)
def test_an_unclear_signal_is_refused(
    options: dict[str, Any], named: str, jet_class: np.ndarray, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=named):
        source(tmp_path, "jets.root", **options).describe()


def test_a_label_in_a_list_has_no_default_signal(
    jets: tuple[np.ndarray, np.ndarray], tmp_path: Path
) -> None:
    """weaver's converters write [signal, background], others the reverse."""
    momenta, label = jets
    write_parquet(tmp_path / "a", momenta, label=np.stack([label, 1 - label], axis=1).tolist())
    with pytest.raises(UserError, match=r"data\.signal.*class_0"):
        source(tmp_path, "a").describe()
    found = source(tmp_path, "a", signal=("class_0",)).load(tmp_path / "cache")
    np.testing.assert_array_equal(found.label, label)


def test_files_of_one_class_each_are_read_together(
    jets: tuple[np.ndarray, np.ndarray], tmp_path: Path
) -> None:
    momenta, _ = jets
    write_parquet(tmp_path / "a", momenta[:10], label=np.full(10, 1))
    write_parquet(tmp_path / "b", momenta[10:], label=np.full(30, 0))
    found = source(tmp_path, "a", "b").load(tmp_path / "cache")
    assert found.label.tolist() == [1] * 10 + [0] * 30


def test_energyflow_gets_energies_by_the_masses(
    jets: tuple[np.ndarray, np.ndarray], tmp_path: Path
) -> None:
    values, expected = energyflow(jets[0])
    as_npz(tmp_path / "QG_jets.npz", values, jets[1])
    files = source(tmp_path, "QG_jets.npz")
    assert "pt_y_phi_pid" in files.describe()
    found = padded(files.load(tmp_path / "cache"), 60)
    np.testing.assert_allclose(found, expected, rtol=2e-5, atol=1e-4)


@pytest.mark.parametrize("coordinates", ["pt_eta_phi_mass", "pt_eta_phi_E"])
def test_coordinates_agree_with_vector(coordinates: Any) -> None:
    vector = pytest.importorskip("vector")
    rng = np.random.default_rng(0)
    pt, eta, phi, mass = (rng.uniform(low, high, 50) for low, high in RANGES)
    known = vector.array({"pt": pt, "eta": eta, "phi": phi, "mass": mass})
    last = known.E if coordinates.endswith("E") else mass
    found = four_momenta(np.stack([pt, eta, phi, last], axis=1), coordinates, "")
    expected = np.stack([known.E, known.px, known.py, known.pz], axis=1)
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9)


RANGES = ((0.1, 100), (-4, 4), (-3.1, 3.1), (0, 1))


def test_a_unit_is_converted(jets: tuple[np.ndarray, np.ndarray], tmp_path: Path) -> None:
    as_npz(tmp_path / "a.npz", 1000 * jets[0], jets[1])
    found = source(tmp_path, "a.npz", unit="MeV").load(tmp_path / "cache")
    np.testing.assert_allclose(padded(found, 60), jets[0], rtol=1e-6)


@pytest.mark.parametrize(
    ("fault", "named"),
    [("nan", "NaN"), ("empty", "no constituents"), ("order", "larger than its energy")],
)
def test_a_faulty_jet_is_named_by_file_and_row(
    fault: str, named: str, jets: tuple[np.ndarray, np.ndarray], tmp_path: Path
) -> None:
    momenta, label = jets
    if fault == "nan":
        momenta[17, 0, 2] = np.nan
    elif fault == "empty":
        momenta[17] = 0
    else:
        momenta[17] = np.roll(momenta[17], 1, axis=-1)
    write_parquet(tmp_path / "a.parquet", momenta, label=label)
    with pytest.raises(UserError, match=rf"a\.parquet, row 17 .*{named}"):
        source(tmp_path, "a.parquet").load(tmp_path / "cache")
    assert not list((tmp_path / "cache").glob("*/manifest.json"))


def test_nan_is_named_if_coordinates_are_guessed(
    jets: tuple[np.ndarray, np.ndarray], tmp_path: Path
) -> None:
    momenta, label = jets[0].copy(), jets[1]
    momenta[7, 0, 2] = np.nan
    as_npz(tmp_path / "jets.npz", momenta, label)
    with pytest.raises(UserError, match=r"jets\.npz: jet 7 .*NaN"):
        source(tmp_path, "jets.npz").describe()


def test_faulty_labels_are_named_by_row(
    jets: tuple[np.ndarray, np.ndarray], tmp_path: Path
) -> None:
    momenta, label = jets
    numbers = label.astype(float)
    numbers[5] = np.nan
    write_parquet(tmp_path / "a", momenta, label=numbers)
    with pytest.raises(UserError, match="row 5"):
        source(tmp_path, "a").describe()
    one_hot = np.stack([label, 1 - label], axis=1)
    one_hot[6] = 1
    write_parquet(tmp_path / "b", momenta, label=one_hot.tolist())
    with pytest.raises(UserError, match="row 6"):
        source(tmp_path, "b", signal=("class_0",)).load(tmp_path / "cache")


def test_lists_of_unequal_lengths_are_refused(
    jets: tuple[np.ndarray, np.ndarray], tmp_path: Path
) -> None:
    pa = pytest.importorskip("pyarrow")
    pq = pytest.importorskip("pyarrow.parquet")
    columns = lists(jets[0])
    columns["part_py"][3].append(1.0)
    pq.write_table(pa.table({**columns, "label": jets[1]}), tmp_path / "a")
    with pytest.raises(UserError, match=r"row 3: 'part_energy'.*'part_py'"):
        source(tmp_path, "a").load(tmp_path / "cache")


def test_damaged_and_unknown_files_are_named(
    jets: tuple[np.ndarray, np.ndarray], tmp_path: Path
) -> None:
    write_parquet(tmp_path / "a.parquet", jets[0], label=jets[1])
    content = (tmp_path / "a.parquet").read_bytes()
    (tmp_path / "a.parquet").write_bytes(content[:200])
    (tmp_path / "b.root").write_bytes(b"root" + bytes(200))
    (tmp_path / "c.txt").write_text("jets")
    for name in ("a.parquet", "b.root", "c.txt", "none.root"):
        with pytest.raises(UserError, match=name.replace(".", r"\.")):
            source(tmp_path, name).describe()


def test_an_ntuple_is_refused_by_name(tmp_path: Path) -> None:
    uproot = pytest.importorskip("uproot")
    with uproot.recreate(tmp_path / "a.root") as file:
        file.mkrntuple("Jets", {"part_px": np.zeros(3)})
    for tree in (None, "Jets"):
        with pytest.raises(UserError, match=r"a\.root.*'Jets'.*RNTuple"):
            source(tmp_path, "a.root", tree=tree).describe()


def test_missing_columns_are_named(jets: tuple[np.ndarray, np.ndarray], tmp_path: Path) -> None:
    write_parquet(tmp_path / "a", jets[0], quark=jets[1])
    with pytest.raises(UserError, match=r"data\.label.*quark"):
        source(tmp_path, "a").describe()
    assert "quark" in source(tmp_path, "a", label="quark").describe()
    with pytest.raises(UserError, match=r"part_pt.*data\.columns"):
        source(tmp_path, "a", label="quark", columns=("part_pt", "x", "y", "z")).describe()


def test_a_header_is_read_once(
    jets: tuple[np.ndarray, np.ndarray], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each use of the data makes a source of its own; a file that has changed is read again."""
    monkeypatch.setattr("saibench.datamodules.hash_cache.SETTLED", 0)
    write_parquet(tmp_path / "a", jets[0], label=jets[1])
    opened: list[Path] = []
    reader = ParquetJets._opened
    monkeypatch.setattr(
        ParquetJets, "_opened", lambda file: (opened.append(file.path), reader(file))[1]
    )
    assert source(tmp_path, "a").describe() == source(tmp_path, "a").describe()
    assert len(opened) == 1
    write_parquet(tmp_path / "a", jets[0][:20], label=jets[1][:20])
    assert source(tmp_path, "a").describe().startswith("20 jets")


def test_a_real_root_file_is_read(data_dir: Path, tmp_path: Path) -> None:
    """NanoAOD of CMS Open Data has no constituents of jets: here the jets of an event are taken."""
    uproot = pytest.importorskip("uproot")
    awkward = pytest.importorskip("awkward")
    path = data_dir / "formats" / "nanoAOD_2015_CMS_Open_Data_ttbar.root"
    if not path.is_file():
        pytest.skip(f"needs {path}")
    with pytest.raises(UserError, match=r"data\.columns"):
        JetFiles(train=(str(path),)).describe()
    columns = ("Jet_pt", "Jet_eta", "Jet_phi", "Jet_mass")
    label = "HLT_HISinglePhoton15ForEndOfFill"
    file = RootJets(path, Wanted(columns, "pt_eta_phi_mass", label))
    (chunk,) = file.chunks()
    arrays = uproot.open(path)["Events"].arrays([*columns, label])
    np.testing.assert_array_equal(chunk.counts, awkward.num(arrays["Jet_pt"]))
    for place, name in enumerate(columns):
        np.testing.assert_array_equal(chunk.values[:, place], awkward.flatten(arrays[name]))
    np.testing.assert_array_equal(chunk.classes, arrays[label])
    files = JetFiles(
        train=(str(path),), columns=columns, coordinates="pt_eta_phi_mass", label=label
    )
    with pytest.raises(UserError, match=r"\.root, row 8 has no constituents"):
        files.load(tmp_path)
    jets = replace(files, skip_empty=True).load(tmp_path)
    np.testing.assert_array_equal(jets.num_constituents, chunk.counts[chunk.counts > 0])
    np.testing.assert_array_equal(jets.label, chunk.classes[chunk.counts > 0])
