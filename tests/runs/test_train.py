"""One run from start to end, and the same command again."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars
import polars.testing
import pytest
from command_line import TINY, evaluate, only_point, train

from saibench.errors import UserError
from saibench.evidence.reader import StudyEvidence
from saibench.evidence.run_record import read_metrics, read_record, update_record
from saibench.files import locks
from saibench.files.locks import take_lock
from saibench.identity import point_hash
from saibench.runs.point import load_point

Copied = Callable[[Path], Path]


def assert_same_evidence(found: polars.DataFrame, expected: polars.DataFrame) -> None:
    """Errors of one net (meV) up to float32 rounding."""
    polars.testing.assert_frame_equal(found, expected, rel_tol=1e-5, abs_tol=1e-3)


def no_training(monkeypatch: pytest.MonkeyPatch) -> None:
    def fit(*_: object, **__: object) -> None:
        raise AssertionError("a complete run is trained again")

    monkeypatch.setattr("lightning.Trainer.fit", fit)


def test_files_of_a_run(trained: Path) -> None:
    assert {path.name for path in trained.iterdir()} == {
        *(".lock", "config.yaml", "run.json", "metrics.json", "best.ckpt", "last.ckpt"),
        *("samples.parquet", "by_species.parquet", "by_atom.parquet", "frames.npz"),
    }
    assert {path.name for path in trained.parent.iterdir()} == {
        *(trained.name, "evidence", "report.html"),
    }


def test_record_has_settings_partitions_times_and_versions(trained: Path) -> None:
    record = read_record(trained)
    assert record["state"] == "complete"
    assert record["failure"] is None
    assert record["steps"] == 4
    assert record["settings"]["subset.count"] == 20
    assert record["training"]["sizes"] == ["subset.count", "subset.fraction"]
    assert record["training"]["window"]["start"] == "window.start"
    counts = {name: part["count"] for name, part in record["partitions"].items()}
    assert counts == {"train": 20, "validation": 50, "last_tenth": 30}
    assert record["partitions"]["last_tenth"]["describe"].startswith("the last 10 %")
    seconds = record["seconds"]
    assert seconds["total"] == pytest.approx(sum(seconds.values()) - seconds["total"], abs=0.03)
    assert all(value > 0 for value in seconds.values())
    assert len(record["data"]["hash"]) == 64
    assert {"python", "torch", "lightning", "saibench"} <= set(record["versions"])
    assert record["started"] <= record["ended"]


def test_folder_is_named_by_slug_and_hash_of_the_frozen_config(trained: Path) -> None:
    point = load_point(trained)
    assert trained.name == point.name
    assert trained.name.endswith(point_hash(point.settings))
    assert point.hash == read_record(trained)["point"]


def test_metrics_are_means_over_samples(trained: Path) -> None:
    samples = polars.read_parquet(trained / "samples.parquet")
    species = polars.read_parquet(trained / "by_species.parquet")
    found = read_metrics(trained)["last_tenth"]
    assert samples.height == found["force_mae"]["count"] == 30
    assert sorted(samples["sample_id"]) == list(range(270, 300))
    expected = {
        "force_mae": samples["force_mae"].mean(),
        "energy_mae": samples["energy_error"].abs().mean(),
        "energy_bias": samples["energy_error"].mean(),
        "force_mae_H": species.filter(species="H")["force_mae"].mean(),
    }
    for name, value in expected.items():
        assert found[name]["value"] == pytest.approx(value, rel=1e-6)
    assert found["energy_mae"]["unit"] == "meV"
    assert found["energy_mae"]["per"] == "frame"


def test_means_over_species_and_atoms_equal_those_of_frames(trained: Path) -> None:
    samples = polars.read_parquet(trained / "samples.parquet").sort("sample_id")
    species = polars.read_parquet(trained / "by_species.parquet")
    atoms = polars.read_parquet(trained / "by_atom.parquet")
    assert atoms.height == 30 * 9
    weighted = (polars.col("force_mae") * polars.col("num_atoms")).sum()
    of_species = species.group_by("sample_id").agg(weighted / polars.col("num_atoms").sum())
    of_atoms = atoms.group_by("sample_id").agg(polars.col("force_mae").mean())
    for table in (of_species, of_atoms):
        means = table.sort("sample_id")["force_mae"].to_numpy()
        np.testing.assert_allclose(means, samples["force_mae"].to_numpy(), rtol=1e-5)


def test_report_and_joined_evidence_contain_the_run(trained: Path) -> None:
    joined = polars.read_parquet(trained.parent / "evidence" / "samples.parquet")
    assert joined.equals(polars.read_parquet(trained / "samples.parquet"))
    assert read_record(trained)["point"] in (trained.parent / "report.html").read_text()


def test_complete_run_is_skipped(
    trained: Path, copied: Copied, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    point = copied(trained)
    before = {path.name: path.stat().st_mtime_ns for path in point.iterdir()}
    no_training(monkeypatch)
    monkeypatch.setattr("lightning.Trainer.test", None)
    ended = train(tmp_path, *TINY)
    assert ended.status == 0, ended.err
    assert f"{point.name}  complete" in ended.out
    after = {path.name: path.stat().st_mtime_ns for path in point.iterdir()}
    assert {**after, ".lock": 0} == {**before, ".lock": 0}


@pytest.mark.usefixtures("without_page")
def test_new_partition_of_a_complete_run_is_tested_without_training(
    trained: Path, copied: Copied, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    point = copied(trained)
    before = polars.read_parquet(point / "samples.parquet")
    no_training(monkeypatch)
    ended = train(tmp_path, *TINY, "test=[last_tenth,whole_trajectory]")
    assert ended.status == 0, ended.err
    after = polars.read_parquet(point / "samples.parquet")
    assert after.filter(partition="last_tenth").equals(before)
    whole = after.filter(partition="whole_trajectory")
    assert sorted(whole["sample_id"]) == list(range(300))
    assert whole["seen_in_training"].sum() == 20 + 50
    same = whole.filter(polars.col("sample_id") >= 270).sort("sample_id")
    np.testing.assert_allclose(same["force_mae"], before.sort("sample_id")["force_mae"], rtol=1e-6)
    assert list(read_metrics(point)) == ["last_tenth", "whole_trajectory"]
    partitions = read_record(point)["partitions"]
    assert "test=[last_tenth" in partitions["whole_trajectory"]["command"]
    assert "whole_trajectory" not in partitions["last_tenth"]["command"]


@pytest.mark.usefixtures("without_page")
def test_redefined_partition_is_tested_again(trained: Path, copied: Copied, tmp_path: Path) -> None:
    point = copied(trained)
    tail = "{{_target_: saibench.datamodules.samplers.Tail, size: {}}}"
    late = "+partitions.late={{samplers: [" + tail + "]}}"
    for size, count in ((0.05, 15), (0.02, 6)):
        ended = train(tmp_path, *TINY, "test=[late]", late.format(size))
        assert ended.status == 0, ended.err
        assert read_record(point)["partitions"]["late"]["count"] == count
        samples = polars.read_parquet(point / "samples.parquet").filter(partition="late")
        assert samples.height == read_metrics(point)["late"]["force_mae"]["count"] == count


@pytest.mark.usefixtures("without_page")
@pytest.mark.parametrize("name", ["samples.parquet", "by_atom.parquet"])
def test_missing_evidence_of_a_complete_run_is_restored(
    name: str, trained: Path, copied: Copied, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    point = copied(trained)
    (point / name).unlink()
    no_training(monkeypatch)
    ended = train(tmp_path, *TINY)
    assert ended.status == 0, ended.err
    expected = polars.read_parquet(trained / name)
    assert_same_evidence(polars.read_parquet(point / name), expected)


@pytest.mark.usefixtures("without_page")
@pytest.mark.parametrize("name", ["samples.parquet", "by_species.parquet", "metrics.json"])
def test_damaged_evidence_of_a_complete_run_is_restored(
    name: str, trained: Path, copied: Copied, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Other partitions of the damaged file are tested again when requested."""
    point = copied(trained)
    whole = ("test=[last_tenth,whole_trajectory]",)
    assert train(tmp_path, *TINY, *whole).status == 0
    expected = {path.name: path.read_bytes() for path in point.glob("*.parquet")}
    (point / name).write_bytes((point / name).read_bytes()[:-40])
    no_training(monkeypatch)
    for requested, partitions in (
        ((), {"last_tenth"}),
        (whole, {"last_tenth", "whole_trajectory"}),
    ):
        ended = train(tmp_path, *TINY, *requested)
        assert ended.status == 0, ended
        assert set(read_metrics(point)) >= partitions
        tested = polars.read_parquet(point / "by_species.parquet")["partition"]
        assert set(tested) >= partitions
    for table, content in expected.items():
        found = polars.read_parquet(point / table).sort("partition", "sample_id")
        assert_same_evidence(found, polars.read_parquet(content).sort("partition", "sample_id"))


@pytest.mark.usefixtures("without_page")
def test_damaged_config_of_a_complete_run_is_restored(
    trained: Path, copied: Copied, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    point = copied(trained)
    (point / "config.yaml").write_text("study: [\n  a\nb: ]")
    refused = evaluate(tmp_path, f"run={point}", "logger=none")
    assert refused.status == 2
    assert re.fullmatch(r"[^\n]+config.yaml [^\n]+\n", refused.err)
    with pytest.raises(UserError) as error:
        StudyEvidence.load(point)
    assert "\n" not in str(error.value)
    no_training(monkeypatch)
    assert train(tmp_path, *TINY).status == 0
    assert load_point(point).hash == read_record(point)["point"]


@pytest.mark.usefixtures("without_page")
def test_changed_config_of_a_complete_run_is_restored(
    trained: Path, copied: Copied, tmp_path: Path
) -> None:
    point = copied(trained)
    text = (point / "config.yaml").read_text()
    (point / "config.yaml").write_text(text.replace("count: 20", "count: 21"))
    assert train(tmp_path, *TINY).status == 0
    assert (point / "config.yaml").read_text() == text


def test_report_settings_of_a_complete_run_may_change(
    trained: Path, copied: Copied, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    point = copied(trained)
    no_training(monkeypatch)
    ended = train(tmp_path, *TINY, "workload.figures=[]", "workload.headline=[energy_mae]")
    assert ended.status == 0, ended
    assert read_record(point) == {**read_record(trained), "figures": [], "headline": ["energy_mae"]}
    page = (point.parent / "report.html").read_text()
    assert "energy MAE" in page and "<figure" not in page


def test_locked_run_is_refused(
    trained: Path, copied: Copied, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    point = copied(trained)
    before = read_record(point)
    for on_failure in ("continue", "stop"):
        with take_lock(point / ".lock"):
            ended = train(tmp_path, *TINY, f"on_failure={on_failure}")
        assert ended.status == 2
        assert ended.err.startswith(f"{point} is in use") and ended.err.count("\n") == 1
        assert read_record(point) == before
        assert "srun" not in ended.err
    monkeypatch.setenv("SLURM_STEP_NUM_TASKS", "2")
    with take_lock(point / ".lock"):
        assert "srun --ntasks=1" in train(tmp_path, *TINY).err, "copies of one command"


def test_complete_run_of_other_data_is_refused(
    trained: Path, copied: Copied, tmp_path: Path
) -> None:
    point = copied(trained)
    record = update_record(point, data={"hash": "0" * 64})
    ended = train(tmp_path, *TINY)
    assert ended.status == 2
    assert ended.err.startswith("the data have changed")
    assert read_record(point) == record


def test_damaged_record_is_refused_and_may_be_removed(
    trained: Path, copied: Copied, tmp_path: Path
) -> None:
    point = copied(trained)
    weights = (point / "last.ckpt").read_bytes()
    (point / "run.json").write_text("{")
    ended = train(tmp_path, *TINY)
    assert ended.status == 2
    assert re.fullmatch(rf"{point / 'run.json'} is damaged [^\n]+\n", ended.err)
    (point / "run.json").unlink()
    assert train(tmp_path, *TINY).status == 0, "as the message says"
    assert read_record(point)["state"] == "complete"
    assert (point / "last.ckpt").read_bytes() == weights


@pytest.mark.usefixtures("without_page")
def test_budget_below_the_validation_interval_is_validated_at_its_end(tmp_path: Path) -> None:
    ended = train(tmp_path, *TINY, "trainer.max_steps=3", "trainer.val_every=200")
    assert ended.status == 0, ended.out
    assert read_record(only_point(tmp_path))["steps"] == 3


@pytest.mark.usefixtures("without_page")
def test_wall_time_ends_training_between_two_validations(tmp_path: Path) -> None:
    budget = ("trainer.max_steps=null", "trainer.max_time=00:00:00:01", "trainer.val_every=5000")
    ended = train(tmp_path, *TINY, *budget, "lr_schedule=plateau")
    assert ended.status == 0, ended.out
    record = read_record(only_point(tmp_path))
    assert 1 <= record["steps"] < 5000
    assert record["seconds"]["train"] >= 1


def like_nfs(patch: pytest.MonkeyPatch) -> None:
    """Keep a file that is removed while it is open, under another name until it is closed."""
    unlink, close = os.unlink, os.close
    kept: dict[int, Path] = {}

    def renamed(path: Any, *, dir_fd: int | None = None) -> None:
        removed = os.stat(path, dir_fd=dir_fd, follow_symlinks=False)
        for held in locks._held:
            if os.path.samestat(os.fstat(held), removed):
                kept[held] = Path(os.readlink(f"/proc/self/fd/{held}")).with_name(".nfs1")
                os.rename(path, kept[held], src_dir_fd=dir_fd)
                return
        unlink(path, dir_fd=dir_fd)

    def closed(descriptor: int) -> None:
        close(descriptor)
        if descriptor in kept:
            unlink(kept.pop(descriptor))

    patch.setattr(os, "unlink", renamed)
    patch.setattr(os, "close", closed)


@pytest.mark.usefixtures("without_page")
@pytest.mark.parametrize("shared", [False, True])
def test_single_run_without_enough_data_is_an_error(
    shared: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Data without a preview reveal that only after loading."""
    if shared:
        like_nfs(monkeypatch)
    check = "saibench.datamodules.structural.StructuralDataModule.check"
    monkeypatch.setattr(check, lambda data: None)
    ended = train(tmp_path, *TINY, "subset.count=5000")
    assert ended.status == 2, ended
    assert "subset.count=5000" in ended.err and "250 validation samples" in ended.err
    assert not (tmp_path / "outputs").exists(), "its folder is removed"
