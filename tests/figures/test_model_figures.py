"""Figures that compare models of any workload, compared with numpy."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import polars
import pytest
from figure_readings import checked_reading

from saibench.analysis.blocks import find_blocks
from saibench.analysis.bootstrap import block_bootstrap
from saibench.evidence import writer
from saibench.evidence.reader import StudyEvidence
from saibench.evidence.schema import Field, write_table
from saibench.evidence.statistic import Axis, Statistic
from saibench.figures import errors_by_partition, model_comparison

COUNT = 80
LEAD = Axis("lead", (6, 12, 18))
STATISTICS = [
    Statistic("bias", "K", "pixel", "signed error", summaries={"bias": "mean", "mae": "mean_abs"}),
    Statistic("hit", "", "sample", "whether it is right", summaries={"accuracy": "mean"}),
    Statistic("rmse", "K", "pixel", "error by lead time", LEAD, summaries={"rmse": "mean"}),
]
RECORD = {
    "headline": ["mae", "rmse_12"],
    "trust": {"feature": "x", "statistic": "hit", "ideal": 1.0},
}
MODELS = [("small", 0), ("small", 1), ("climatology", 0), ("large", 0)]


def values_of(model: str, seed: int, partition: str) -> dict[str, np.ndarray]:
    digest = hashlib.sha256(f"{model}{seed}{partition}".encode()).digest()
    own, shared = np.random.default_rng(list(digest)), np.random.default_rng(len(partition))
    scale = {"small": 1.0, "large": 0.6, "climatology": 2.0}[model]
    hard = 1 + shared.random(COUNT)
    return {
        "bias": scale * hard * own.normal(size=COUNT),
        "hit": (own.random(COUNT) < 1 - scale / 4).astype(float),
        "lead/rmse": scale * (hard[:, None] * (1 + own.random((COUNT, 3)))).astype(np.float32),
    }


def write(folder: Path, partitions: tuple[str, ...] = ("usual", "storms"), **record: Any) -> Path:
    ids = np.arange(COUNT)
    for model, seed in MODELS:
        point = f"{model}{seed}"
        tables: dict[str, list[writer.Table]] = {"samples": [], "by_lead": []}
        metrics = {}
        for partition in partitions:
            given = values_of(model, seed, partition)
            values = writer.checked_values(STATISTICS, {"sample_id": ids, **given})
            keys = polars.DataFrame({"point": point, "partition": partition, "sample_id": ids})
            keys = keys.with_columns(seen_in_training=polars.col("sample_id") < 4 * (seed + 1))
            features = polars.DataFrame({"sample_id": ids, "x": ids * 1.0})
            fields = [Field("x", "float64", role="feature")]
            tables["samples"].append(
                writer.sample_table(keys, features, fields, STATISTICS, values)
            )
            tables["by_lead"].append(writer.axis_table(keys, LEAD, STATISTICS, values))
            metrics[partition] = writer.metrics(STATISTICS, values, ids)
        for name, parts in tables.items():
            rows = polars.concat([part.rows for part in parts])
            write_table(folder / point / f"{name}.parquet", rows, parts[0].fields)
        (folder / point / "metrics.json").write_text(json.dumps(metrics))
        content = {
            "point": point,
            "slug": point,
            "state": "complete",
            "study": "made_up",
            "workload": "weather",
            "steps": 0 if model == "climatology" else 10,
            "settings": {"model.name": model, "seed": seed, "held_out": partitions[0]},
            **RECORD,
            **record,
        }
        (folder / point / "run.json").write_text(json.dumps(content))
    return folder


@pytest.fixture(scope="module")
def evidence(tmp_path_factory: pytest.TempPathFactory) -> StudyEvidence:
    return StudyEvidence.load(write(tmp_path_factory.mktemp("models") / "study"))


def unseen(model: str, key: str, partition: str = "usual") -> list[np.ndarray]:
    """Errors by seed, on samples outside all training sets."""
    seeds = [seed for name, seed in MODELS if name == model]
    ideal = 1.0 if key == "hit" else 0.0
    return [np.abs(values_of(model, seed, partition)[key][8:] - ideal) for seed in seeds]


def test_reference_is_the_untrained_model(evidence: StudyEvidence) -> None:
    assert model_comparison.needs(evidence) is None
    rows = model_comparison.table(evidence)
    assert set(rows["model"]) == {"small", "large"}
    assert set(rows["reference"]) == {"climatology"}
    assert rows["statistic"].unique(maintain_order=True).to_list() == [
        "|hit − 1|",
        "|bias|",
        "lead/rmse",
    ]
    for title, key in (("|hit − 1|", "hit"), ("|bias|", "bias")):
        for model in ("small", "large"):
            found = rows.filter(statistic=title, model=model)
            own = np.mean([seed.mean() for seed in unseen(model, key)])
            expected = 1 - own / unseen("climatology", key)[0].mean()
            assert found["estimate"].item() == pytest.approx(expected, rel=1e-12)
            assert found["low"].item() < expected < found["high"].item()
            assert found["samples"].item() == COUNT - 8
            assert found["seeds"].item() == (2 if model == "small" else 1)
    for position, label in enumerate(("6", "12", "18")):
        found = rows.filter(statistic="lead/rmse", model="large", label=label)["estimate"].item()
        own, other = unseen("large", "lead/rmse")[0], unseen("climatology", "lead/rmse")[0]
        assert found == pytest.approx(1 - own[:, position].mean() / other[:, position].mean())


def test_a_statistic_that_is_no_error_is_not_compared(tmp_path: Path) -> None:
    trace = {"response": "hit", "ideal": {"hit": 1.0, "bias": float("inf")}}
    study = StudyEvidence.load(write(tmp_path / "study", trace=trace))
    found = model_comparison.table(study)["statistic"].unique(maintain_order=True)
    assert found.to_list() == ["|hit − 1|", "lead/rmse"]


def test_any_model_can_be_the_reference(tmp_path: Path) -> None:
    study = StudyEvidence.load(write(tmp_path / "study", reference="small"))
    rows = model_comparison.table(study).filter(statistic="|bias|", model="large")
    own = np.mean([seed.mean() for seed in unseen("small", "bias")])
    assert rows["estimate"].item() == pytest.approx(1 - unseen("large", "bias")[0].mean() / own)
    other = StudyEvidence.load(write(tmp_path / "other", reference="persistence"))
    assert "persistence" in str(model_comparison.needs(other))
    assert "persistence" in str(errors_by_partition.needs(other))


def test_errors_of_every_partition_are_means_and_changes(evidence: StudyEvidence) -> None:
    assert errors_by_partition.needs(evidence) is None
    rows = errors_by_partition.table(evidence)
    for partition in ("usual", "storms"):
        for key, title in (("hit", "|hit − 1|"), ("bias", "|bias|"), ("lead/rmse", "lead/rmse")):
            own = unseen("large", key, partition)[0].astype(float)
            reference = unseen("climatology", key, partition)[0].astype(float)
            found = rows.filter(partition=partition, statistic=title, model="large")
            mean, change = (found.filter(measure=m) for m in ("mean", "relative change"))
            assert mean["estimate"].item() == pytest.approx(own.mean(), rel=1e-6)
            expected = own.mean() / reference.mean() - 1
            assert change["estimate"].item() == pytest.approx(expected, rel=1e-6)
    assert rows.filter(model="climatology")["measure"].unique().to_list() == ["mean"]


def test_interval_of_a_mean_is_that_of_its_blocks(evidence: StudyEvidence) -> None:
    row = errors_by_partition.table(evidence).filter(
        partition="usual", statistic="|bias|", model="large", measure="mean"
    )
    errors = unseen("large", "bias")[0]
    samples = evidence.samples.filter(point="large0", partition="usual").filter(
        polars.col("sample_id") >= 8
    )
    expected = block_bootstrap(errors, find_blocks(samples, errors).labels)
    found = row["low"].item(), row["high"].item()
    assert found == pytest.approx((expected.low, expected.high), rel=1e-9)


def test_figures_are_drawn_with_captions(evidence: StudyEvidence) -> None:
    figure = model_comparison.draw(evidence)
    assert [axes.get_ylabel() for axes in figure.axes if axes.get_visible()] == [
        "skill against climatology"
    ] * 3
    assert figure.axes[2].get_xlabel() == "lead"
    assert figure.axes[2].lines[1].get_xdata().tolist() == [6, 12, 18]
    caption = model_comparison.caption(evidence)
    for part in ("small, 2 seeds", "(one seed): large.", "|hit − 1|"):
        assert part in caption
    figure = errors_by_partition.draw(evidence)
    assert len(figure.axes) == 6 and figure.axes[2].get_ylabel() == "mean [K]"
    ticks = [tick.get_text() for tick in figure.axes[4].get_xticklabels()]
    assert ticks == ["usual", "storms"]
    assert f"{COUNT - 8} samples of storms" in errors_by_partition.caption(evidence)
    found = checked_reading(errors_by_partition, evidence)
    assert " on usual" in found and " on storms" in found


def test_one_model_or_one_partition_is_not_compared(tmp_path: Path) -> None:
    folder = write(tmp_path / "study", ("usual",))
    assert "two test partitions" in str(errors_by_partition.needs(StudyEvidence.load(folder)))
    alone = StudyEvidence.load(folder / "large0")
    assert "two models" in str(model_comparison.needs(alone))


def test_models_with_different_data_are_not_compared(tmp_path: Path) -> None:
    folder = write(tmp_path / "study")
    record = folder / "large0" / "run.json"
    content = json.loads(record.read_text()) | {"data": {"hash": "b"}}
    record.write_text(json.dumps(content))
    others = [path for path in folder.glob("*/run.json") if path != record]
    for path in others:
        path.write_text(json.dumps(json.loads(path.read_text()) | {"data": {"hash": "a"}}))
    assert "different data sets" in str(model_comparison.needs(StudyEvidence.load(folder)))
