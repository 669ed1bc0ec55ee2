from __future__ import annotations

import os
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hydra.utils import instantiate
from omegaconf import OmegaConf
from scipy import constants

from saibench.datamodules.force_field.md17 import MD17
from saibench.datamodules.force_field.rmd17 import RMD17
from saibench.datamodules.force_field.trajectory import Trajectory, TrajectorySource
from saibench.errors import UserError
from saibench.files.npz import NpzArrays

EV = 4184 / (constants.N_A * constants.e)  # 1 kcal/mol, exact since 2019
CONF = Path(__file__).parents[3] / "conf" / "data"
Columns = dict[str, Any]


def columns(count: int = 12) -> Columns:
    """A small file in rMD17's layout: rows shuffled in time, as the official ones are."""
    random = np.random.default_rng(7)
    return {
        "nuclear_charges": np.array([6, 8, 1, 1], dtype=np.uint8),
        "coords": random.normal(size=(count, 4, 3)) + 150,
        "energies": random.normal(-4e5, 5, count),
        "forces": random.normal(size=(count, 4, 3)),
        "old_indices": random.permutation(count * 3)[:count].astype(np.int64),
    }


def md17_columns(count: int = 12) -> Columns:
    of = columns(count)
    return {
        "z": of["nuclear_charges"],
        "R": of["coords"],
        "E": of["energies"][:, None],
        "F": of["forces"],
    }


def write(root: Path, of: Mapping[str, Any], name: str = "rmd17_aspirin.npz") -> RMD17:
    np.savez(root / name, **of)
    return RMD17("aspirin", root=str(root))


def refusal(act: Callable[[], object]) -> str:
    with pytest.raises(UserError) as refused:
        act()
    sentence = str(refused.value)
    assert "\n" not in sentence
    return sentence


# rMD17


def test_rmd17_is_brought_back_into_order_of_time(data_dir: Path, tmp_path: Path) -> None:
    published = np.load(data_dir / "rmd17/npz_data/rmd17_aspirin.npz")
    rows = np.random.default_rng(1).permutation(9633)[:300]
    shuffled = {
        key: published[key][rows] for key in ("coords", "energies", "forces", "old_indices")
    }
    source = write(tmp_path, {**shuffled, "nuclear_charges": published["nuclear_charges"]})

    trajectory = source.load(tmp_path / "cache")

    # The excerpt is sorted already, so rows in rising order are in order of time.
    expected = {key: published[key][np.sort(rows)] for key in shuffled}
    np.testing.assert_array_equal(trajectory.sample_id, expected["old_indices"])
    np.testing.assert_allclose(trajectory.time, expected["old_indices"] * 0.0005, rtol=1e-15)
    np.testing.assert_allclose(trajectory.energies, expected["energies"] * EV, rtol=1e-6)
    np.testing.assert_allclose(trajectory.forces, expected["forces"] * EV, rtol=1e-6)
    distances = np.linalg.norm(trajectory.positions[:, 0] - trajectory.positions[:, 5], axis=1)
    np.testing.assert_allclose(
        distances, np.linalg.norm(expected["coords"][:, 0] - expected["coords"][:, 5], axis=1)
    )


def test_real_aspirin_has_its_known_formula_size_and_forces(data_dir: Path, tmp_path: Path) -> None:
    trajectory = RMD17("aspirin", root=str(data_dir)).load(tmp_path)

    assert "".join(trajectory.symbols) == "CCCCCCCOOOCCOHHHHHHHH"
    assert trajectory.positions.shape == trajectory.forces.shape == (9633, 21, 3)
    for of in ("positions", "energies", "forces", "time"):
        assert getattr(trajectory, of).dtype == np.float64
    assert trajectory.sample_id.dtype == trajectory.atomic_numbers.dtype == np.int64
    root_mean_square = np.sqrt(np.square(trajectory.forces).mean())
    assert root_mean_square == pytest.approx(29.38 * EV, rel=1e-3)
    assert trajectory.energies.mean() == pytest.approx(-406274.388 * EV, rel=1e-6)
    index = trajectory.index()
    assert index.columns == ["sample_id", "time"]
    assert index.height == 9633
    assert index["time"].is_sorted()


def test_each_frame_is_centred_even_where_the_molecule_drifted_away(
    data_dir: Path, tmp_path: Path
) -> None:
    raw = np.load(data_dir / "rmd17/npz_data/rmd17_benzene.npz")["coords"]
    assert np.abs(raw).max() > 100

    positions = RMD17("benzene", root=str(data_dir)).load(tmp_path).positions

    np.testing.assert_allclose(positions.mean(axis=1), 0, atol=1e-12)
    assert np.abs(positions).max() < 4


def test_the_preview_is_the_index_and_reads_old_indices_only(
    data_dir: Path, tmp_path: Path
) -> None:
    real = RMD17("ethanol", root=str(data_dir))
    assert real.preview().equals(real.load(tmp_path / "cache").index())

    lame = columns()
    del lame["forces"], lame["coords"]
    source = write(tmp_path, lame)
    np.testing.assert_array_equal(source.preview()["sample_id"], np.sort(lame["old_indices"]))


def test_the_preview_leaves_positions_on_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are 400 MB of an official file."""
    source, read = write(tmp_path, columns()), []
    read_array = NpzArrays.__getitem__

    def noted(file: NpzArrays, key: str) -> np.ndarray:
        read.append(key)
        return read_array(file, key)

    monkeypatch.setattr(NpzArrays, "__getitem__", noted)
    assert source.preview().height == 12
    assert read == ["old_indices"]


@pytest.mark.parametrize("below", [".", "npz_data", "rmd17/npz_data"])
def test_a_file_is_found_where_archives_and_downloads_put_it(tmp_path: Path, below: str) -> None:
    (tmp_path / below).mkdir(parents=True, exist_ok=True)
    write(tmp_path / below, columns())

    assert RMD17("aspirin", root=str(tmp_path)).preview().height == 12


def test_without_a_root_the_data_folder_comes_before_the_download(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder, count in (("data", 5), ("cache/rmd17/npz_data", 7)):
        (tmp_path / folder).mkdir(parents=True)
        write(tmp_path / folder, columns(count))
    monkeypatch.setenv("SAIBENCH_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("SAIBENCH_DATA_DIR", str(tmp_path / "data"))
    assert RMD17("aspirin").preview().height == 5
    monkeypatch.delenv("SAIBENCH_DATA_DIR")
    assert RMD17("aspirin").preview().height == 7


def test_a_missing_file_is_refused_with_the_ways_to_get_it(tmp_path: Path) -> None:
    sentence = refusal(RMD17("toluene", root=str(tmp_path)).preview)

    assert "rmd17_toluene.npz" in sentence
    assert str(tmp_path) in sentence
    assert "python -m saibench data download rmd17_small --molecule toluene" in sentence
    assert "python -m saibench data download rmd17 --molecule toluene" in sentence
    assert "data.root" in sentence


@pytest.mark.parametrize("reader", [RMD17, MD17])
def test_an_unknown_molecule_is_refused_with_the_closest(reader: type) -> None:
    assert "'salicylic'" in refusal(lambda: reader("salicylic_acid"))


def test_another_content_is_another_recipe_and_another_path_is_not(tmp_path: Path) -> None:
    recipes = []
    for folder, count in (("a", 5), ("b", 5), ("c", 6)):
        (tmp_path / folder).mkdir()
        recipes.append(write(tmp_path / folder, columns(count)).recipe())

    assert recipes[0] == recipes[1] != recipes[2]


def test_a_file_that_changed_is_read_again(tmp_path: Path) -> None:
    assert write(tmp_path, columns(5)).load(tmp_path / "cache").energies.shape == (5,)
    assert write(tmp_path, columns(6)).load(tmp_path / "cache").energies.shape == (6,)


def test_rmd17_describes_itself_in_one_sentence(tmp_path: Path) -> None:
    other = write(tmp_path, columns()).describe()
    assert other == "12 frames of aspirin in the layout of rMD17.", "it is not the published file"


def test_the_published_excerpt_is_described_as_that(data_dir: Path) -> None:
    assert RMD17("aspirin", str(data_dir)).describe() == (
        "9,633 frames of aspirin from rMD17, a molecular dynamics trajectory at 500 K with "
        "energies and forces at PBE/def2-SVP."
    )


# Faulty files


def load(source: TrajectorySource, root: Path) -> Trajectory:
    return source.load(root / "cache")


def test_a_truncated_file_is_refused(tmp_path: Path) -> None:
    source = write(tmp_path, columns())
    path = tmp_path / "rmd17_aspirin.npz"
    os.truncate(path, path.stat().st_size // 2)

    sentence = refusal(lambda: load(source, tmp_path))
    assert str(path) in sentence
    assert ".npz" in sentence
    assert refusal(source.preview) == sentence


@pytest.mark.parametrize("content", [b"", b"<html>404 Not Found</html>", b"PK\x03\x04 and so on"])
def test_a_file_that_is_no_npz_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "rmd17_aspirin.npz").write_bytes(content)

    assert "not a complete .npz" in refusal(RMD17("aspirin", root=str(tmp_path)).preview)


def test_a_single_array_or_a_pickle_is_refused(tmp_path: Path) -> None:
    for array in (np.zeros(3), np.array([{"pickled": True}])):
        with (tmp_path / "rmd17_aspirin.npz").open("wb") as file:
            np.save(file, array)
        assert "not a complete .npz" in refusal(RMD17("aspirin", root=str(tmp_path)).preview)


def test_an_archive_of_something_else_is_refused_with_its_key(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "rmd17_aspirin.npz", "w") as archive:
        archive.writestr("old_indices", "0,1,2")
    sentence = refusal(RMD17("aspirin", root=str(tmp_path)).preview)
    assert "rmd17_aspirin.npz" in sentence and "'old_indices'" in sentence


def test_a_damaged_array_is_refused_with_its_key(tmp_path: Path) -> None:
    source = write(tmp_path, columns())
    path = tmp_path / "rmd17_aspirin.npz"
    content = bytearray(path.read_bytes())
    forces = columns()["forces"].tobytes()
    content[content.index(forces) + 40] ^= 0xFF
    path.write_bytes(content)

    assert "'forces'" in refusal(lambda: load(source, tmp_path))


@pytest.mark.parametrize("key", list(columns()))
def test_a_missing_key_is_refused_with_its_name(tmp_path: Path, key: str) -> None:
    of = columns()
    of[f"{key}_"] = of.pop(key)

    sentence = refusal(lambda: load(write(tmp_path, of), tmp_path))
    assert f"no key '{key}'" in sentence
    assert f"'{key}_'" in sentence


@pytest.mark.parametrize(
    ("key", "wrong"),
    [
        ("coords", np.zeros((12, 4))),
        ("coords", np.zeros((12, 5, 3))),
        ("forces", np.zeros((11, 4, 3))),
        ("energies", np.zeros((12, 4))),
        ("nuclear_charges", np.ones((4, 1), int)),
        ("old_indices", np.arange(24).reshape(12, 2)),
        ("old_indices", np.arange(11)),
    ],
)
def test_a_wrong_shape_is_refused_with_its_key(tmp_path: Path, key: str, wrong: np.ndarray) -> None:
    sentence = refusal(lambda: load(write(tmp_path, {**columns(), key: wrong}), tmp_path))

    assert "rmd17_aspirin.npz" in sentence
    assert f"'{key}'" in sentence


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("key", ["coords", "energies", "forces"])
def test_a_value_that_is_not_finite_is_refused_with_its_row(
    tmp_path: Path, key: str, value: float
) -> None:
    of = columns()
    of[key][7] = value

    sentence = refusal(lambda: load(write(tmp_path, of), tmp_path))
    assert f"key '{key}'" in sentence
    assert "row 7" in sentence


def test_one_value_that_is_not_finite_is_enough(tmp_path: Path) -> None:
    of = columns()
    of["forces"][9, 3, 2] = np.nan

    assert "row 9 (1 of 12" in refusal(lambda: load(write(tmp_path, of), tmp_path))


def test_a_repeated_old_index_is_refused_with_both_rows(tmp_path: Path) -> None:
    of = columns()
    of["old_indices"][8] = of["old_indices"][3]
    source = write(tmp_path, of)

    sentence = refusal(lambda: load(source, tmp_path))
    assert "key 'old_indices'" in sentence
    assert f"value {of['old_indices'][3]} in rows 3 and 8" in sentence
    assert refusal(source.preview) == sentence


def test_a_file_without_frames_is_refused(tmp_path: Path) -> None:
    assert "empty" in refusal(lambda: load(write(tmp_path, columns(0)), tmp_path))


@pytest.mark.parametrize("number", [0, 119])
def test_an_impossible_element_is_refused(tmp_path: Path, number: int) -> None:
    of = {**columns(), "nuclear_charges": np.array([6, 8, number, 1])}

    assert f"{number} in row 2" in refusal(lambda: load(write(tmp_path, of), tmp_path))


def test_a_fault_leaves_nothing_in_the_cache(tmp_path: Path) -> None:
    of = columns()
    of["forces"][9, 3, 2] = np.nan
    refusal(lambda: load(write(tmp_path, of), tmp_path))

    assert not [path for path in (tmp_path / "cache").iterdir() if path.is_dir()]


# MD17


@pytest.mark.parametrize("flat", [True, False])
def test_md17_is_read_in_the_order_of_its_rows(tmp_path: Path, flat: bool) -> None:
    of = md17_columns()
    np.savez(tmp_path / "md17_ethanol.npz", **{**of, "E": of["E"][:, 0] if flat else of["E"]})
    source = MD17("ethanol", root=str(tmp_path))

    trajectory = source.load(tmp_path / "cache")

    assert trajectory.symbols == ("C", "O", "H", "H")
    np.testing.assert_array_equal(trajectory.sample_id, np.arange(12))
    np.testing.assert_allclose(trajectory.time, np.arange(12) * 0.0005)
    np.testing.assert_allclose(trajectory.energies, of["E"][:, 0] * EV, rtol=1e-6)
    np.testing.assert_allclose(trajectory.forces, of["F"] * EV, rtol=1e-6)
    np.testing.assert_allclose(trajectory.positions.mean(axis=1), 0, atol=1e-12)
    assert source.preview().equals(trajectory.index())
    assert source.describe().startswith("12 frames of ethanol in the layout of MD17")


@pytest.mark.parametrize(
    ("molecule", "file"),
    [("benzene", "md17_benzene2017.npz"), ("paracetamol", "paracetamol_dft.npz")],
)
def test_md17_is_found_under_its_published_name(tmp_path: Path, molecule: str, file: str) -> None:
    (tmp_path / "md17").mkdir()
    np.savez(tmp_path / "md17" / file, **md17_columns())

    assert MD17(molecule, root=str(tmp_path)).preview().height == 12


def test_md17_refuses_faults_as_rmd17_does(tmp_path: Path) -> None:
    of = md17_columns()
    of["F"][4, 0, 0] = np.inf
    np.savez(tmp_path / "md17_ethanol.npz", **of)

    sentence = refusal(lambda: MD17("ethanol", root=str(tmp_path)).load(tmp_path / "cache"))
    assert "key 'F'" in sentence
    assert "row 4" in sentence


def test_a_missing_md17_file_is_refused_with_its_address(tmp_path: Path) -> None:
    sentence = refusal(MD17("benzene", root=str(tmp_path)).preview)

    assert "http://www.quantum-machine.org/gdml/data/npz/md17_benzene2017.npz" in sentence
    assert "data.root" in sentence


# Configs


@pytest.mark.parametrize("name", ["gfn2_xtb", "rmd17", "md17"])
def test_a_shipped_config_makes_a_source_and_holds_all_its_fields(name: str) -> None:
    config = OmegaConf.load(CONF / f"{name}.yaml")
    source = instantiate(config)

    fields = {key: value for key, value in config.items() if key != "_target_"}
    assert vars(source) == fields == vars(type(source)())
    assert source.name == config.molecule
