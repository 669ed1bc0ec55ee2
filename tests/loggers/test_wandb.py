from __future__ import annotations

import json
import sys
from pathlib import Path
from types import ModuleType

import polars
import pytest
import wandb
from lightning.pytorch.utilities import rank_zero_only
from made_point import SETTINGS, make_point
from matplotlib.figure import Figure
from omegaconf import OmegaConf
from PIL import Image
from wandb_file import logged_runs

from saibench.evidence.run_record import read_metrics, update_record
from saibench.evidence.schema import read_fields, read_table, write_table
from saibench.imports.user_names import name_targets, names_of_one_command
from saibench.loggers.build import build_logger, finish, log_results
from saibench.loggers.describe import cell
from saibench.loggers.wandb import PointWandbLogger

CONF = Path(__file__).parents[2] / "conf" / "logger"


def build(folder: Path, job_type: str = "train", **options: object) -> PointWandbLogger:
    node = OmegaConf.merge(OmegaConf.load(CONF / "wandb.yaml"), options)
    logger = build_logger(node, folder, job_type)
    assert isinstance(logger, PointWandbLogger)
    return logger


def log_point(folder: Path, job_type: str = "train") -> None:
    logger = build(folder, job_type)
    log_results(logger, folder, read_metrics(folder))
    finish(logger)


def test_run_is_offline_and_grouped_by_study(point: Path) -> None:
    log_point(point)
    (run,) = logged_runs(point)
    assert run.folder.name.startswith("offline-run-")
    assert (run.group, run.job_type, run.project) == ("made_up_study", "train", "saibench")
    assert run.name == "start0.15-count1000-seed0"
    assert run.exit_code == 0


def test_config_holds_nested_settings_and_provenance(point: Path) -> None:
    log_point(point)
    config = logged_runs(point)[0].config
    record = json.loads((point / "run.json").read_text())
    assert {name: config[name] for name in SETTINGS} == SETTINGS
    assert config["point"] == record["point"]
    assert config["provenance"]["versions"] == record["versions"]


def test_metrics_and_means_of_data_features_are_logged(point: Path) -> None:
    log_point(point)
    summary = logged_runs(point)[0].summary
    for name, entry in read_metrics(point)["last_tenth"].items():
        assert summary[f"last_tenth/{name}"] == entry["value"]
    similarity = polars.read_parquet(point / "samples.parquet")["soap_similarity_window"]
    logged = summary["last_tenth/soap_similarity_window"]
    assert logged == pytest.approx(similarity.to_numpy().mean(), rel=1e-12)
    assert summary["last_tenth/seen_in_training"] == 0


def test_some_evidence_rows_are_a_table(point: Path) -> None:
    log_point(point)
    (path,) = point.glob("wandb/offline-run-*/files/media/table/evidence/*.json")
    table = json.loads(path.read_text())
    samples = polars.read_parquet(point / "samples.parquet")
    assert table["columns"] == samples.columns
    ids = [row[samples.columns.index("sample_id")] for row in table["data"]]
    assert ids == samples["sample_id"].to_list()[::2]  # 400 frames, at most 200 rows


def test_table_is_staged_in_the_folder_of_the_run(point: Path) -> None:
    log_point(point)
    assert list(point.glob("wandb/artifacts/staging/*"))
    assert not list(Path.home().rglob("artifacts/staging/*"))


def test_figure_that_needs_one_run_is_logged(point: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("one_point_figure")
    figure = Figure(figsize=(3, 2))
    figure.subplots().plot([1, 2])
    for name in ("title", "paper", "caption", "table"):
        setattr(module, name, "")
    module.needs, module.draw = lambda evidence: None, lambda evidence: figure  # type: ignore
    monkeypatch.setitem(sys.modules, "one_point_figure", module)
    record = json.loads((point / "run.json").read_text())
    record["figures"].append("one_point_figure")
    update_record(point, **record | {"state": "running"})
    with names_of_one_command():
        name_targets(["one_point_figure"])
        log_point(point)
    (path,) = point.glob("wandb/offline-run-*/files/media/images/figures/one_point_figure*.png")
    assert Image.open(path).size == (330, 220)


def test_runs_of_one_process_are_separate(tmp_path: Path) -> None:
    folders = [make_point(tmp_path / name, start) for name, start in (("a", 0.0), ("b", 0.3))]
    for folder in folders:
        log_point(folder)
    (first,), (second,) = (logged_runs(folder) for folder in folders)
    assert first.id != second.id
    assert first.config["window"]["start"] == 0.0
    assert second.config["window"]["start"] == 0.3
    assert wandb.run is None


def test_resumed_run_continues_its_wandb_run(point: Path) -> None:
    for _ in range(2):
        logger = build(point)
        logger.log_metrics({"val/loss": 1.0, "epoch": 0}, step=10)
        finish(logger)
    first, second = logged_runs(point)
    assert first.id == second.id
    recorded = json.loads((point / "run.json").read_text())["wandb"]
    assert recorded["train"] == first.id
    assert recorded["curves"] == ["val/loss"]


def test_curves_have_the_optimizer_step_as_axis(point: Path) -> None:
    logger = build(point)
    logger.log_metrics({"val/loss": 1.0}, step=200)
    logger.log_metrics({"val/loss": 0.5}, step=400)
    finish(logger)
    rows = [row for row in logged_runs(point)[0].history if "val/loss" in row]
    assert [(row["trainer/global_step"], row["val/loss"]) for row in rows] == [(200, 1), (400, 0.5)]


def test_exception_ends_the_run_as_failed(point: Path) -> None:
    logger = build(point)
    try:
        logger.log_metrics({"train/loss": float("nan")}, step=0)
        raise RuntimeError("diverged")
    except RuntimeError:
        finish(logger)
    assert logged_runs(point)[0].exit_code == 1
    assert wandb.run is None


def test_run_without_logged_values_has_no_wandb_run(point: Path) -> None:
    finish(build(point))
    assert not (point / "wandb").exists()
    assert wandb.run is None


def test_run_left_open_by_other_code_is_not_logged_into(point: Path, tmp_path: Path) -> None:
    left_open = wandb.init(
        project="other", dir=tmp_path, mode="offline", settings=wandb.Settings(silent=True)
    )
    log_point(point)
    assert logged_runs(point)[0].id != left_open.id


def test_evaluation_logs_only_its_new_partitions(point: Path) -> None:
    log_point(point)
    logger = build(point, "evaluate")
    add_partition(point, "last_tenth_rotated")
    log_results(logger, point, read_metrics(point))
    finish(logger)
    trained, evaluated = sorted(logged_runs(point), key=lambda run: run.job_type, reverse=True)
    assert (trained.job_type, evaluated.job_type) == ("train", "evaluate")
    assert trained.id != evaluated.id
    partitions = {name.split("/")[0] for name in evaluated.summary if name.endswith("/force_mae")}
    assert partitions == {"last_tenth_rotated"}
    recorded = json.loads((point / "run.json").read_text())["wandb"]
    assert (recorded["train"], recorded["evaluate"]) == (trained.id, evaluated.id)


def add_partition(point: Path, name: str) -> None:
    """Add rows, metrics and hash, as a later evaluation would."""
    record = json.loads((point / "run.json").read_text())
    record["partitions"][name] = {"hash": "0123456789ab", "count": 400, "describe": ""}
    update_record(point, **record)
    metrics = read_metrics(point)
    (point / "metrics.json").write_text(json.dumps(metrics | {name: metrics["last_tenth"]}))
    path = point / "samples.parquet"
    rows, fields = read_table(path), read_fields(path)
    further = rows.with_columns(partition=polars.lit(name))
    write_table(path, polars.concat([rows, further]), fields)


def test_only_rank_0_logs_to_wandb(point: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = (point / "run.json").read_text()
    monkeypatch.setattr(rank_zero_only, "rank", 1)
    logger = build(point)
    logger.log_metrics({"val/loss": 1.0}, step=10)
    logger.experiment.log({"anything": 1})
    log_results(logger, point, read_metrics(point))
    finish(logger)
    assert not (point / "wandb").exists()
    assert (point / "run.json").read_text() == before


def test_disabled_run_writes_nothing(point: Path) -> None:
    before = (point / "run.json").read_text()
    logger = build(point, mode="disabled")
    logger.log_metrics({"val/loss": 1.0}, step=10)
    log_results(logger, point, read_metrics(point))
    finish(logger)
    assert not list(point.rglob("*.wandb"))
    assert (point / "run.json").read_text() == before


def test_nothing_is_printed(point: Path, capfd: pytest.CaptureFixture[str]) -> None:
    log_point(point)
    assert capfd.readouterr() == ("", "")


def test_seeds_share_a_cell_and_models_do_not() -> None:
    other_seed = SETTINGS | {"seed": 1, "model": {"net": {"l_max": 1}, "seed": 1}}
    other_model = SETTINGS | {"model": {"net": {"l_max": 2}, "seed": 0}}
    other_data = SETTINGS | {"data": {"molecule": "aspirin", "seed": 8}}
    assert cell(SETTINGS) == cell(other_seed)
    assert cell(SETTINGS).startswith("start0.15-count1000-")
    assert len({cell(settings) for settings in (SETTINGS, other_model, other_data)}) == 3
