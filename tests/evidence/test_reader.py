from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq
import pytest
from omegaconf import OmegaConf
from synthetic_study import PARTITION, WITHOUT_RESULTS, Made, write_point, write_study

from saibench.errors import UserError
from saibench.evidence.reader import StudyEvidence, join

MADE = [Made(0.0, 0.3), Made(0.3, None), *WITHOUT_RESULTS]


@pytest.fixture
def study(tmp_path: Path) -> Path:
    return write_study(tmp_path / "study", MADE, frames=20)


def folder_of(study: Path, made: Made) -> Path:
    return study / f"{made.slug}-{made.point}"


def test_samples_are_those_of_the_complete_points(study: Path) -> None:
    evidence = StudyEvidence.load(study)
    complete = [made for made in MADE if made.state == "complete"]
    assert set(evidence.samples["point"]) == {made.point for made in complete}
    for made in complete:
        alone = pq.read_table(folder_of(study, made) / "samples.parquet")
        rows = evidence.samples.filter(pl.col("point") == made.point)
        assert rows["force_mae"].to_list() == alone["force_mae"].to_pylist()
    assert evidence.table("by_species").height == 2 * 20 * 3
    assert evidence.table("by_atom").height == 2 * 20 * 21
    assert evidence.axes == ["atom", "species"]


def test_rows_are_those_of_a_point_and_partition_in_the_order_of_the_table(study: Path) -> None:
    evidence = StudyEvidence.load(study)
    for name in ("samples", "by_atom"):
        table = evidence.table(name)
        for point, partition in table.select("point", "partition").unique().iter_rows():
            rows = evidence.rows(name, point, partition)
            assert rows is not None and rows.equals(table.filter(point=point, partition=partition))
    assert evidence.rows("samples", "unknown", evidence.held_out) is None


def test_every_point_is_listed_with_state_cause_and_settings(study: Path) -> None:
    points = StudyEvidence.load(study).points
    assert points.height == len(MADE)
    rows = {row["point"]: row for row in points.iter_rows(named=True)}
    for made in MADE:
        row = rows[made.point]
        assert (row["state"], row["cause"]) == (made.state, made.cause)
        assert {name: row[name] for name in made.settings} == made.settings
        assert row["slug"] == made.slug
    assert rows[MADE[0].point]["train_count"] == 1000
    assert rows[MADE[0].point]["seconds_total"] == 1815.0


def test_units_are_read_from_the_tables(study: Path) -> None:
    units = StudyEvidence.load(study).units
    assert units["energy_error_per_atom"]["unit"] == "meV/atom"
    assert (units["force_mae"]["unit"], units["force_mae"]["per"]) == ("meV/Å", "component")
    assert units["num_atoms"]["role"] == "weight"


def test_joined_tables_alone_give_the_same_evidence(study: Path, tmp_path: Path) -> None:
    before = StudyEvidence.load(study)
    shutil.move(join(study), tmp_path / "committed" / "evidence")
    after = StudyEvidence.load(tmp_path / "committed")
    assert after.points.equals(before.points)
    assert after.samples.equals(before.samples)
    assert after.table("by_species").equals(before.table("by_species"))
    assert (after.units, after.metrics, after.study) == (
        before.units,
        before.metrics,
        before.study,
    )
    joined_again = after.join()
    assert StudyEvidence.load(joined_again.parent).table("by_atom").equals(before.table("by_atom"))


def test_join_removes_tables_of_axes_that_are_gone(study: Path) -> None:
    stale = study / "evidence" / "by_lead.parquet"
    stale.parent.mkdir()
    stale.touch()
    names = {path.name for path in join(study).iterdir()}
    expected = {"points", "samples", "by_species", "by_atom"}
    assert names == {"SHA256SUMS", *(f"{name}.parquet" for name in expected)}


@pytest.mark.parametrize("name", ["samples.parquet", "by_species.parquet", "run.json"])
def test_damaged_file_is_named(study: Path, name: str) -> None:
    path = folder_of(study, MADE[0]) / name
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(UserError, match=re.escape(str(path))):
        StudyEvidence.load(study)


@pytest.mark.parametrize("name", ["samples.parquet", "metrics.json"])
def test_complete_point_that_lacks_a_file_is_named(study: Path, name: str) -> None:
    path = folder_of(study, MADE[0]) / name
    path.unlink()
    with pytest.raises(UserError, match=re.escape(str(path))):
        StudyEvidence.load(study)


@pytest.mark.parametrize("entry", ["point", "settings", "state"])
def test_record_without_an_entry_is_refused(study: Path, entry: str) -> None:
    change_record(study, MADE[0], lambda record: record.pop(entry))
    with pytest.raises(UserError, match=rf"run\.json.*{entry}"):
        StudyEvidence.load(study)


def test_folder_without_points_is_refused(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(UserError, match=re.escape(f"{folder} ")):
            StudyEvidence.load(folder)


def test_point_with_two_folders_is_refused(study: Path) -> None:
    shutil.copytree(folder_of(study, MADE[0]), study / "copy")
    with pytest.raises(UserError, match=rf"copy .*{MADE[0].point}"):
        StudyEvidence.load(study)


def test_study_without_any_result_has_empty_tables(tmp_path: Path) -> None:
    evidence = StudyEvidence.load(write_study(tmp_path, WITHOUT_RESULTS))
    assert evidence.samples.is_empty()
    assert evidence.table("by_atom").is_empty()
    assert evidence.points.height == 2
    assert StudyEvidence.load(evidence.join().parent).points.equals(evidence.points)


def test_one_points_folder_can_be_loaded_before_the_point_is_complete(tmp_path: Path) -> None:
    write_point(tmp_path / "point", Made(), frames=20)
    record = tmp_path / "point" / "run.json"
    record.write_text(record.read_text().replace('"complete"', '"running"'))
    assert StudyEvidence.load(tmp_path / "point").samples.height == 20
    assert StudyEvidence.load(tmp_path).samples.is_empty()


def test_settings_of_any_kind_become_columns(study: Path) -> None:
    for made, value in zip(MADE, ([1, 2], 3, None, "text"), strict=True):
        more = {"mixed": value, "steps": 5, "number": 1 if value == 3 else 0.5}
        change_record(study, made, lambda record, more=more: record["settings"].update(more))
    points = StudyEvidence.load(study).points
    mixed = dict(points.select("point", "mixed").iter_rows())
    assert [mixed[made.point] for made in MADE] == ["[1, 2]", "3", None, "text"]
    assert points["setting.steps"].unique().to_list() == [5]
    assert points["steps"].unique().to_list() == [7500]
    assert points["number"].dtype == pl.Float64


def save_configs(study: Path, configs: dict[Made, dict]) -> None:
    for made, config in configs.items():
        whole = {
            "seed": made.seed,
            "subset": {"count": made.count},
            "workload": {"name": "force_field"},
            "training": {"limit": 0.8},
            "partitions": {PARTITION: {}},
            "held_out": PARTITION,
            **config,
        }
        OmegaConf.save(OmegaConf.create(whole), folder_of(study, made) / "config.yaml")


def added(study: Path, *made: Made) -> set[str]:
    settings = [record["settings"] for record in StudyEvidence.load(study).records.values()]
    return {name for one in settings for name in one} - set(made[0].settings)


def test_settings_that_records_lack_and_configs_vary_are_added(tmp_path: Path) -> None:
    made = Made(seed=0), Made(seed=1)
    study = write_study(tmp_path, made, frames=20)
    configs = {
        point: {
            "subset": {"seed": point.seed},
            "model": {"net": {"_target_": f"nets.{net}", "num_layers": layers, "l_max": 1}},
            "trainer": {"accelerator": device},
        }
        for point, net, layers, device in zip(made, "AB", (3, 4), ("cpu", "gpu"), strict=True)
    }
    save_configs(study, configs)
    points = StudyEvidence.load(study).points
    assert set(points["model.net._target_"]) == {"nets.A", "nets.B"}
    # num_layers follows from the net
    assert added(study, *made) == {"model.net._target_", "held_out", "training.limit"}
    assert StudyEvidence.load(join(study).parent).points["model.net._target_"].n_unique() == 2


def change_record(study: Path, made: Made, change: Callable[[dict], object]) -> None:
    path = folder_of(study, made) / "run.json"
    record = json.loads(path.read_text())
    change(record)
    path.write_text(json.dumps(record))


def test_setting_that_follows_from_a_recorded_class_is_not_added(tmp_path: Path) -> None:
    made = Made(seed=0), Made(seed=1)
    study = write_study(tmp_path, made, frames=20)
    nets = {"NequIP": 16, "Cartesian": 64}
    for point, net in zip(made, nets, strict=True):
        named = {"model.net._target_": f"nets.{net}"}
        change_record(study, point, lambda record, named=named: record["settings"].update(named))
    models = [
        {"model": {"net": {"_target_": f"nets.{net}", "num_features": features}}}
        for net, features in nets.items()
    ]
    save_configs(study, dict(zip(made, models, strict=True)))
    assert added(study, *made) == {"model.net._target_", "held_out", "training.limit"}


def test_setting_that_follows_from_a_recorded_number_is_added(tmp_path: Path) -> None:
    """Otherwise a longer training would be mistaken for the effect of a larger set."""
    made = Made(count=200), Made(count=1000)
    study = write_study(tmp_path, made, frames=20)
    save_configs(study, {point: {"trainer": {"max_steps": point.count * 5}} for point in made})
    assert added(study, *made) == {"trainer.max_steps", "held_out", "training.limit"}


def test_held_out_partition_is_the_recorded_one_even_if_another_was_tested_first(
    tmp_path: Path,
) -> None:
    made = Made(seed=0), Made(seed=1)
    study = write_study(tmp_path, made, frames=20)
    for point in made:
        path = folder_of(study, point) / "metrics.json"
        path.write_text(json.dumps({"whole": {}, **json.loads(path.read_text())}))
    assert StudyEvidence.load(study).held_out == "whole", "no record names it"
    save_configs(study, {point: {} for point in made})
    assert StudyEvidence.load(study).held_out == PARTITION
    assert StudyEvidence.load(join(study).parent).held_out == PARTITION


def study_on_other_data(study: Path, hashes: dict[Made, str]) -> Path:
    """Points that differ only in their data, with the given hashes."""
    write_study(study, list(hashes), frames=20)
    save_configs(
        study,
        {
            made: {"identity": {"rule": 2, "data": f"files{number}", "files": {}, "source": {}}}
            for number, made in enumerate(hashes)
        },
    )
    for made, of_data in hashes.items():
        change_record(
            study, made, lambda record, of_data=of_data: record["data"].update(hash=of_data)
        )
    return study


def test_runs_on_different_data_differ_in_data_hash(tmp_path: Path) -> None:
    hashes = {Made(seed=0): "0a" * 32, Made(seed=1): "1b" * 32}
    study = study_on_other_data(tmp_path / "study", hashes)
    for evidence in (StudyEvidence.load(study), StudyEvidence.load(join(study).parent)):
        assert evidence.points.sort("seed")["data_hash"].to_list() == ["0a" * 6, "1b" * 6]
    assert added(study, *hashes) == {"data_hash", "held_out", "training.limit"}


def test_setting_of_the_users_code_is_called_code(tmp_path: Path) -> None:
    made = Made(seed=0), Made(seed=1), Made(seed=2)
    study = study_on_other_data(tmp_path / "study", dict.fromkeys(made, "0a" * 32))
    configs = {
        point: {"identity": {"rule": 2, "data": "files", "files": {}, "source": {"my.net": code}}}
        for point, code in zip(made, ("a", "b", "b"), strict=True)
    }
    save_configs(study, configs)
    assert added(study, *made) == {"code.my.net", "held_out", "training.limit"}


def test_runs_on_two_files_of_the_same_data_are_not_seeds_of_one(tmp_path: Path) -> None:
    hashes = dict.fromkeys((Made(seed=0), Made(seed=1)), "0a" * 32)
    study = study_on_other_data(tmp_path / "study", hashes)
    assert StudyEvidence.load(study).points["data_hash"].n_unique() == 2
