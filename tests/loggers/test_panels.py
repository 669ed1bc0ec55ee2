from __future__ import annotations

import json
import sys
from argparse import Namespace
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import wandb_workspaces.workspaces as ws
from fresh_process import KEY, NO_SERVER, fresh_processes, panels_under
from made_point import make_point
from panels_specification import STORED, WORKLOADS, specification
from synthetic_study import Made, write_study
from wandb_file import logged_runs

import saibench.loggers
from saibench.commands import panels as panels_command
from saibench.errors import UserError
from saibench.evidence.reader import StudyEvidence
from saibench.loggers.build import finish, log_results
from saibench.loggers.panels import Place, build_workspace, offline_runs, place_of
from saibench.loggers.wandb import PointWandbLogger

MADE = [Made(start, 0.3, seed=seed) for start in (0.0, 0.3, 0.6) for seed in (0, 1)]
CURVES = ["train/loss", "val/force_mae", "val/loss"]


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three windows with two seeds each, logged offline to a team's project."""
    folder = write_study(tmp_path_factory.mktemp("study"), MADE, frames=40)
    for path in folder.glob("*/run.json"):
        logged = {"train": "1a2b3c4d", "project": "mine", "entity": "team", "curves": CURVES}
        path.write_text(json.dumps(json.loads(path.read_text()) | {"wandb": logged}))
    return folder


@pytest.fixture(scope="module")
def panels(study: Path) -> dict[str, list[Any]]:
    """Panels by section, as sent to the server."""
    workspace = build_workspace(StudyEvidence.load(study), "mine", "team")
    return {section.name: sent(section) for section in workspace.sections}


def sent(section: ws.Section) -> list[Any]:
    return section._to_model().model_dump(by_alias=True, exclude_none=True)["panels"]


@pytest.mark.parametrize("workload", WORKLOADS)
def test_panels_are_the_stored_ones(workload: str, tmp_path: Path) -> None:
    assert specification(workload, tmp_path) == json.loads(STORED.read_text())[workload]


def test_error_bars_by_window_average_over_seeds(panels: dict[str, list[Any]]) -> None:
    bars = panels["Test error by window"]
    assert {bar["viewType"] for bar in bars} == {"Bar Chart"}
    assert [bar["config"]["metrics"] for bar in bars] == [
        ["last_tenth/force_mae"],
        ["last_tenth/energy_mae_per_atom"],
    ]
    assert {bar["config"]["groupBy"] for bar in bars} == {"cell.value"}
    assert {bar["config"]["groupAgg"] for bar in bars} == {"mean"}
    assert bars[0]["config"]["xAxisTitle"] == "force MAE [meV/Å]"


def test_learning_curves_are_the_logged_ones(panels: dict[str, list[Any]]) -> None:
    curves = [panel["config"] for panel in panels["Learning curves"]]
    assert [curve["metrics"] for curve in curves] == [[name] for name in CURVES]
    assert {curve["xAxis"] for curve in curves} == {"trainer/global_step"}


def test_parallel_coordinates_join_varied_settings_and_errors(
    panels: dict[str, list[Any]],
) -> None:
    lines, comparer = panels["Settings"]
    assert lines["viewType"] == "Parallel Coordinates Plot"
    assert [column["accessor"] for column in lines["config"]["columns"]] == [
        "config:window.value.start",
        "config:seed.value",
        "summary:last_tenth/force_mae",
        "summary:last_tenth/energy_mae_per_atom",
    ]
    assert comparer["viewType"] == "Run Comparer"


def test_data_hash_has_the_key_of_a_runs_config(study: Path) -> None:
    evidence = StudyEvidence.load(study)
    records = {
        point: {**record, "settings": {**record["settings"], "data_hash": point}}
        for point, record in evidence.records.items()
    }
    workspace = build_workspace(replace(evidence, records=records), "mine", "team")
    lines = next(sent(section)[0] for section in workspace.sections if section.name == "Settings")
    columns = {column["accessor"]: column for column in lines["config"]["columns"]}
    assert columns["config:identity.value.data"]["displayName"] == "data_hash"


def test_trusted_range_plots_error_against_similarity(panels: dict[str, list[Any]]) -> None:
    axes = [
        (panel["config"]["xAxis"], panel["config"]["yAxis"]) for panel in panels["Trusted range"]
    ]
    force_mae = "summary:last_tenth/force_mae"
    assert ("summary:last_tenth/soap_similarity_window", force_mae) in axes
    assert ("summary:last_tenth/soap_similarity", force_mae) in axes
    assert not [x for x, _ in axes if x.endswith("/time")]  # the test is the same for every run


def test_axes_of_panels_are_logged_keys(tmp_path: Path) -> None:
    for name, start in (("a", 0.0), ("b", 0.3)):
        folder = make_point(tmp_path / name, start)
        logger = PointWandbLogger(folder, "train")
        logger.log_metrics({"val/loss": 1.0}, step=1)
        log_results(logger, folder, json.loads((folder / "metrics.json").read_text()))
        finish(logger)
    runs = [run for name in ("a", "b") for run in logged_runs(tmp_path / name)]
    workspace = build_workspace(StudyEvidence.load(tmp_path), "p", "e")
    panels = [panel for section in workspace.sections for panel in sent(section)]
    keys = {key for panel in panels for key in axis_keys(panel["config"])}
    assert {"val/loss", "summary:last_tenth/force_mae", "config:window.value.start"} <= keys
    for run in runs:
        for key in keys:
            assert value_at(run.config, run.summary, key) is not None, key


def axis_keys(config: dict[str, Any]) -> set[str]:
    columns = {column["accessor"] for column in config.get("columns", ())}
    axes = {config[name] for name in ("xAxis", "yAxis", "groupBy") if name in config}
    return {*columns, *axes, *config.get("metrics", ())}


def value_at(config: dict[str, Any], summary: dict[str, Any], key: str) -> Any:
    """The server's value of a panel's key; it keeps a setting under `.value` of its root."""
    if ":" not in key and ".value" not in key:
        return summary[key]
    section, _, name = key.rpartition(":")
    if section == "summary":
        return summary[name]
    root, _, path = name.partition(".value")
    value = config[root]
    for part in path.split(".")[1:]:
        value = value[part]
    return value


@pytest.mark.parametrize("name", ["time_extrapolation", "it's mine", 'a "b" <= c'])
def test_only_runs_of_the_study_are_selected(tmp_path: Path, name: str) -> None:
    folder = write_study(tmp_path, MADE[:2], frames=40)
    for path in folder.glob("*/run.json"):
        path.write_text(json.dumps(json.loads(path.read_text()) | {"study": name}))
    workspace = build_workspace(StudyEvidence.load(folder), "p", "e")
    spec = workspace._to_model().spec.model_dump(by_alias=True)
    (only,) = spec["section"]["runSets"][0]["filters"]["filters"]
    assert (only["key"], only["op"], only["value"]) == (
        {"section": "run", "name": "group"},
        "=",
        name,
    )


def test_study_without_results_is_refused(tmp_path: Path) -> None:
    failed = Made(state="failed", cause="loss became NaN")
    evidence = StudyEvidence.load(write_study(tmp_path, [failed]))
    with pytest.raises(UserError, match="no complete run"):
        build_workspace(evidence, "p", "e")


def test_panels_are_saved_in_the_project_of_the_runs(study: Path, tmp_path: Path) -> None:
    assert place_of(StudyEvidence.load(study)) == Place("mine", "team")
    unlogged = StudyEvidence.load(write_study(tmp_path, MADE[:1], frames=40))
    with pytest.raises(UserError, match="logger=wandb"):
        place_of(unlogged)


def test_runs_that_are_not_uploaded_are_listed(study: Path, point: Path) -> None:
    assert offline_runs(StudyEvidence.load(study)) == []
    logger = PointWandbLogger(point, "train")
    logger.log_metrics({"val/loss": 1.0}, step=1)
    finish(logger)
    (folder,) = offline_runs(StudyEvidence.load(point.parent))
    assert folder.parent == point / "wandb"
    (log,) = folder.glob("*.wandb")
    log.with_name(f"{log.name}.synced").touch()  # as `wandb sync` does
    assert offline_runs(StudyEvidence.load(point.parent)) == []


def test_missing_extra_is_named(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "saibench.loggers.panels")
    monkeypatch.delattr(saibench.loggers, "panels")
    monkeypatch.setitem(sys.modules, "wandb_workspaces", None)
    for name in [name for name in sys.modules if name.startswith("wandb_workspaces.")]:
        monkeypatch.delitem(sys.modules, name)
    with pytest.raises(UserError, match=r"pip install 'saibench\[panels\]'"):
        panels_command.run(Namespace(folder=study, project=None, entity=None))


def test_saving_needs_a_login(study: Path) -> None:
    with fresh_processes() as processes:
        saved = processes.submit(panels_under, {}, study)
        with pytest.raises(UserError, match=r"panels.*wandb login"):
            saved.result(timeout=300)


@pytest.mark.slow
def test_server_that_cannot_be_reached_is_named(study: Path) -> None:
    environment = {"WANDB_API_KEY": KEY, **NO_SERVER, "WANDB_HTTP_TIMEOUT": "1"}
    with fresh_processes() as processes:
        saved = processes.submit(panels_under, environment, study)
        with pytest.raises(UserError, match=r"reached.*panels") as refused:
            saved.result(timeout=120)
    assert len(str(refused.value).splitlines()) == 1
