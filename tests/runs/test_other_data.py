"""A trained run on other data than those of its training."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import ase.io
import numpy as np
import polars
import pytest
import torch
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from command_line import QUIET, TINY, evaluate, no_page, only_point, saibench, train

from saibench.analysis.trusted_range.suitable import Model
from saibench.datamodules.force_field.module import ForceFieldDataModule
from saibench.datamodules.force_field.trajectory import Trajectory
from saibench.datamodules.jet_tagging.module import JetTaggingDataModule
from saibench.errors import UserError
from saibench.evidence.reader import StudyEvidence
from saibench.imports.targets import build
from saibench.report.heading import model_line
from saibench.runs.checkpoints import dataset_info_of
from saibench.runs.point import load_point

KEYS = ("point", "partition", "sample_id", "time", "seen_in_training", "equivariance_error")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose net has latent layers, so that features of the model are there."""
    folder = tmp_path_factory.mktemp("trained")
    net = ("model=nequip_small", "model.net.num_features=4", "model.net.num_layers=1")
    small = [word for word in TINY if not word.startswith("model")]
    with no_page():
        ended = train(folder, *small, *net, "trainer.max_steps=6")
    assert ended.status == 0, ended.err
    return only_point(folder)


def write_last_tenth(run: Path, path: Path) -> None:
    """The tested frames of the run, as another file."""
    trajectory: Trajectory = build(load_point(run).settings["datamodule"], "data").trajectory
    images = []
    for row in range(270, 300):
        atoms = Atoms(trajectory.symbols, trajectory.positions[row])
        energy, forces = float(trajectory.energies[row]), trajectory.forces[row]
        atoms.calc = SinglePointCalculator(atoms, energy=energy, forces=forces)
        images.append(atoms)
    ase.io.write(path, images)


def other_runs(run: Path) -> list[Path]:
    return [one.parent for one in run.parent.parent.glob(f"{run.parent.name}-on-*/*/run.json")]


@pytest.mark.usefixtures("without_page")
def test_frames_in_another_file_have_the_errors_and_features_of_the_run(
    trained: Path, tmp_path: Path
) -> None:
    path = tmp_path / "tail.xyz"
    write_last_tenth(trained, path)
    before = polars.read_parquet(trained / "samples.parquet").sort("time")
    given = (f"run={trained}", "data=extxyz", f"data.files=[{path}]", "test=[whole_trajectory]")
    ended = evaluate(tmp_path, *given, *QUIET)
    assert ended.status == 0, ended.err
    (other,) = other_runs(trained)
    assert f"saibench report {trained.parent} {other.parent}" in ended.out
    after = polars.read_parquet(other / "samples.parquet").sort("time")
    for name in set(before.columns) - set(KEYS):
        expected = before[name].to_numpy()
        # positions in the file have eight decimals, and nets single precision
        scale = max(1.0, float(np.abs(expected).max()))
        assert after[name].to_numpy() == pytest.approx(expected, abs=1e-3 * scale), name
    assert {"latent_distance", "soap_distance_atom", "committee_std"} <= set(after.columns)
    assert not after["seen_in_training"].any()

    record = json.loads((other / "run.json").read_text())
    own = json.loads((trained / "run.json").read_text())
    assert record["trained"]["run"] == own["point"]
    assert record["settings"] == {**own["settings"], "data.molecule": None}
    assert record["data"]["hash"] != own["data"]["hash"]
    assert record["partitions"]["train"] == own["partitions"]["train"]

    again = evaluate(tmp_path, *given, *QUIET)
    assert again.status == 0 and other_runs(trained) == [other]
    evidence = StudyEvidence.load(other.parent)
    assert "20 samples of other data" in model_line(evidence)
    assert evidence.training.window is None, "windows of another trajectory"
    assert Model.of(record, "").run == own["point"]


def test_checkpoint_of_the_first_version_has_its_information(tmp_path: Path) -> None:
    torch.save({"hyper_parameters": {"facts": {"pixel_km": 2.0}}}, tmp_path / "best.ckpt")
    assert dataset_info_of(tmp_path / "best.ckpt") == {"pixel_km": 2.0}


def test_other_elements_are_refused(trained: Path, tmp_path: Path) -> None:
    images = []
    for stretch in 0.05 * np.random.default_rng(0).standard_normal(60):
        atoms = Atoms("N2", [(0, 0, 0), (0, 0, 1.1 + stretch)])
        forces = [(0, 0, 30 * stretch), (0, 0, -30 * stretch)]
        atoms.calc = SinglePointCalculator(atoms, energy=15 * stretch**2, forces=forces)
        images.append(atoms)
    ase.io.write(tmp_path / "nitrogen.xyz", images)
    before = other_runs(trained)
    ended = evaluate(
        tmp_path, f"run={trained}", "data=extxyz", f"data.files=[{tmp_path / 'nitrogen.xyz'}]",
        "test=[whole_trajectory]", *QUIET,
    )  # fmt: skip
    assert ended.status == 2 and "N" in ended.err and "unknown" in ended.err
    assert "saibench report" not in ended.out, "there is no other study"
    assert other_runs(trained) == before


def test_classes_of_jets_are_those_of_the_training() -> None:
    def adopt(own: list[str], known: list[str]) -> dict[str, list[str]]:
        data = SimpleNamespace(dataset_info=lambda: {"classes": own} if own else {})
        return JetTaggingDataModule.adopt(data, {"classes": known} if known else {})

    assert adopt(["t", "q", "g"], ["t", "q", "g"]) == {"classes": ["t", "q", "g"]}
    assert adopt(["t", "q", "g"], []) == {}
    for own in ([], ["q", "t", "g"]):
        with pytest.raises(UserError, match=r"t, q and g.*data\.multiclass=true"):
            adopt(own, ["t", "q", "g"])


@pytest.mark.parametrize("is_periodic", [False, True])
def test_periodic_frames_need_a_training_on_periodic_frames(is_periodic: bool) -> None:
    cells = np.eye(3)[None] if is_periodic else None
    frames = SimpleNamespace(elements=("H",), name="frames", cells=cells)
    with pytest.raises(UserError, match="periodic"):
        ForceFieldDataModule.adopt(
            SimpleNamespace(trajectory=frames),
            {"type_names": ["H"], **({} if is_periodic else {"periodic": True})},
        )


def test_data_of_another_workload_are_refused(trained: Path, tmp_path: Path) -> None:
    ended = evaluate(tmp_path, f"run={trained}", "data=simulated_rain", *QUIET)
    assert ended.status == 2 and "data" in ended.err


@pytest.mark.usefixtures("without_page")
@pytest.mark.parametrize(
    ("settings", "other", "metric"),
    [
        (
            ("workload=nowcasting", "model=persistence", "data.events=20"),
            ("data=simulated_rain", "data.events=20", "data.seed=7"),
            "mae_60",
        ),
        (
            ("workload=jet_tagging", "data.top_jets=120", "data.qcd_jets=120",
             "trainer.max_steps=2", "trainer.val_every=2", "datamodule.batch_size=8",
             "model.net.num_layers=1", "model.net.num_heads=2", "model.net.embed_dims=[8,8]"),
            ("data=simulated_jets", "data.top_jets=40", "data.qcd_jets=40", "data.seed=7"),
            "auc",
        ),
    ],
    ids=["rain", "jets"],
)  # fmt: skip
def test_other_workloads(
    tmp_path: Path, settings: tuple[str, ...], other: tuple[str, ...], metric: str
) -> None:
    ended = train(tmp_path, *settings, *QUIET, "workload.figures=[]")
    assert ended.status == 0, ended.err
    run = only_point(tmp_path)
    ended = evaluate(tmp_path, f"run={run}", *other, *QUIET)
    assert ended.status == 0, ended.err
    (found,) = other_runs(run)
    metrics = [
        json.loads((one / "metrics.json").read_text())["held_out"][metric] for one in (run, found)
    ]
    assert min(one["count"] for one in metrics) > 0
    assert metrics[0]["value"] != metrics[1]["value"]
    ended = saibench(tmp_path, "audit", str(found))
    if metric == "auc":
        assert ended.status == 0 and "held_out" in ended.out, ended.err
    else:
        assert ended.status == 2 and "not trained" in ended.err
