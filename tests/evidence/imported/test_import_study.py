"""An imported study is read like that of trained runs."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pandas
import polars
import pytest
from command_line import BLANK, evaluate, saibench

from saibench.evidence import from_dataframe
from saibench.evidence.imported import study as writing
from saibench.evidence.reader import StudyEvidence
from saibench.files.integrity import sha256

SCHEMA = """
title: Yields <i>of</i> reactions
sample: reaction
held_out: new
columns:
  measured: {role: truth, unit: "%"}
  predicted: {role: prediction, unit: "%"}
  catalyst: group
  far: {role: feature, title: distance to training}
trust: {tolerance: 8, feature: far}
"""
SAMPLES = 400
HOSTILE = "<script>alert(1)</script>"


def table() -> polars.DataFrame:
    """Two models with two seeds each; the error grows with `far`; training rows included."""
    rng = np.random.default_rng(1)
    far = rng.exponential(size=SAMPLES)
    truth = rng.uniform(0, 100, SAMPLES)
    runs = []
    for model, scale in ((HOSTILE, 2.0), ("forest", 4.0)):
        for seed in (0, 1):
            error = scale * (0.2 + far) * rng.normal(size=SAMPLES)
            runs.append(
                polars.DataFrame(
                    {
                        "id": [f"r{number}" for number in range(SAMPLES)],
                        "measured": truth,
                        "predicted": truth + error,
                        "far": far,
                        "catalyst": np.arange(SAMPLES) // 8,
                        "split": np.repeat(["train", "new", "old"], [100, 200, 100]),
                        "model": model,
                        "seed": seed,
                    }
                )
            )
    return polars.concat(runs)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("imported")
    table().write_parquet(folder / "yields.parquet")
    (folder / "columns.yaml").write_text(SCHEMA)
    ended = saibench(
        folder, "import", "yields.parquet", "--schema", "columns.yaml", "-o", "outputs/yields"
    )
    assert ended.status == 0, ended.err
    return folder


@pytest.fixture
def study(folder: Path) -> Path:
    return folder / "outputs" / "yields"


def test_runs_partitions_and_provenance(folder: Path, study: Path) -> None:
    evidence = StudyEvidence.load(study)
    assert len(evidence.records) == 4
    for record in evidence.records.values():
        own = record["imported"]
        file = folder / "yields.parquet"
        assert (own["file"], own["sha256"], own["bytes"]) == (
            file.name,
            sha256(file),
            file.stat().st_size,
        )
        roles = {column["source"]: column["role"] for column in own["columns"]}
        assert roles["measured"] == "truth" and roles["split"] == "partition"
        assert {name: part["count"] for name, part in record["partitions"].items()} == {
            "train": 100,
            "new": 200,
            "old": 100,
        }
    assert evidence.held_out == "new"
    assert evidence.points["seed"].to_list().count(0) == 2
    assert not evidence.samples["seen_in_training"].any()  # training rows are not tested
    assert evidence.samples.height == 4 * 300
    assert evidence.independence[next(iter(evidence.records))].kind == "group"
    names = evidence.samples.filter(sample_id=150)["sample_name"].unique().to_list()
    assert names == ["r150"]


def test_the_same_import_again_changes_nothing(folder: Path, study: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in study.rglob("*")}
    command = ("import", "yields.parquet", "--schema", "columns.yaml", "-o", "outputs/yields")
    assert saibench(folder, *command).status == 0
    assert {path: path.stat().st_mtime_ns for path in study.rglob("*")} == before
    (folder / "others.txt").write_text("r150\n")
    ended = saibench(folder, *command, "--seen", "others.txt")
    assert (ended.status, "seen" in ended.err) == (2, True)
    (folder / "other.yaml").write_text(SCHEMA.replace('unit: "%"', "unit: mol"))
    ended = saibench(folder, *[word.replace("columns", "other") for word in command])
    assert (ended.status, "-o" in ended.err) == (2, True)
    assert {path: path.stat().st_mtime_ns for path in study.rglob("*")} == before


def test_a_dry_run_prints_the_columns_and_writes_nothing(folder: Path) -> None:
    before = sorted(folder.rglob("*"))
    ended = saibench(folder, "import", "yields.parquet", "--schema", "columns.yaml", "--dry-run")
    assert ended.status == 0
    rows = {line.split()[0]: line.split()[1] for line in ended.out.splitlines()[1:9]}
    assert rows["measured"] == "truth" and rows["catalyst"] == "group" and rows["seed"] == "seed"
    assert "100 samples" in ended.out
    assert sorted(folder.rglob("*")) == before


def test_trust_trace_and_export(folder: Path, study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("saibench.report.drawn.svg", lambda figure: BLANK)
    trust = saibench(folder, "trust", str(study), "--point", "forest-seed0", "--json")
    assert trust.status == 0, trust.err
    (fitted,) = json.loads(trust.out)["ranges"]
    assert (fitted["trusted"]["tolerance"], fitted["best_feature"]) == (8, "far")
    trace = saibench(folder, "trace", str(study), "--json")
    assert trace.status == 0, trace.err
    exported = saibench(folder, "export", str(study), "exported", "--evidence")
    assert exported.status == 0, exported.err
    assert StudyEvidence.load(folder / "exported").samples.height == 4 * 300


def test_names_are_escaped_in_the_page(folder: Path, study: Path) -> None:
    ended = saibench(folder, "report", str(study), "--figures", "saibench.figures.learning_curve")
    assert ended.status == 0, ended.err
    page = (study / "report.html").read_text()
    assert HOSTILE not in page and "<i>of</i>" not in page
    assert "Yields &lt;i&gt;of" in page


def test_another_evaluation_needs_the_model(folder: Path, study: Path) -> None:
    run = next(path.parent for path in study.glob("forest*/run.json"))
    ended = evaluate(folder, f"run={run}")
    assert (ended.status, "yields.parquet" in ended.err) == (2, True)


def test_seen_samples_are_marked(folder: Path) -> None:
    (folder / "seen.txt").write_text("r100\nr101\nr399\nunknown\n")
    options = ("--schema", "columns.yaml", "--seen", "seen.txt", "-o", "seen")
    assert saibench(folder, "import", "yields.parquet", *options).status == 0
    samples = StudyEvidence.load(folder / "seen").samples
    seen = samples.filter("seen_in_training")["sample_name"].unique().sort().to_list()
    assert seen == ["r100", "r101", "r399"]


def test_a_data_frame_of_pandas_gives_the_same_evidence(tmp_path: Path, study: Path) -> None:
    frame = table().to_pandas()
    assert isinstance(frame, pandas.DataFrame)
    columns = {"measured": "truth", "predicted": "prediction", "catalyst": "group"}
    found = from_dataframe(frame, tmp_path / "s", {"columns": columns, "held_out": "new"})
    keys = ["model", "partition", "sample_id", "error"]
    both = []
    for one in (found, study):
        evidence = StudyEvidence.load(one)
        models = {
            point: f"{record['model']} {record['settings']['seed']}"
            for point, record in evidence.records.items()
        }
        samples = evidence.samples.with_columns(model=polars.col("point").replace(models))
        both.append(samples.select(keys).sort(keys))
    assert both[0].equals(both[1])


@pytest.mark.parametrize("kind", ["csv", "tsv", "arrow", "csv.gz"])
def test_other_formats_have_the_same_content(tmp_path: Path, kind: str) -> None:
    frame, path = table(), tmp_path / f"yields.{kind}"
    if kind == "arrow":
        frame.write_ipc(path)
    elif kind == "csv.gz":
        import gzip

        path.write_bytes(gzip.compress(frame.write_csv().encode()))
    else:
        frame.write_csv(path, separator="\t" if kind == "tsv" else ",")
    (tmp_path / "columns.yaml").write_text(SCHEMA)
    ended = saibench(tmp_path, "import", path.name, "--schema", "columns.yaml", "-o", "s")
    assert ended.status == 0, ended.err
    errors = StudyEvidence.load(tmp_path / "s").samples["error"].sort()
    tested = frame.filter(polars.col("split") != "train")
    expected = (tested["predicted"] - tested["measured"]).sort()
    np.testing.assert_array_equal(errors.to_numpy(), expected.to_numpy())


def test_an_interrupted_import_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(writing, "write_record", full)
    with pytest.raises(OSError):
        from_dataframe(table(), tmp_path / "s", {"columns": {"measured": "truth"}})
    assert not list(tmp_path.iterdir())


def test_training_sizes_make_a_learning_curve(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    runs = [
        {"id": n, "y_true": 0.0, "y_pred": rng.normal() * 10 * size**-0.5, "n_train": size}
        for size in (100, 200, 400, 800, 1600)
        for n in range(300)
    ]
    study = from_dataframe(polars.DataFrame(runs), tmp_path / "s")
    evidence = StudyEvidence.load(study)
    assert sorted(evidence.points["train_count"].to_list()) == [100, 200, 400, 800, 1600]
    ended = saibench(tmp_path, "learning-curve", str(study), "--target", "0.2")
    assert ended.status == 0, ended.err
