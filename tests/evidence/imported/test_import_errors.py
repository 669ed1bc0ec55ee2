"""The errors of imported predictions agree with NumPy's formulas and with scikit-learn."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars
import pytest
from sklearn import metrics as sklearn_metrics

from saibench.evidence import from_arrays, from_dataframe
from saibench.evidence.reader import StudyEvidence

N = 300
RNG = np.random.default_rng(0)
TRUTH = RNG.normal(size=N)
PREDICTION = TRUTH + RNG.normal(0.3, 1.0, size=N)
LABEL = RNG.integers(0, 2, size=N)
SCORE = np.clip(0.3 * LABEL + RNG.uniform(0, 0.7, size=N), 0, 1).round(2)  # with ties


def values(study: Path, partition: str = "test") -> dict[str, float]:
    (path,) = study.glob("*/metrics.json")
    entries = json.loads(path.read_text())[partition]
    assert {entry["count"] for entry in entries.values()} == {N}
    return {name: entry["value"] for name, entry in entries.items()}


def test_errors_of_a_number(tmp_path: Path) -> None:
    study = from_arrays(tmp_path / "s", truth=TRUTH, prediction=PREDICTION, unit="eV")
    error = PREDICTION - TRUTH
    assert values(study) == pytest.approx(
        {
            "mae": np.abs(error).mean(),
            "rmse": np.sqrt((error**2).mean()),
            "bias": error.mean(),
        },
        rel=1e-12,
    )
    evidence = StudyEvidence.load(study)
    np.testing.assert_array_equal(evidence.samples["error"].to_numpy(), error)
    assert (evidence.units["error"]["unit"], evidence.units["truth"]["known"]) == ("eV", "after")
    assert evidence.units["prediction"]["known"] == "before"


def test_scores_of_two_classes(tmp_path: Path) -> None:
    study = from_arrays(tmp_path / "s", label=LABEL, score=SCORE)
    assert values(study) == pytest.approx(
        {
            "accuracy": sklearn_metrics.accuracy_score(LABEL, SCORE > 0.5),
            "auc": sklearn_metrics.roc_auc_score(LABEL, SCORE),
            "log_loss": sklearn_metrics.log_loss(LABEL, SCORE),
            "brier": sklearn_metrics.brier_score_loss(LABEL, SCORE),
        },
        rel=1e-9,
    )


def test_a_score_of_the_first_class_is_that_of_the_other_reversed(tmp_path: Path) -> None:
    words = np.where(LABEL == 1, "top", "qcd")
    table = polars.DataFrame({"label": words, "score_qcd": 1 - SCORE})
    found = values(from_dataframe(table, tmp_path / "s"))
    assert found["auc"] == pytest.approx(1 - sklearn_metrics.roc_auc_score(LABEL, 1 - SCORE))


def test_scores_of_three_classes(tmp_path: Path) -> None:
    label = RNG.integers(0, 3, size=N)
    scores = RNG.dirichlet([1, 1, 1], size=N)
    study = from_arrays(tmp_path / "s", label=label, score=scores)
    one_hot = np.eye(3)[label]
    assert values(study) == pytest.approx(
        {
            "accuracy": sklearn_metrics.accuracy_score(label, scores.argmax(axis=1)),
            "log_loss": sklearn_metrics.log_loss(label, scores),
            "brier": ((scores - one_hot) ** 2).sum(axis=1).mean(),
            "auc_macro": sklearn_metrics.roc_auc_score(label, scores, multi_class="ovr"),
            **{
                f"auc_{one}": sklearn_metrics.roc_auc_score(label == one, scores[:, one])
                for one in range(3)
            },
        },
        rel=1e-9,
    )


def test_predicted_classes_without_scores(tmp_path: Path) -> None:
    names = np.array(["cat", "dog", "bird"])
    label, predicted = names[RNG.integers(0, 3, (2, N))]
    study = from_arrays(tmp_path / "s", label=label, predicted_label=predicted)
    assert values(study) == {"accuracy": pytest.approx((label == predicted).mean())}


def test_whole_and_fractional_labels_are_of_the_same_classes(tmp_path: Path) -> None:
    label, predicted = RNG.integers(0, 2, (2, N)) / np.array([[2], [1]])  # 0, 0.5 and 0, 1
    study = from_arrays(tmp_path / "s", label=label, predicted_label=predicted)
    assert values(study) == {"accuracy": pytest.approx((label == predicted).mean())}


def test_errors_computed_elsewhere(tmp_path: Path) -> None:
    study = from_arrays(
        tmp_path / "s",
        error={"force_mae": np.abs(TRUTH), "drift": TRUTH},
        units={"force_mae": "meV/Å"},
    )
    assert values(study) == pytest.approx(
        {
            "force_mae": np.abs(TRUTH).mean(),
            "drift_mean_abs": np.abs(TRUTH).mean(),
            "drift_mean": TRUTH.mean(),
        }
    )


def test_several_quantities(tmp_path: Path) -> None:
    table = polars.DataFrame(
        {
            "energy_true [eV]": TRUTH,
            "energy_pred [eV]": PREDICTION,
            "charge_true": -TRUTH,
            "charge_pred": -PREDICTION,
        }
    )
    found = values(from_dataframe(table, tmp_path / "s"))
    assert found["energy_mae"] == found["charge_mae"]
    assert found["energy_bias"] == pytest.approx(-found["charge_bias"])


def test_models_in_columns_and_models_in_rows_are_the_same_runs(tmp_path: Path) -> None:
    """`REF_energy`, `MACE_energy`, `CHGNet_energy` against a column of models."""
    wide = polars.DataFrame(
        {"id": range(N), "REF_energy": TRUTH, "MACE_energy": PREDICTION, "CHGNet_energy": -TRUTH}
    )
    long = wide.unpivot(
        on=["MACE_energy", "CHGNet_energy"],
        index=["id", "REF_energy"],
        variable_name="model",
        value_name="energy_pred",
    ).with_columns(polars.col("model").str.strip_suffix("_energy"))
    found = []
    for name, table in (("wide", wide), ("long", long)):
        evidence = StudyEvidence.load(from_dataframe(table, tmp_path / name))
        found.append(
            {
                evidence.records[point]["model"]: metrics["test"]["energy_mae"]["value"]
                for point, metrics in evidence.metrics.items()
            }
        )
    assert found[0] == found[1]
    assert found[0] == {
        "MACE": pytest.approx(np.abs(PREDICTION - TRUTH).mean()),
        "CHGNet": pytest.approx(np.abs(2 * TRUTH).mean()),
    }


def test_an_undefined_truth_is_not_counted(tmp_path: Path) -> None:
    truth = np.where(np.arange(N) < 20, np.nan, TRUTH)
    table = polars.DataFrame({"y_true": truth, "y_pred": PREDICTION})
    schema = {"columns": {"y_true": {"role": "truth", "missing": "undefined"}}}
    study = from_dataframe(table, tmp_path / "s", schema)
    (path,) = study.glob("*/metrics.json")
    entry = json.loads(path.read_text())["test"]["mae"]
    assert entry["count"] == N - 20
    assert entry["value"] == pytest.approx(np.abs(PREDICTION - TRUTH)[20:].mean())
