"""Hash and readable name of a run."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import yaml

from saibench.config.check import resolved
from saibench.config.compose import compose_command
from saibench.config.content import identified
from saibench.files.frozen_config import read_frozen
from saibench.identity import canonical, labels, point_hash, slug
from saibench.runs.point import load_point

NOT_HASHED = [
    ["logger=none"],
    ["logger=csv"],
    ["logger.project=elsewhere"],
    ["study=another"],
    ["on_failure=stop"],
    ["report=false"],
    ["trainer.devices=4"],
    ["trainer.num_nodes=2"],
    ["trainer.accelerator=cpu"],
    ["trainer.threads=null"],
    ["trainer.progress=false"],
    ["test=[whole_trajectory,last_tenth]"],
    ["+partitions.late={samplers: [{_target_: saibench.datamodules.samplers.Tail, size: 0.05}]}"],
    ["datamodule.evaluation_batch_size=7"],
    ["+datamodule.cache=/tmp/elsewhere"],
    ["hydra.run.dir=elsewhere"],
    ["workload.label=[seed]"],
]
HASHED = [
    ["seed=1"],
    ["window.start=0.15"],
    ["window.size=0.45"],
    ["subset.count=499"],
    ["subset.count=null", "subset.fraction=0.5"],
    ["data.molecule=butane"],
    ["data.seed=7"],
    ["model=cartesian"],
    ["model.net.l_max=2"],
    ["model.optimizer.lr=0.003"],
    ["model.ema_decay=null"],
    ["lr_schedule=constant"],
    ["trainer.max_steps=4000"],
    ["trainer.val_every=100"],
    ["trainer.max_time=00:01:00:00"],
    ["trainer.gradient_clip=1.0"],
    ["trainer.precision=bf16-mixed"],
    ["datamodule.batch_size=10"],
    ["partitions.last_tenth.samplers.0.size=0.05"],  # excluded from training
]


def settings(*overrides: str) -> dict:
    (config,) = compose_command("train", overrides).points
    return resolved(config)


def named(*overrides: str) -> str:
    """Return the hash of a command's run, with the content of its files."""
    (config,) = compose_command("train", overrides).points
    return point_hash(identified(config))


@pytest.fixture(scope="module")
def default() -> str:
    return point_hash(settings())


@pytest.mark.parametrize("overrides", NOT_HASHED, ids=" ".join)
def test_what_cannot_change_the_trained_model_does_not_change_the_point(
    overrides: list[str], default: str
) -> None:
    assert point_hash(settings(*overrides)) == default


@pytest.mark.parametrize("overrides", HASHED, ids=" ".join)
def test_what_can_change_the_trained_model_changes_the_point(
    overrides: list[str], default: str
) -> None:
    assert point_hash(settings(*overrides)) != default


def test_folder_of_the_data_does_not_change_the_point() -> None:
    here, there = (
        point_hash(settings("data=rmd17", f"data.root={root}")) for root in ("/here", "/there")
    )
    assert here == there


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("window.start=0", "window.start=0.0"),
        ("window.start=0", "window.start=-0.0"),
        ("window.size=1e-1", "window.size=0.1"),
        ("subset.count=400", "subset.count=4e2"),
    ],
)
def test_number_written_another_way_is_the_same_point(one: str, other: str) -> None:
    assert point_hash(settings(one)) == point_hash(settings(other))


def test_runs_that_saibench_0_1_froze_are_still_loaded() -> None:
    """Their records have no `identity`, and their hash follows another rule."""
    root = Path(__file__).parents[2] / "docs" / "results"
    folders = [path.parent for path in root.glob("*/*/points/*/config.yaml")]
    workloads = {load_point(folder).settings["workload"]["name"] for folder in folders}
    assert workloads == {"force_field", "jet_tagging", "nowcasting"}


def test_hash_is_of_the_sorted_canonical_settings() -> None:
    """The hash can be computed from sorted JSON."""
    import hashlib
    import json

    text = json.dumps(canonical(settings()), sort_keys=True, separators=(",", ":"))
    assert point_hash(settings()) == hashlib.sha256(text.encode()).hexdigest()[:12]


def test_slug_reads_as_the_settings_of_its_label() -> None:
    made = settings("window.start=0.15", "window.size=0.3", "subset.count=40", "seed=3")
    assert slug(made) == "ethanol-start0.15-size0.3-count40-seed3"


def test_slug_has_no_special_characters() -> None:
    odd = settings("workload.label=[study,model.net._target_,seed]", "study='a/b c=[é]'")
    assert re.fullmatch(r"[A-Za-z0-9._-]+", slug(odd))
    assert "NequIP" in slug(odd)
    assert "nets" not in slug(odd), "only the last part of a target"


def test_name_of_an_untrained_model_has_no_training_settings() -> None:
    untrained = slug(settings("workload=nowcasting", "model=persistence"))
    assert untrained == "SimulatedRain-persistence-seed0"
    assert "count340" in slug(settings("workload=nowcasting"))


def test_workload_lists_its_training_settings() -> None:
    words = ["workload=nowcasting", "model=persistence"]
    named = settings(*words, "workload.training_settings=[seed]")
    assert labels(named)["seed"] is None and labels(named)["subset.count"] == 340
    older = settings(*words)
    del older["workload"]["training_settings"]  # as saibench 0.1 froze it
    assert labels(older)["subset.count"] is None


def test_initial_weights_are_hashed_by_content(tmp_path: Path) -> None:
    """A file may move; another content is another run."""
    one, moved = tmp_path / "one.ckpt", tmp_path / "moved.ckpt"
    one.write_bytes(b"weights")
    moved.write_bytes(b"weights")
    rain = "workload=nowcasting"
    before = named(rain, f"model.checkpoint={one}")
    assert named(rain, f"model.checkpoint={moved}") == before
    one.write_bytes(b"others!")
    assert named(rain, f"model.checkpoint={one}") != before
    assert named(rain) != before
    frozen = identified(*compose_command("train", [rain, f"model.checkpoint={one}"]).points)
    name = point_hash(frozen)
    one.unlink()
    assert point_hash(frozen) == name, "what is frozen needs no file"


def test_file_of_a_users_net_is_hashed_by_content(tmp_path: Path) -> None:
    table = tmp_path / "table.pt"
    table.write_bytes(b"one")
    reads = (f"+model.net.table={table}", "trainer.max_steps=4")
    before = named(*reads)
    table.write_bytes(b"two")
    assert named(*reads) != before


def test_only_folders_of_data_are_not_hashed() -> None:
    for key in ("model.net.cache", "model.net.root", "model.cache", "data.cache"):
        assert point_hash(settings(f"+{key}=true")) != point_hash(settings(f"+{key}=false"))
    assert point_hash(settings("+model.net.root=/a")) != point_hash(settings("+model.net.root=/b"))


def test_integers_beyond_float_precision_differ(default: str) -> None:
    jets = ("workload=jet_tagging",)
    seeds = [2**53, 2**53 + 1, 2**53 + 2, 10**400]
    found = {point_hash(settings(*jets, f"data.seed={seed}")) for seed in seeds}
    assert len(found) == len(seeds)
    assert point_hash(settings(*jets, f"data.seed={2**53}.0")) in found


def leaves(node: object, path: str = "") -> dict[str, object]:
    if isinstance(node, dict) and node:
        return {
            name: value
            for key, child in node.items()
            for name, value in leaves(child, f"{path}.{key}" if path else key).items()
        }
    return {path: node}


BESIDE = {
    "": """study on_failure report test metrics save_samples trainer.accelerator trainer.devices
        trainer.num_nodes trainer.threads trainer.progress datamodule.test datamodule.save_samples
        datamodule.evaluation_batch_size""",
    "workload=nowcasting": "datamodule.workers",
    "data=rmd17": "data.root datamodule.source.root",
    "data=md17": "data.root datamodule.source.root",
    "workload=jet_tagging data=top_landscape": "data.root datamodule.source.root",
    "workload=nowcasting data=mrms": "data.root datamodule.source.root datamodule.workers",
}
"""Settings that change no result, by configuration; all others are in the hash."""


@pytest.mark.parametrize("choice", [*BESIDE, "workload=jet_tagging"])
def test_every_setting_that_can_change_a_result_is_in_the_hash(choice: str) -> None:
    made = settings(*choice.split(), "logger=none")
    reported = ("partitions.", "datamodule.partitions.", "workload.", "logger")
    left = {
        name
        for name in leaves(made).keys() - leaves(canonical(made)).keys()
        if not name.startswith(reported)
    }
    assert left == {*BESIDE[""].split(), *BESIDE.get(choice, "").split()}


def test_data_are_hashed_by_content(tmp_path: Path) -> None:
    def file(folder: str, seed: int) -> str:
        (tmp_path / folder).mkdir()
        frames = {"coords": np.full((9, 1, 3), seed), "old_indices": np.arange(9)}
        np.savez(tmp_path / folder / "rmd17_aspirin.npz", **frames)
        return f"data.root={tmp_path / folder}"

    one, same, other = file("one", 0), file("same", 0), file("other", 1)
    assert named("data=rmd17", one) == named("data=rmd17", same) != named("data=rmd17", other)


def test_data_of_unknown_content_are_hashed_by_folder(tmp_path: Path) -> None:
    nowhere = [named("data=rmd17", f"data.root={tmp_path / name}") for name in "ab"]
    assert nowhere[0] != nowhere[1]


def test_saved_samples_of_0_1_are_read_under_their_name_now(tmp_path: Path) -> None:
    """`shown` of a frozen config is `save_samples`, and neither changes the run's hash."""
    root = Path(__file__).parents[2] / "docs/results/nowcasting/radar/points"
    path = next(root.glob("*-persistence-*/config.yaml"))
    raw = yaml.safe_load(path.read_text())
    before = point_hash(raw)
    raw["shown"], raw["datamodule"]["shown"] = [3], [3]
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(raw))
    now = read_frozen(tmp_path / "config.yaml")
    assert now["save_samples"] == now["datamodule"]["save_samples"] == [3]
    assert "shown" not in now and "shown" not in now["datamodule"]
    assert point_hash(now) == point_hash(raw) == before
