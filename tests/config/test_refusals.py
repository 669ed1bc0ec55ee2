"""Mistakes in settings: one message, exit code 2, nothing written."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from command_line import REPOSITORY, TINY, Ended, train

from saibench.config.check import check_point
from saibench.config.compose import compose_command
from saibench.datamodules.force_field.simulator import GFN2Simulation
from saibench.errors import UserError
from saibench.imports.targets import build
from saibench.runs.point import Point

REFUSED = {
    "an unknown key": (["sead=1"], "'seed'"),
    "an unknown key in a node": (["window.strat=1"], "'start'"),
    "a key below an unknown one": (["trainer.foo.bar=1"], "'trainer.foo'"),
    "a key below a value": (["seed.x=1"], "'seed.x'"),
    "a key of another option": (["data=rmd17", "data.frames=9"], "'data.frames'"),
    "an unknown option": (["data=rmd71"], "'rmd17'"),
    "files that are not named": (["data=extxyz"], "data.files=<value>"),
    "an unknown group": (["+modle=nequip"], "'model'"),
    "an unknown study": (
        ["-m", "+sweeps=force_field/time_extrapolaton"],
        "'force_field/time_extrapolation'",
    ),
    "a misspelt group of studies": (["-m", "+sweep=x"], "'sweeps'"),
    "an unknown launcher": (["-m", "hydra/launcher=jobib"], "'joblib'"),
    "an unknown option of a launcher": (
        ["-m", "hydra/launcher=submitit_local", "hydra.launcher.timeout=9"],
        "'timeout_min'",
    ),
    "an unknown flag": (["--quick"], "--quick"),
    "a key that nobody reads": (["+speed=3"], "'speed'"),
    "a key that nobody reads in a node": (["+model.loss.stress=1"], "energy, forces"),
    "an option that a target does not take": (["+model.net.layers=3"], "num_layers"),
    "an option that an optimizer does not take": (["+model.optimizer.beta=3"], "'betas'"),
    "a deleted key": (["~seed"], "'seed'"),
    "a deleted group": (["~model"], "'model'"),
    "a deleted key that was not there": (["~seeed"], "'seed'"),
    "a dangling interpolation": (["data.molecule=${nope}"], "'nope'"),
    "a value that does not parse": (["window={start:0"], "{start:0"),
    "a folder with an equals sign": (["study=a=b"], "quotes"),
    "text for a number": (["seed=abc"], "seed=abc: "),
    "text for a target's number": (["model.net.num_layers=many"], "model.net.num_layers=many"),
    "a fraction for a whole number": (["model.net.num_layers=3.5"], "valid integer"),
    "text for a weight": (["model.loss.energy=abc"], "model.loss.energy=abc"),
    "an unknown dtype": (["model.net.dtype=float16"], "'float32' or 'float64'"),
    "a look at a sweep": (["-m", "seed=0,1", "--cfg", "job"], "--cfg"),
    "a study without its plus": (["-m", "sweeps=force_field/x"], "+sweeps=<workload>/<study>"),
    "a study above outputs": (["study=.."], "study=..: "),
    "a study that climbs": (["study=a/../../b"], "study=a/../../b: "),
    "a study anywhere": (["study=/tmp/x"], "hydra.run.dir"),
    "a study with too long a name": (["study=a/" + 256 * "b"], "255 bytes"),
    "a study that is outputs": (["study=."], "study=.: "),
    "a builtin for a class": (["model.optimizer._target_=builtins.dict"], "model.optimizer"),
    "a sampler for a transform": (
        [
            "+partitions.x={samplers: [], transform: "
            "{_target_: saibench.datamodules.samplers.Tail, by: time, size: 0.1}}",
            "test=[x]",
        ],
        "partitions.x.transform",
    ),
    "a part of the model deleted": (["~model.loss"], "model.loss"),
    "a part of the optimizer deleted": (["~model.optimizer"], "model.optimizer"),
    "a number for a transform": (
        ["+partitions.x={samplers: [], transform: 3}", "test=[x]"],
        "partitions.x.transform",
    ),
    "a negative seed": (["seed=-1"], "seed=-1: "),
    "several values without -m": (["seed=0,1"], "-m"),
    "a range without -m": (["seed=range(3)"], "-m"),
    "a window that reaches into the test": (
        ["window.start=0.5", "window.size=0.5"],
        "window.size=0.5",
    ),
    "a window without a size": (["window.size=0"], "window.size=0"),
    "a window after the test": (["window.start=0.95"], "window.start=0.95"),
    "a subset larger than its window": (["subset.count=4000"], "1142"),
    "an empty subset": (["subset.count=0"], "subset.count=0"),
    "a count and a fraction": (["subset.count=9", "subset.fraction=0.5"], "subset.count=9 "),
    "too few frames to validate on": (["window.size=0.01"], "validation"),
    "a held-out partition inside the window": (
        ["held_out=whole_trajectory"],
        "'whole_trajectory'",
    ),
    "an unknown test partition": (["test=[last_tent]"], "'last_tenth'"),
    "one test partition without brackets": (["test=last_tenth"], "test=[last_tenth]"),
    "no test partition": (["test=[]"], "test=[last_tenth]"),
    "a partition named like the training one": (
        ["+partitions.train={samplers: []}"],
        "'train'",
    ),
    "a partition without samplers": (["+partitions.late={sampler: []}"], "'sampler'"),
    "an unknown molecule": (["data.molecule=unobtainium"], "unobtainium"),
    "fewer steps than none": (["trainer.max_steps=-1"], "trainer.max_steps=-1: "),
    "no end": (["trainer.max_steps=null"], "trainer.max_time=null"),
    "a schedule without an end": (
        ["trainer.max_steps=null", "trainer.max_time=00:00:00:10"],
        "lr_schedule=constant",
    ),
    "a time that is no duration": (["trainer.max_time=5m"], "DD:HH:MM:SS"),
    "a schedule that follows what nobody logs": (
        ["lr_schedule=plateau", "lr_schedule.monitor=val/forces_mae"],
        "'val/force_mae'",
    ),
    "a precision that the model cannot have": (
        ["trainer.precision=bf16-mixed"],
        "trainer.precision=32-true",
    ),
    "an unknown precision": (["trainer.precision=64"], "'32-true', 'bf16-mixed' or '16-mixed'"),
    "an unknown accelerator": (["trainer.accelerator=gup"], "'gpu'"),
    "more threads than any machine": (["trainer.threads=1000000"], "1024"),
    "no device": (["trainer.devices=0"], "trainer.devices=0: "),
    "more devices than frames in a batch": (
        ["trainer.accelerator=cpu", "trainer.devices=6"],
        "trainer.devices=5",
    ),
    "more devices on several nodes than frames in a batch": (
        ["trainer.accelerator=cpu", "trainer.num_nodes=2", "trainer.devices=3"],
        "trainer.devices=2",
    ),
    "an empty batch": (["datamodule.batch_size=0"], "batch_size=0"),
    "a callback that is not there": (
        ["+trainer.callbacks.mine._target_=nowhere.Callback"],
        "'nowhere'",
    ),
    "a label of no setting": (["workload.label=[nope]"], "'nope'"),
    "text for a learning rate": (["model.optimizer.lr=abc"], "model.optimizer.lr=abc"),
    "a misspelt sampler": (
        ["training._target_=saibench.datamodules.samplers.Taill"],
        "'Tail'",
    ),
    "edges of bins beside a start of the workload's": (
        ["training._target_=saibench.datamodules.samplers.Bins", "training.edges=[0,1]"],
        "training.start=null",
    ),
    "an optimizer that cannot be": (["model.optimizer.lr=-1"], "model.optimizer"),
    "a schedule that cannot be": (
        ["lr_schedule=constant", "lr_schedule.scheduler.factor=2"],
        "lr_schedule.scheduler",
    ),
    "a net without layers": (
        ["model.net.num_layers=0"],
        "model.net.num_layers=0: ",
    ),
    "no net": (["model.net=null"], "model.net=null: "),
    "a net that cannot be built": (
        ["model.net.num_features=[4, 4, 4]"],
        "model.net ",
    ),
    "options by place that are given by name too": (
        ["+model.optimizer._args_=[1, 2, 3, 4, 5, 6, 7]"],
        "model.optimizer._args_=[1, 2, 3, 4, 5, 6, 7]",
    ),
    "options by place that are no list": (["+model.net._args_=4"], "model.net._args_=4"),
    "an average that never moves": (["model.ema_decay=1"], "model.ema_decay=1: "),
    "an average beyond": (["model.ema_decay=1.5"], "model.ema_decay=1.5: "),
    "a login that is not there": (["logger.mode=online"], "Weights & Biases"),
    "a fraction of frames": (["data.frames=0.5"], "data.frames=0.5"),
    "text for a start": (["window.start=abc"], "window.start=abc: "),
    "half a sample": (["subset.count=5.5"], "subset.count=5.5: "),
    "a fraction beside the default count": (
        ["subset.fraction=0.1"],
        "subset.count=null subset.fraction=0.1",
    ),
    "a misspelt figure": (
        ["workload.figures=[saibench.figures.windws]"],
        "'saibench.figures.force_field.windows'",
    ),
    "a module that is no figure": (["workload.figures=[saibench.units]"], "'saibench.units'"),
    "a figure without brackets": (
        ["workload.figures=saibench.figures.force_field.windows"],
        "workload.figures=[saibench.figures.force_field.windows]",
    ),
    "misspelt findings": (
        ["workload.findings=[saibench.findings.force_field.claim]"],
        "'saibench.findings.force_field.claims'",
    ),
    "a misspelt metric": (["workload.headline=[force_ame]"], "'force_mae'"),
    "a metric of no partition": (
        ["workload.headline=[last_tent/force_mae]"],
        "'last_tenth'",
    ),
    "one sampler without brackets": (
        ["+partitions.late={samplers: {_target_: saibench.datamodules.samplers.Tail}}"],
        "partitions.late.samplers",
    ),
    "a word for samplers": (
        ["+partitions.late={samplers: tail}"],
        "partitions.late.samplers",
    ),
    "a sweep of nothing but what the data cannot hold": (
        ["-m", "subset.count=4000,5000", "window.start=0,0.45"],
        "subset.count=4000",
    ),
    "the count that would fit such a sweep": (
        ["-m", "subset.count=4000,5000", "window.start=0,0.45", "window.size=null"],
        "subset.count=1714",
    ),
    "a cutoff that is not smooth": (
        ["model.net.polynomial_cutoff_p=0"],
        "model.net.polynomial_cutoff_p=0: ",
    ),
    "what the data decide": (
        ["+model.net.type_names=[H]"],
        "'model.net.type_names'",
    ),
    "a value for a whole node": (
        ["window=0.3"],
        "'window.start'",
    ),
    "a key inside a value": (["window={start: 0.1, sise: 0.3}"], "'window.sise'"),
    "a value of what is deleted": (
        ["~window", "window.start=0.3"],
        "~window",
    ),
    "no option of a group": (["model=null"], "model=null"),
    "a value that Hydra does not know": (
        ["hydra.mode=ONE"],
        "hydra.mode=ONE",
    ),
    "a float for a whole number": (["trainer.max_steps=1e3"], "trainer.max_steps=1000"),
    "no time": (["trainer.max_time=00:00:00:00"], "trainer.max_time=00:00:00:00"),
    "a module for a class": (
        ["+trainer.callbacks.mine._target_=saibench.units"],
        "_target_=saibench.units",
    ),
    "a callback that is none": (
        ["+trainer.callbacks.mine={_target_: torch.nn.Identity}"],
        "trainer.callbacks.mine",
    ),
    "a callback without a class": (
        ["+trainer.callbacks.mine={}"],
        "trainer.callbacks.mine",
    ),
    "a moment at which no schedule moves": (["lr_schedule.interval=stp"], "'step' or 'epoch'"),
    "no scheduler": (["lr_schedule.scheduler=null"], "lr_schedule.scheduler=null"),
    "no neighbours": (["datamodule.r_max=0"], "datamodule.r_max=0: "),
    "no source of data": (["datamodule.source=null"], "NoneType"),
    "no training sampler": (["training=null"], "training"),
    "a figure that is no module's name": (
        ["workload.figures=[.windows]"],
        "'.windows'",
    ),
    "rounds of two lengths": (
        ["datamodule.steps_per_round=100"],
        "trainer.val_every=100",
    ),
    "a loss without forces": (["~model.loss.forces"], "model.loss.forces"),
    "a negative weight": (["model.loss.energy=-1"], "model.loss.energy=-1"),
    "a loss of nothing": (["model.loss={energy: 0, forces: 0}"], "model.loss"),
    "a flag without its value": (["--cfg"], "--cfg"),
    "a flag for a config that is not shown": (["--resolve"], "--cfg job"),
    "a sweep of nothing": (["-m", "seed=range(0)"], "sweep"),
    "a point twice": (["-m", "window.start=0,0.0"], "ethanol-start0-"),
    "a seed that no rotation has": (
        ["partitions.last_tenth_rotated.transform.seed=-1", "test=[last_tenth_rotated]"],
        "transform.seed=-1: ",
    ),
    "a simulation that never begins": (["data.equilibration=inf"], "data.equilibration=inf"),
    "a seed that no simulation has": (["data.seed=4294967296"], "data.seed=4294967296"),
    "an unknown way to go on": (["on_failure=halt"], "'continue' or 'stop'"),
    "a configuration folder that is not there": (["--config-dir", "nope"], "--config-dir nope"),
    "another primary config": (["--config-name", "evaluate"], "--config-dir"),
}


@pytest.fixture(autouse=True)
def nothing_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail if a mistake is not refused, instead of training for minutes."""

    def execute(point: Point, keep_refused: bool) -> None:
        raise AssertionError(f"{point.name} was not refused")

    monkeypatch.setattr("saibench.runs.execute.execute", execute)


def assert_refused(ended: Ended, part: str, folder: Path) -> None:
    assert part in ended.err
    assert re.fullmatch(r"[^\n]+[.?]\n", ended.err), "one line"
    assert (ended.status, ended.out) == (2, "")
    assert not list(folder.iterdir()), "nothing is written"


@pytest.mark.parametrize(("arguments", "part"), REFUSED.values(), ids=list(REFUSED))
def test_mistake_is_refused_in_one_message(arguments: list[str], part: str, tmp_path: Path) -> None:
    assert_refused(train(tmp_path, *arguments), part, tmp_path)


def test_gpu_that_is_not_there_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    ended = train(tmp_path, "trainer.accelerator=gpu")
    assert_refused(ended, "trainer.accelerator=cpu", tmp_path)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["data=simulated_rain"], ["data=simulated_rain", "=nowcasting", "data=heated_ethanol"]),
        (["workload=nowcasting", "data=md17"], ["data=md17", "=force_field", "=simulated_rain"]),
        (["model=persistence"], ["model=persistence", "=nowcasting", "model=nequip_quick"]),
        (["workload=jet_tagging", "model=cartesian"], ["model=cartesian", "=force_field"]),
        (["-m", "seed=0,1", "model=cartesian,particle_net"], ["=particle_net", "=jet_tagging"]),
        (
            ["model._target_=saibench.models.nowcasting.module.NowcastingModule"],
            ["model._target_=saibench.models.nowcasting.module.NowcastingModule", "=nowcasting"],
        ),
    ],
    ids=" ".join,
)
def test_data_or_model_of_another_workload_is_refused(
    arguments: list[str], named: list[str], tmp_path: Path
) -> None:
    ended = train(tmp_path, *arguments)
    for part in named:
        assert_refused(ended, part, tmp_path)


def test_card_may_have_another_name_than_its_workload(tmp_path: Path) -> None:
    """A name that is also that of a package of saibench and of the user's."""
    card = tmp_path / "workload" / "models.yaml"
    card.parent.mkdir()
    card.write_text((REPOSITORY / "conf" / "workload" / "force_field.yaml").read_text())
    (config,) = compose_command(
        "train", [f"--config-dir={tmp_path}", "workload=models", *TINY]
    ).points
    check_point(config)


def test_sweep_whose_last_point_is_wrong_writes_nothing(tmp_path: Path) -> None:
    ended = train(tmp_path, "-m", "window.start=0,0.1,0.95")
    assert_refused(ended, "window.start=0.95", tmp_path)


def test_sweep_over_a_misspelt_option_writes_nothing(tmp_path: Path) -> None:
    ended = train(tmp_path, "-m", "model=nequip_small,cartesain")
    assert_refused(ended, "'cartesian'", tmp_path)


def test_mode_of_the_environment_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WANDB_MODE", "online")
    assert_refused(train(tmp_path), "WANDB_MODE=online", tmp_path)


def test_whole_float_is_taken_for_its_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """YAML reads 1e3 as a float; it is the same trajectory."""
    asked: list[Point] = []

    def execute(point: Point, keep_refused: bool) -> None:
        asked.append(point)
        raise SystemExit(0)

    monkeypatch.setattr("saibench.runs.execute.execute", execute)
    for frames in ("1000", "1e3"):
        train(tmp_path, f"data.frames={frames}", "subset.count=20", "logger=none")
    one, two = asked
    assert one.hash == two.hash
    assert GFN2Simulation(frames=1e3) == GFN2Simulation(frames=1000)
    assert type(GFN2Simulation(frames=1e3).recipe()["frames"]) is int


@pytest.mark.parametrize(
    ("content", "part"),
    [
        ({"nuclear_charges": [6, 8], "coords": [0.0], "energies": [0.0]}, "no key 'forces'"),
        ({"nuclear_charges": [6, 0], "coords": [0.0], "energies": [0.0], "forces": [0.0]},
         "has 0 in row 1"),
        (None, ".npz is not a complete"),
    ],
    ids=["a missing key", "no element", "half a file"],
)  # fmt: skip
def test_faulty_file_is_refused_before_anything_is_written(
    content: dict[str, list] | None, part: str, tmp_path: Path
) -> None:
    root, here = tmp_path / "data", tmp_path / "here"
    root.mkdir()
    here.mkdir()
    path = root / "rmd17_aspirin.npz"
    np.savez(path, old_indices=np.arange(2000), **(content or {}))
    if content is None:
        path.write_bytes(path.read_bytes()[:-100])
    ended = train(here, "data=rmd17", "data.molecule=aspirin", f"data.root={root}")
    assert_refused(ended, part, here)


def test_missing_data_says_how_to_get_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SAIBENCH_DATA_DIR", raising=False)
    ended = train(tmp_path, "data=rmd17", "data.root=/nowhere")
    assert_refused(ended, "python -m saibench data download", tmp_path)


@pytest.mark.parametrize("plus", ["", "+"])
def test_arguments_of_a_function_are_set_and_checked(plus: str) -> None:
    given = ["model=function", "model.net.function._target_=textwrap.indent", "trainer=none"]
    (config,) = compose_command("train", [*given, f"{plus}model.net.function.prefix=a"]).points
    assert config.model.net.function.prefix == "a"
    (config,) = compose_command("train", [*given, f"{plus}model.net.function.prefx=a"]).points
    with pytest.raises(UserError, match=r"function.prefx.*textwrap.indent"):
        check_point(config)


def test_a_call_that_does_not_fit_is_not_placed_in_hydra() -> None:
    tail = {"_target_": "saibench.datamodules.samplers.Tail", "_args_": [1], "size": 1}
    with pytest.raises(UserError, match="'size'") as refused:
        build(tail, "sampler")
    assert ".py" not in str(refused.value)
