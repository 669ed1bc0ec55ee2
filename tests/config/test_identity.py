"""Which settings make a point, and what it is called."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from saibench.config.check import resolved
from saibench.config.compose import compose_command
from saibench.config.identity import canonical, point_hash, slug

BESIDE_THE_RESULT = [
    ["logger=none"],
    ["logger=csv"],
    ["logger.project=elsewhere"],
    ["study=another"],
    ["on_failure=stop"],
    ["trainer.devices=4"],
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
OF_THE_RESULT = [
    ["seed=1"],
    ["window.start=0.15"],
    ["window.size=0.3"],
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
    ["partitions.last_tenth.samplers.0.size=0.05"],  # what training may not touch
]


def settings(*overrides: str) -> dict:
    (config,) = compose_command("train", overrides).points
    return resolved(config)


@pytest.fixture(scope="module")
def default() -> str:
    return point_hash(settings())


@pytest.mark.parametrize("overrides", BESIDE_THE_RESULT, ids=" ".join)
def test_what_cannot_change_the_trained_model_does_not_change_the_point(
    overrides: list[str], default: str
) -> None:
    assert point_hash(settings(*overrides)) == default


@pytest.mark.parametrize("overrides", OF_THE_RESULT, ids=" ".join)
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


def test_hash_is_of_the_sorted_canonical_settings() -> None:
    """Whoever sorts the keys and hashes the JSON finds the point again."""
    import hashlib
    import json

    text = json.dumps(canonical(settings()), sort_keys=True, separators=(",", ":"))
    assert point_hash(settings()) == hashlib.sha256(text.encode()).hexdigest()[:12]


def test_slug_reads_as_the_settings_of_its_label() -> None:
    made = settings("window.start=0.15", "window.size=0.3", "subset.count=40", "seed=3")
    assert slug(made) == "ethanol-start0.15-size0.3-count40-seed3"


def test_slug_has_no_sign_that_a_command_line_or_a_file_system_knows() -> None:
    odd = settings("workload.label=[study,model.net._target_,seed]", "study='a/b c=[é]'")
    assert re.fullmatch(r"[A-Za-z0-9._-]+", slug(odd))
    assert "NequIP" in slug(odd)
    assert "nets" not in slug(odd), "of a target the last part tells enough"


def test_point_that_is_not_trained_is_not_named_by_what_it_would_be_trained_on() -> None:
    untrained = slug(settings("workload=nowcasting", "model=persistence"))
    assert untrained == "SimulatedRain-persistence-seed0"
    assert "count340" in slug(settings("workload=nowcasting"))


def test_weights_to_start_from_are_known_by_their_content(tmp_path: Path) -> None:
    """A file may move; another file of the same name is another point."""
    one, moved = tmp_path / "one.ckpt", tmp_path / "moved.ckpt"
    one.write_bytes(b"weights")
    moved.write_bytes(b"weights")
    rain = "workload=nowcasting"
    before = point_hash(settings(rain, f"model.checkpoint={one}"))
    assert point_hash(settings(rain, f"model.checkpoint={moved}")) == before
    one.write_bytes(b"others!")
    assert point_hash(settings(rain, f"model.checkpoint={one}")) != before
    assert point_hash(settings(rain)) != before
