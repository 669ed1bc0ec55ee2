"""Every shipped study in a smoke size: two points, a few steps, a tiny net."""

from __future__ import annotations

import contextlib
from pathlib import Path

import numpy as np
import polars
import pytest
from command_line import FRAMES, QUIET, REPOSITORY, one_error_model, train
from jet_files import random_jets, write_pytables
from molecule_files import water_frames, write_frames
from toolbox_runs import assert_techniques_ran

from saibench.analysis.trusted_range.model_curves import KINDS
from saibench.analysis.trusted_range.study_ranges import fit_all
from saibench.config.compose import compose_command
from saibench.config.locations import study_files
from saibench.evidence.reader import StudyEvidence

STUDIES = sorted(study_files().values())
FEW_STEPS = ("trainer.max_steps=3", "trainer.val_every=3", "trainer.max_time=null")
SMALL = {
    "force_field": (
        *(*FRAMES, *FEW_STEPS),
        *("model.net.num_layers=1", "model.net.num_features=4"),
    ),
    "nowcasting": ("data.events=60", "data.size=32", "datamodule.batch_size=2", *FEW_STEPS),
    "jet_tagging": (
        *("data=top_landscape", "datamodule.batch_size=8", *FEW_STEPS),
        *("model.net.num_layers=1", "model.net.embed_dims=[8,8]", "model.net.num_heads=2"),
    ),
    "field_dynamics": (
        *("data.trajectories=40", "datamodule.batch_size=4", "datamodule.leads=4"),
        *("subset.count=8", *FEW_STEPS),
    ),
}
EXPECTED = {
    "force_field": "force MAE",
    "nowcasting": "mm/h",
    "jet_tagging": "classified as",
    "field_dynamics": "VRMSE",
}
OF_NOWCASTNET = ("data.size=64", "data.events=40")
"""The narrow net needs fields of at least 64 pixels; other tests have the same 40 events."""
TWO_POINTS = {
    "time_extrapolation": (
        "subset.count=20",
        "window={start: 0, size: 0.3},{start: 0.6, size: 0.3}",
    ),
    "time_slices": (
        "subset.count=20",
        "window={start: 0, size: 0.3},{start: 0.6, size: 0.3}",
    ),
    "sample_efficiency": ("subset.count=20,40",),
    "equivariance": ("subset.count=20",),
    "random_split": ("subset.count=20",),
    "heated": ("subset.count=20", "seed=0,1"),
    "two_temperatures": ("subset.count=20",),
    "physical_prior": ("model.net.features=kinematic,raw", "subset.fraction=0.3"),
    "rotation": (
        *("model.net.features=kinematic,raw", "subset.fraction=0.3"),
        "partitions.rotated.transform.count=3",
    ),
    "energy_extrapolation": ("train_bins=[0],[0,1]",),
    "data_sources": ("seed=0,1",),
    "lead_time": ("subset.count=9", "model=persistence,nowcastnet_narrow", *OF_NOWCASTNET),
    "displacement_demo": ("subset.count=9", "seed=0,1"),
    "stability": (
        *("subset.count=9", "seed=0,1", "partitions.ten_events.transform.count=3"),
        *(*OF_NOWCASTNET, "partitions.ten_events.samplers.1.count=8"),
    ),
    "error_tracing": ("subset.count=9", "seed=0,1"),
    "temperature_shift": ("subset.count=20", "seed=0,1"),
    "trend_imbalance": ("subset.count=9",),
    "intensity_extrapolation": ("subset.count=9", "weakest=0.6667,1.0"),
    "trusted_range": ("subset.count=20", "seed=0,1", "partitions.between.samplers.1.count=30"),
}
OF_RAIN = {  # where studies of several workloads have one name
    "sample_efficiency": ("subset.fraction=0.1,0.3",),
    "trusted_range": ("subset.count=9", "seed=0,1"),
}
OF_JETS = {
    "sample_efficiency": ("subset.fraction=0.3,1.0",),
    "error_tracing": ("seed=0,1",),
    "trusted_range": ("seed=0,1", "test=[within,above,all_energies]"),
}
OF_FIELDS = {
    "sample_efficiency": ("subset.count=8,16", "data.points=64"),
    "parameter_extrapolation": ("data.points=64",),
    "amplitude_extrapolation": ("data.points=48",),
    "viscosity_extrapolation": ("data.trajectories=80", "data.frames=9", "data.points=20"),
    "time_extrapolation": (
        *("data.trajectories=20", "data.points=20"),
        "datamodule.stride=8",  # a quarter of the forecasts
    ),
    "models": ("seed=0,1", "model=fno_small", "data.points=64"),
    "equivariance": ("model.net.grid_embedding=false,true",),
    "resolution": ("datamodule.coarsen=1,2",),
    "lorenz": ("model=field_persistence,mlp", "datamodule.history=2"),
    "common_task_ks": ("data.points=32", "model=field_linear,fno_task_small"),
    "common_task_lorenz": ("model=field_linear,mlp",),
}
COMMON_TASK = (
    *("data.rows=60", "data.few=30", "data.forecast=20", "data.transient=1", *FEW_STEPS),
    *("datamodule.history=2", "subset.count=8", "seed=0"),
    "task={name: medium_noise, trajectories: [1], test: [pair_3, pair_2]}",
)
"""Two pairs of the Common Task Framework in a smoke size."""
WHOLE_COMPETITION = "jet_tagging/trusted_range"
"""The study whose trusted ranges are fitted with every kind of error model."""
RUN = [study for study in STUDIES if not study.with_stem(f"{study.stem}_mini").exists()]
"""The large forms differ from the small ones in size alone; another test composes them."""


def name_of(study: Path) -> str:
    return str(study.relative_to(REPOSITORY / "sweeps").with_suffix(""))


def made_files(folder: Path) -> Path:
    """Files in TopLandscape's layout, of random jets that fill the lowest bins of energy."""
    pytest.importorskip("pandas")
    root = folder / "top_landscape"
    root.mkdir()
    for seed, (split, count) in enumerate([("train", 400), ("val", 10), ("test", 60)]):
        momenta, label = random_jets(count, seed)
        energy = np.linspace(560, 1240, count)  # GeV: every jet is scaled to its own
        energy = np.random.default_rng(seed).permutation(energy)  # neighbours are independent
        momenta *= (energy / momenta[..., 0].sum(axis=1))[:, None, None].astype(np.float32)
        write_pytables(root / f"{split}.h5", momenta, label)
    return root


def made_frames(folder: Path) -> Path:
    """Files with the names of the acac set, of water."""
    root = folder / "frames"
    (root / "acac").mkdir(parents=True)
    for name, spread in (("train_300K", 0.03), ("test_MD_300K", 0.03), ("test_MD_600K", 0.05)):
        write_frames(root / "acac" / f"{name}.xyz", water_frames(40, spread, seed=40))
    for name in ("test_dihedral", "test_H_transfer"):
        images = water_frames(6, 0.05, seed=6, forces=False)
        write_frames(root / "acac" / f"{name}.xyz", images)
    return root


@pytest.mark.parametrize("study", RUN, ids=name_of)
def test_study_runs_to_its_report(
    study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("saibench.datamodules.partition.MIN_VALIDATION", 4)
    name, workload = study.stem.removesuffix("_mini"), study.parent.name
    two_points = TWO_POINTS.get(name, ())
    if workload == "nowcasting":
        two_points = OF_RAIN.get(name, two_points)
    if workload == "field_dynamics":
        pytest.importorskip("neuralop")
        two_points = OF_FIELDS[name]
    if workload == "jet_tagging":
        two_points = (*OF_JETS.get(name, two_points), f"data.root={made_files(tmp_path)}")
    small = SMALL[workload]
    if name == "temperature_shift":
        small = tuple(word for word in small if not word.startswith("data"))
        two_points = (*two_points, f"data.root={made_frames(tmp_path)}")
    if name.startswith("common_task"):
        small = COMMON_TASK
    if name_of(study) == "force_field/trusted_range":  # its molecules are not at hand everywhere
        small = ("data=gfn2_xtb", *small)
    is_whole = name_of(study) == WHOLE_COMPETITION
    with contextlib.nullcontext() if is_whole else one_error_model():
        ended = train(tmp_path, f"+sweeps={name_of(study)}", *QUIET, *small, *two_points)
    assert ended.status == 0, ended.err
    (report,) = tmp_path.glob("outputs/*/report.html")
    points = polars.read_parquet(report.parent / "evidence" / "points.parquet")
    assert points["state"].to_list() == ["complete", "complete"]
    assert EXPECTED[workload] in report.read_text()
    assert_techniques_ran(name_of(study), report.parent)
    for found in fit_all(StudyEvidence.load(report.parent)) if is_whole else ():
        assert found.trusted is not None and found.trusted.competition is not None
        assert {one.kind for one in found.trusted.competition.candidates} == set(KINDS)


@pytest.mark.parametrize("study", STUDIES, ids=name_of)
def test_first_comment_has_the_command_that_runs_the_study(study: Path) -> None:
    lines = study.read_text().splitlines()
    comment = [line for line in lines[1:] if line.startswith("#")]
    assert lines[0] == "# @package _global_"
    assert any(f"+sweeps={name_of(study)}" in line for line in comment)


def test_time_extrapolation_has_the_15_windows_of_the_paper() -> None:
    command = compose_command("train", ["+sweeps=force_field/time_extrapolation"])
    windows = [(point.window.start, point.window.size) for point in command.points]
    starts, sizes = (0, 0.15, 0.3, 0.45, 0.6), (0.3, 0.45, 0.6, 0.75, 0.9)
    fitting = [(start, size) for start in starts for size in sizes if start + size < 0.9 + 1e-9]
    assert sorted(windows) == fitting
    assert {point.subset.count for point in command.points} == {15000}


def test_sample_efficiency_has_the_sizes_of_the_paper_and_equal_wall_time() -> None:
    command = compose_command("train", ["+sweeps=force_field/sample_efficiency"])
    counts = [point.subset.count for point in command.points]
    assert counts == [200, 400, 600, 800, 1000, 15000, 50000]
    assert {point.trainer.max_steps for point in command.points} == {None}
    assert len({point.trainer.max_time for point in command.points}) == 1


def test_sizes_beyond_the_data_are_not_applicable_and_no_failure(tmp_path: Path) -> None:
    small = (*QUIET, *SMALL["force_field"])
    ended = train(
        tmp_path, "+sweeps=force_field/sample_efficiency", *small, "subset.count=20,50000"
    )
    assert ended.status == 0, ended.err
    assert "not_applicable" in ended.out
    (points,) = tmp_path.glob("outputs/*/evidence/points.parquet")
    assert set(polars.read_parquet(points)["state"]) == {"complete", "not_applicable"}


def test_studies_of_jets_have_the_shares_and_ranges_of_the_paper_and_equal_steps() -> None:
    sizes = compose_command("train", ["+sweeps=jet_tagging/sample_efficiency"]).points
    assert [point.subset.fraction for point in sizes] == [0.01, 0.05, 0.2, 0.5, 1.0]
    assert len({point.trainer.max_steps for point in sizes}) == 1
    ranges = compose_command("train", ["+sweeps=jet_tagging/energy_extrapolation"]).points
    assert [list(point.train_bins) for point in ranges] == [list(range(k + 1)) for k in range(8)]
    assert {point.training.samplers[1].size_of for point in ranges} == {0}
    rotated = compose_command("train", ["+sweeps=jet_tagging/rotation"]).points
    assert {point.model.net.features for point in rotated} == {"kinematic", "raw", "raw_no_pair"}
    assert {point.partitions.rotated.transform["count"] for point in rotated} == {36}
    assert all(list(point.test) == ["held_out", "rotated"] for point in rotated)
