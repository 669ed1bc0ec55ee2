"""Predictions that weaver wrote to ROOT are a table of scores, one per class, with labels."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import polars
import pytest
from command_line import saibench
from sklearn.metrics import roc_auc_score
from weaver.train import save_root

from saibench.errors import UserError
from saibench.evidence import from_dataframe
from saibench.evidence.run_record import read_metrics

CLASSES = ("QCD", "Tbqq", "Hbb")
JETS = 150
RNG = np.random.default_rng(0)
LABEL = RNG.integers(0, 3, JETS)
SCORES = RNG.dirichlet([1, 1, 1], JETS)


def write_predictions(path: Path, prefix: str) -> None:
    """What `weaver --predict` writes: labels, scores, the number of the class and observers."""
    config = SimpleNamespace(
        label_type="simple",
        label_value=[f"{prefix}{name}" for name in CLASSES],
        label_names=["_label_"],
    )
    save_root(None, str(path), config, SCORES, {"_label_": LABEL}, {"jet_pt": 9 * SCORES[:, 0]})


@pytest.mark.parametrize("prefix", ["label_", "jet_is_"])
def test_each_class_has_an_auc_against_all_others(tmp_path: Path, prefix: str) -> None:
    write_predictions(tmp_path / "pred.root", prefix)
    ended = saibench(tmp_path, "import", "pred.root", "-o", "outputs/mine")
    assert ended.status == 0, ended.err
    (run,) = (path.parent for path in (tmp_path / "outputs" / "mine").glob("*/run.json"))
    found = read_metrics(run)["test"]
    names = CLASSES if prefix == "label_" else [f"{prefix}{name}" for name in CLASSES]
    for number, name in enumerate(names):
        expected = roc_auc_score(number == LABEL, SCORES[:, number])
        assert found[f"auc_{name}"]["value"] == pytest.approx(expected, abs=1e-12)
    expected = roc_auc_score(LABEL, SCORES, multi_class="ovr")
    assert found["auc_macro"]["value"] == pytest.approx(expected, abs=1e-12)
    samples = polars.read_parquet(run / "samples.parquet").sort("sample_id")
    np.testing.assert_array_equal(samples["jet_pt"].to_numpy(), 9 * SCORES[:, 0])


def test_a_row_of_two_classes_is_refused(tmp_path: Path) -> None:
    columns = {
        f"{prefix}{name}": values[:, number]
        for prefix, values in (("", np.eye(3)[LABEL]), ("score_", SCORES))
        for number, name in enumerate(CLASSES)
    }
    columns["QCD"] = np.where(np.arange(JETS) == 4, 1.0, columns["QCD"])
    columns["Hbb"] = np.where(np.arange(JETS) == 4, 1.0, columns["Hbb"])
    with pytest.raises(UserError, match=r"row 5 .*2 classes.*QCD"):
        from_dataframe(polars.DataFrame(columns), tmp_path / "s")
