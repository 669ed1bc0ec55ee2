"""The jet tagging data module: partitions of the files, ranges of energy, checks beforehand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_line import QUIET, train
from jet_files import random_jets, write_pytables

from saibench.datamodules.jet_tagging.module import JetTaggingDataModule
from saibench.datamodules.jet_tagging.top_landscape import TopLandscape
from saibench.datamodules.jet_tagging.transforms import BeamRotations
from saibench.datamodules.samplers import Bins, Chain, Sampler, Subset, Where
from saibench.errors import InsufficientData, UserError
from saibench.runs.evaluation import _described

TRAIN = Where("split", equals="train")
HELD_OUT = Where("split", equals="test")


def energy_bins(*keep: int, **draw: Any) -> Bins:
    return Bins("jet_energy", start=200, width=250, count=8, keep=keep, **draw)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("files")
    for seed, (split, count) in enumerate([("train", 300), ("val", 10), ("test", 60)]):
        write_pytables(folder / f"{split}.h5", *random_jets(count, seed))
    return folder


def data(root: Path, **changed: Any) -> JetTaggingDataModule:
    settings: dict[str, Any] = {
        "training": Chain((TRAIN,)),
        "subset": Subset(count=100, stratify="label"),
        "held_out": "held_out",
        "partitions": {
            "held_out": {"samplers": [HELD_OUT]},
            "rotated": {"samplers": [HELD_OUT], "transform": BeamRotations()},
            **{f"bin_{k}": {"samplers": [HELD_OUT, energy_bins(k)]} for k in range(8)},
        },
        "test": ["held_out"],
        "cache": str(root / "cache"),
        "source": TopLandscape(str(root)),
    }
    return JetTaggingDataModule(**(settings | changed))


def test_training_candidates_are_the_rows_of_the_training_file(root: Path) -> None:
    module = data(root, test=["held_out", "rotated", "bin_2"])
    train, validation = module.split
    assert (train.count, validation.count) == (100, 50)
    assert set(module.index[np.concatenate([train.rows, validation.rows])]["split"]) == {"train"}
    assert set(module.index[module.tests["held_out"].rows]["split"]) == {"test"}
    assert module.tests["held_out"].sample_ids.tolist() == list(range(310, 370))
    assert [evaluation.transform for evaluation in module.passes()] == [None, BeamRotations()]


def test_validation_jets_are_those_of_the_file_for_them_where_the_source_says_so(
    root: Path,
) -> None:
    given = data(root)
    official = JetTaggingDataModule(
        source=TopLandscape(str(root), validation="val"),
        training=given.training,
        subset=given.subset,
        held_out="held_out",
        partitions=given.partitions,
        test=["held_out"],
        cache=str(root / "cache"),
    )
    train, validation = official.split
    assert train.sample_ids.tolist() == given.split[0].sample_ids.tolist()
    assert validation.sample_ids.tolist() == list(range(300, 310)), "all 10 of val.h5"
    assert "val" in validation.describe


def test_jets_are_described_as_they_are(root: Path) -> None:
    described = data(root).describe_data()["describe"]
    jets = data(root).jets
    assert "370 top and QCD jets" in described and "TopLandscape" in described
    assert f"{int(jets.label.sum())} are top jets" in described
    assert f"{jets.jet_pt.max():.4g} GeV" in described and "550" not in described


def test_a_subset_is_stratified_by_label(root: Path) -> None:
    index = data(root).index
    share = index.filter(split="train")["label"].mean()
    for count in (21, 100, 200):
        train, _ = data(root, subset=Subset(count=count, stratify="label")).split
        assert abs(index[train.rows]["label"].sum() - count * share) <= 1


def test_features_are_those_that_evidence_expects(root: Path) -> None:
    module = data(root)
    features = module.features(np.array([3, 1]))
    assert features["sample_id"].to_list() == [3, 1]
    named = {"sample_id", *(field.name for field in module.feature_fields())}
    assert set(features.columns) == named == {
        *("sample_id", "label", "split", "jet_energy", "jet_pt", "jet_eta", "jet_mass"),
        *("num_constituents", "energy_deviation", "kinematic_distance"),
    }  # fmt: skip


def test_energy_deviation_is_the_mean_distance_to_the_five_nearest_training_jets(
    root: Path,
) -> None:
    module = data(root)
    rows = np.arange(module.index.height)
    energy = module.index["jet_energy"].to_numpy()
    distance = np.abs(energy[:, None] - energy[module.split[0].rows])
    expected = np.sort(distance, axis=1)[:, :5].mean(axis=1)
    np.testing.assert_allclose(module.features(rows)["energy_deviation"], expected, rtol=1e-12)
    few = data(root, subset=Subset(count=5, stratify="label"))
    trained = energy[few.split[0].rows]
    expected = np.abs(energy[:, None] - trained).mean(axis=1)
    np.testing.assert_allclose(few.features(rows)["energy_deviation"], expected, rtol=1e-12)
    untrained = data(root, steps=0).features(rows)
    assert untrained["energy_deviation"].is_nan().all(), "nothing was trained on"


def training_range(last: int) -> Sampler:
    return TRAIN | energy_bins(*range(last + 1), size_of=0)


def test_training_ranges_have_equal_sizes(root: Path) -> None:
    index = data(root).index
    first = energy_bins(0).counts(index.filter(split="train"))[0]
    sizes = {training_range(last).select(index).size for last in range(6)}
    assert sizes == {first}


def test_an_empty_energy_bin_makes_its_point_inapplicable(root: Path) -> None:
    energies = data(root).index["jet_energy"]
    assert energies.max() < 6000
    far = Bins("jet_energy", start=6000, width=250, count=8, keep=[7])
    for module in (
        data(root, training=TRAIN | far),
        data(root, partitions={"held_out": {"samplers": [HELD_OUT, far]}}),
    ):
        with pytest.raises(InsufficientData, match=r"bin 7 of 'jet_energy', from 7750"):
            module.split  # noqa: B018
            module.tests  # noqa: B018


def test_too_large_a_subset_is_refused_before_the_files_are_read(root: Path) -> None:
    module = data(root, subset=Subset(count=290), cache=str(root / "never"))
    with pytest.raises(InsufficientData, match=r"subset\.count=290 "):
        module.check()
    assert not (root / "never").exists()


def test_training_on_held_out_jets_is_refused(root: Path) -> None:
    with pytest.raises(UserError, match=r"60 of the 60 .*held-out"):
        data(
            root, training=Where("split", one_of=["train", "test"]), subset=Subset(count=9)
        ).check()


@pytest.mark.parametrize(("label", "name"), [(0, "QCD"), (1, "top")])
def test_training_on_one_class_is_refused_by_partition_and_class(
    root: Path, label: int, name: str
) -> None:
    of_one = {"training": Chain((TRAIN, Where("label", equals=label))), "subset": Subset(count=50)}
    alone = data(root, steps=4, **of_one)
    alone.check()  # labels are read with the jets
    with pytest.raises(UserError, match=rf"'train' .* {name} jets \(label {label}"):
        alone.split  # noqa: B018
    assert data(root, steps=0, **of_one).split[0].count == 0


@pytest.mark.parametrize("simulated", [True, False])
def test_command_that_trains_on_one_class_leaves_nothing(
    simulated: bool, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of simulated jets labels are known before they are made, of files once they are read."""
    cache, place = tmp_path / "cache", tmp_path / "place"
    place.mkdir()
    monkeypatch.setenv("SAIBENCH_CACHE_DIR", str(cache))
    samplers = ", ".join(
        f"{{_target_: saibench.datamodules.samplers.Where, by: {by}, equals: {value}}}"
        for by, value in (("split", "train"), ("label", 1))
    )
    source = () if simulated else ("data=top_landscape", f"data.root={root}")
    small = ("model.net.num_layers=1", "subset.count=20", "trainer.max_steps=1", *QUIET)
    chosen = f"training.samplers=[{samplers}]"
    ended = train(place, "workload=jet_tagging", *source, chosen, *small)
    assert ended.status == 2 and "'train'" in ended.err and "top jets" in ended.err
    assert not list(place.iterdir())
    assert cache.exists() != simulated


@pytest.mark.parametrize("fraction", [0, -0.1, 1.01])
def test_a_fraction_is_in_0_1(fraction: float) -> None:
    with pytest.raises(UserError, match=r"subset\.fraction="):
        Subset(fraction=fraction, stratify="label")


@pytest.mark.parametrize("name", ["batch_size", "evaluation_batch_size", "max_constituents"])
def test_numbers_below_one_are_refused(root: Path, name: str) -> None:
    with pytest.raises(UserError, match=rf"datamodule\.{name}=0"):
        data(root, **{name: 0})


def test_missing_files_are_refused_beforehand(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="data download top_landscape"):
        data(tmp_path).check()


def test_records_count_the_training_jets_of_each_bin(root: Path) -> None:
    module = data(root)
    train, _ = module.split
    counts = _described(module)["train"]
    label = module.index[train.rows]["label"].to_numpy()
    energy = module.index[train.rows]["jet_energy"].to_numpy()
    assert counts["count"] == 100
    assert sum(counts["top_jets"]) == (label == 1).sum()
    first = (energy >= 550) & (energy < 786.25)
    assert counts["qcd_jets"][0] == (first & (label == 0)).sum()
