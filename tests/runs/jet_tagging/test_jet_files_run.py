"""A tagger of three classes is trained on a ROOT file, and tested against each background."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars
import pytest
from command_line import QUIET, only_point, train
from jet_files import random_jets
from jet_formats import write_root
from sklearn.metrics import roc_auc_score

from saibench.evidence.run_record import read_metrics, read_record

pytestmark = [pytest.mark.usefixtures("without_page"), pytest.mark.slow]
CLASSES = ("QCD", "Hbb", "Tbqq")
WHERE = "{_target_: saibench.datamodules.samplers.Where, by: %s}"
AGAINST_HBB = ", ".join(
    WHERE % condition for condition in ("split, equals: test", "jet_class, one_of: [Tbqq, Hbb]")
)
SETTINGS = (
    *QUIET,
    *("workload=jet_tagging", "workload.figures=[]", "workload.findings=[]", "data=jet_files"),
    "data.multiclass=true",
    *("subset.count=40", "trainer.max_steps=2", "trainer.val_every=2"),
    *("datamodule.max_constituents=16", "test=[held_out,against_hbb]"),
    f"+partitions.against_hbb={{samplers: [{AGAINST_HBB}]}}",
)


def test_one_class_against_the_rest_and_against_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("uproot")
    monkeypatch.setattr("saibench.datamodules.partition.MIN_VALIDATION", 4)
    momenta, _ = random_jets(240, seed=0, slots=60)
    number = np.arange(len(momenta)) % 3
    one_hot = {f"label_{name}": number == n for n, name in enumerate(CLASSES)}
    write_root(tmp_path / "jets.root", momenta, **one_hot)
    data = (f"data.root={tmp_path}", "data.train=[jets.root]", "data.signal=[Tbqq]")
    ended = train(tmp_path, *SETTINGS, *data)
    assert ended.status == 0, ended.err
    point = only_point(tmp_path)
    samples = polars.read_parquet(point / "samples.parquet")
    assert samples.filter(partition="against_hbb")["jet_class"].unique().sort().to_list() == [
        "Hbb",
        "Tbqq",
    ]
    for partition in ("held_out", "against_hbb"):
        rows = samples.filter(partition=partition)
        assert (rows["label"] == (rows["jet_class"] == "Tbqq").cast(int)).all()
        expected = roc_auc_score(rows["label"], rows["score"])
        assert read_metrics(point)[partition]["auc"]["value"] == pytest.approx(expected, abs=1e-6)
    record = read_record(point)
    assert "signal Tbqq" in json.dumps(record)
    assert record["data"]["signal_name"] == "Tbqq"
    assert read_metrics(point)["held_out"]["signal_accuracy"]["per"] == "Tbqq jet"
    by_class = polars.read_parquet(point / "by_class.parquet").filter(partition="held_out")
    score = by_class.pivot("class", index="sample_id", values="class_score").sort("sample_id")
    truth = samples.filter(partition="held_out").sort("sample_id")["jet_class"].to_numpy()
    areas = [roc_auc_score(truth == name, score[name]) for name in CLASSES]
    found = read_metrics(point)["held_out"]
    assert [found[f"auc_{name}"]["value"] for name in CLASSES] == pytest.approx(areas, abs=1e-6)
    assert found["auc_macro"]["value"] == pytest.approx(np.mean(areas), abs=1e-6)
    highest = np.array(CLASSES)[score.select(CLASSES).to_numpy().argmax(axis=1)]
    assert found["class_accuracy"]["value"] == pytest.approx((highest == truth).mean())
    assert read_metrics(point)["against_hbb"]["auc_QCD"]["value"] is None  # has no such jet
