"""Metrics added by a command: torchmetrics' and the user's."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import polars
import pytest
from command_line import QUIET, TINY, Ended, evaluate, no_page, only_point, train

from saibench.evidence.reader import StudyEvidence
from saibench.evidence.run_record import read_metrics
from saibench.loggers.results import scalars
from saibench.report.headline import headline_metrics
from saibench.report.page import write_report

Copied = Callable[[Path], Path]
OWN = '''
import torch
from torchmetrics import Metric


class Spread(Metric):
    """Lowest, highest and mean difference, times a factor."""

    full_state_update = False
    unit, per = "{unit}", "frame"

    def __init__(self, factor: float = 1.0):
        super().__init__()
        self.factor = factor
        self.add_state("lowest", torch.tensor(torch.inf), "min")
        self.add_state("highest", torch.tensor(-torch.inf), "max")
        self.add_state("total", torch.tensor(0.0), "sum")
        self.add_state("count", torch.tensor(0), "sum")

    def update(self, preds, target, num_atoms):
        error = self.factor * (preds - target)
        self.lowest = torch.minimum(self.lowest, error.min())
        self.highest = torch.maximum(self.highest, error.max())
        self.total += error.sum()
        self.count += len(error)

    def compute(self):
        return {"range": torch.stack([self.lowest, self.highest]), "mean": self.total / self.count}


class Other(Spread):
    def update(self, prediction, truth):
        pass


class Undefined(Spread):
    def compute(self):
        return self.total / 0 - self.total / 0


class Word(Spread):
    def compute(self):
        return "good"
'''
ENERGY_RMSE = (
    "metrics={energy_rmse: {_target_: torchmetrics.MeanSquaredError, squared: false, of: energy, "
    "unit: '{unit}', per: frame}}"
)


@pytest.fixture(autouse=True)
def imports_of_its_own() -> Iterator[None]:
    path, inherited = list(sys.path), os.environ.get("PYTHONPATH", "")
    with no_page():
        yield
    sys.path[:] = path
    sys.modules.pop("own_metrics", None)
    os.environ["PYTHONPATH"] = inherited


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A user's folder with a metric and its config."""
    folder = tmp_path / "mine"
    (folder / "metrics").mkdir(parents=True)
    (folder / "own_metrics.py").write_text(OWN)
    (folder / "metrics" / "spread.yaml").write_text("spread: {_target_: own_metrics.Spread}\n")
    return folder


def errors(point: Path, partition: str) -> np.ndarray:
    samples = polars.read_parquet(point / "samples.parquet").filter(partition=partition)
    return samples["energy_error"].to_numpy()


def assert_spread(point: Path, partition: str) -> None:
    metrics, error = read_metrics(point)[partition], errors(point, partition)
    found = [metrics[f"spread_{name}"]["value"] for name in ("range_0", "range_1", "mean")]
    assert found == pytest.approx([error.min(), error.max(), error.mean()], rel=1e-10)
    for name in ("range_0", "range_1", "mean"):
        entry = metrics[f"spread_{name}"]
        assert (entry["unit"], entry["per"], entry["count"]) == ("meV", "frame", len(error))


def test_run_is_unchanged_and_values_equal_those_of_the_samples(
    trained: Path, own: Path, tmp_path: Path
) -> None:
    named = (f"--config-dir={own}", "+metrics=[spread,rmse]", ENERGY_RMSE)
    ended = train(tmp_path, *TINY, *named)
    assert ended.status == 0, ended.err
    point = only_point(tmp_path)
    assert point.name == trained.name
    metrics, plain = read_metrics(point)["last_tenth"], read_metrics(trained)["last_tenth"]
    assert {name: metrics[name]["value"] for name in plain} == {
        name: entry["value"] for name, entry in plain.items()
    }
    rms = float(np.sqrt(np.square(errors(point, "last_tenth")).mean()))
    assert metrics["energy_rmse"]["value"] == pytest.approx(rms, rel=1e-10)
    assert {name: metrics["energy_rmse"][name] for name in ("unit", "per", "count")} == {
        "unit": "meV",
        "per": "frame",
        "count": 30,
    }
    assert metrics["rmse"]["unit"] == "meV/Å"
    assert metrics["rmse"]["value"] > metrics["force_mae"]["value"]
    assert_spread(point, "last_tenth")


def test_evaluation_adds_them_to_existing_metrics(
    trained: Path, copied: Copied, own: Path, tmp_path: Path
) -> None:
    point = copied(trained)
    both = (f"run={point}", "test=[last_tenth,whole_trajectory]", *QUIET)
    assert evaluate(tmp_path, *both, "+metrics=rmse").status == 0
    ended = evaluate(tmp_path, *both, f"--config-dir={own}", "metrics=spread")
    assert ended.status == 0, ended.err
    assert "spread_mean = " in ended.out and "rmse = " in ended.out
    for partition in ("last_tenth", "whole_trajectory"):
        assert_spread(point, partition)
        assert read_metrics(point)[partition]["rmse"]["unit"] == "meV/Å"

    before = (point / "samples.parquet").stat().st_mtime_ns
    assert evaluate(tmp_path, *both, "+metrics=rmse").status == 0, (
        "the module of the other metric is not needed"
    )
    assert (point / "samples.parquet").stat().st_mtime_ns == before, "nothing is missing"
    halved = "metrics={spread: {_target_: own_metrics.Spread, factor: 0.5}}"
    assert evaluate(tmp_path, *both, f"--config-dir={own}", halved).status == 0
    found = read_metrics(point)["last_tenth"]["spread_mean"]["value"]
    assert found == pytest.approx(errors(point, "last_tenth").mean() / 2, rel=1e-10)


def test_changed_code_gives_another_value(
    trained: Path, copied: Copied, own: Path, tmp_path: Path
) -> None:
    point = copied(trained)
    again = (f"run={point}", f"--config-dir={own}", "metrics=spread", *QUIET)
    assert evaluate(tmp_path, *again).status == 0
    code = own / "own_metrics.py"
    code.write_text(OWN.replace("self.factor * (preds", "2 * self.factor * (preds"))
    sys.modules.pop("own_metrics")
    assert evaluate(tmp_path, *again).status == 0
    found = read_metrics(point)["last_tenth"]["spread_mean"]["value"]
    assert found == pytest.approx(2 * errors(point, "last_tenth").mean(), rel=1e-10)


def test_table_logger_and_report_have_them(trained: Path, copied: Copied, tmp_path: Path) -> None:
    point = copied(trained)
    assert evaluate(tmp_path, f"run={point}", ENERGY_RMSE, *QUIET).status == 0
    evidence = StudyEvidence.load(point)
    metric = next(one for one in headline_metrics(evidence) if one.name == "energy_rmse")
    assert (metric.unit, metric.per, metric.counts) == ("meV", "frame", (30,))
    value = read_metrics(point)["last_tenth"]["energy_rmse"]["value"]
    assert scalars(evidence, ["last_tenth"])["last_tenth/energy_rmse"] == value
    page = write_report(point.parent).read_text()
    assert "energy RMSE" in page, "a column of the table"
    assert '"energy_rmse"' in page, "the choice of metrics"


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ("+metrics=rmze", "'rmse'"),
        ("metrics=[{_target_: torchmetrics.MeanSquareError}]", "'MeanSquaredError'"),
        ("metrics=[{_target_: torchmetrics.R2Score, many: 3}]", "metrics.r2_score"),
        ("metrics=[{_target_: torchmetrics.MeanMetric}]", "torchmetrics.MeanMetric.update(value"),
        ("metrics=[{_target_: own_metrics.Other}]", "own_metrics.Other.update(prediction"),
        ("metrics=[{_target_: torch.nn.ReLU}]", "torchmetrics.Metric"),
        ("metrics=[{_target_: torchmetrics.R2Score, of: energi}]", "'energy'"),
        ("metrics=[{_target_: torchmetrics.R2Score, unit: 3}]", "metrics.r2_score.unit=3"),
        ("metrics=[rmse,{name: 3}]", "_target_"),
        ("metrics=3", "metrics=3"),
        ("metrics=calibration_error", "metrics.calibration_error"),
        ("metrics={force_mae: {_target_: torchmetrics.R2Score}}", "metrics.force_mae"),
        (
            "metrics=[{_target_: torchmetrics.R2Score},{_target_: torchmetrics.R2Score}]",
            "r2_score",
        ),
        ("metrics={a b: {_target_: torchmetrics.R2Score}}", "a b"),
    ],
)
def test_invalid_metric_is_refused_before_anything_runs(
    given: str, named: str, trained: Path, own: Path, tmp_path: Path
) -> None:
    def refused(ended: Ended) -> None:
        assert ended.status == 2, ended
        assert named in ended.err
        assert len(ended.err.strip().splitlines()) == 1

    refused(train(tmp_path, *TINY, f"--config-dir={own}", given))
    assert not (tmp_path / "outputs").exists()
    before = read_metrics(trained)
    refused(evaluate(tmp_path, f"run={trained}", f"--config-dir={own}", given, *QUIET))
    assert read_metrics(trained) == before


def test_undefined_value_and_text(trained: Path, copied: Copied, own: Path, tmp_path: Path) -> None:
    point = copied(trained)
    again = (f"run={point}", f"--config-dir={own}", *QUIET)
    assert evaluate(tmp_path, *again, "metrics=[{_target_: own_metrics.Undefined}]").status == 0
    assert read_metrics(point)["last_tenth"]["undefined"]["value"] is None
    ended = evaluate(tmp_path, *again, "metrics=[{_target_: own_metrics.Word}]")
    assert ended.status == 2
    assert "metrics.word" in ended.err and "str" in ended.err
    assert "word" not in read_metrics(point)["last_tenth"]


def test_torchmetrics_of_jets_and_rain(tmp_path: Path) -> None:
    """With logits and labels, and with observed pixels."""
    jets = (
        *QUIET,
        *("workload=jet_tagging", "data.top_jets=120", "data.qcd_jets=120", "subset.count=40"),
        *("trainer.max_steps=2", "trainer.val_every=2", "datamodule.max_constituents=16"),
    )
    auroc = "metrics=[calibration_error,{_target_: torchmetrics.classification.BinaryAUROC}]"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("saibench.datamodules.partition.MIN_VALIDATION", 4)
        ended = train(tmp_path, *jets, auroc, f"hydra.run.dir={tmp_path / 'jets'}")
    assert ended.status == 0, ended.err
    (point,) = (record.parent for record in tmp_path.glob("jets/*/run.json"))
    metrics = read_metrics(point)["held_out"]
    assert metrics["binary_auroc"]["value"] == pytest.approx(metrics["auc"]["value"], abs=1e-6)
    assert 0 < metrics["calibration_error"]["value"] < 1

    rain = (*QUIET, "workload=nowcasting", "model=persistence", "data.events=40")
    mae = "metrics=[{_target_: torchmetrics.MeanAbsoluteError}]"
    ended = train(tmp_path, *rain, mae, f"hydra.run.dir={tmp_path / 'rain'}")
    assert ended.status == 0, ended.err
    (point,) = (record.parent for record in tmp_path.glob("rain/*/run.json"))
    rows = polars.read_parquet(point / "by_lead.parquet").filter(partition="held_out")
    pixels = rows["valid_pixels"].cast(polars.Float64)
    pooled = (rows["mae"].cast(polars.Float64) * pixels).sum() / pixels.sum()
    found = read_metrics(point)["held_out"]["mean_absolute_error"]["value"]
    assert found == pytest.approx(pooled, rel=1e-6)


@pytest.mark.slow
def test_two_devices_give_the_values_of_one(trained: Path, own: Path, tmp_path: Path) -> None:
    """For an odd number of samples, and a metric that keeps every value."""
    listed = "metrics=[spread,rmse,{_target_: torchmetrics.SpearmanCorrCoef, of: energy}]"
    found = []
    for devices in (1, 2):
        copy = tmp_path / str(devices) / trained.name
        shutil.copytree(trained, copy)
        run = (f"run={copy}", f"--config-dir={own}", f"trainer.devices={devices}")
        ended = evaluate(tmp_path, *run, listed, "test=[whole_trajectory]", *QUIET)
        assert ended.status == 0, ended
        entries = read_metrics(copy)["whole_trajectory"]
        found.append({name: entry["value"] for name, entry in entries.items()})
    assert found[0].keys() == found[1].keys() >= {"rmse", "spread_mean", "spearman_corr_coef"}
    assert found[1] == pytest.approx(found[0], rel=1e-6)
