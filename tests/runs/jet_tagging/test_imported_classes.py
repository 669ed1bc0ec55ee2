"""Scores per class in files of jets are models of several classes, with scikit-learn's AUC."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars
import pytest
from command_line import saibench
from jet_files import random_jets
from jet_formats import write_parquet, write_root
from sklearn.metrics import roc_auc_score

from saibench.errors import UserError
from saibench.evidence.run_record import read_metrics, read_record
from saibench.runs.jet_tagging.scores import LOGIT, read_scores

pytestmark = pytest.mark.usefixtures("without_page")
CLASSES = ("QCD", "Tbqq", "Hbb")
JETS = 60
RNG = np.random.default_rng(3)
LABEL = RNG.integers(0, 3, JETS)
SCORES = {"jets": RNG.dirichlet([1, 1, 1], JETS), "PN": RNG.dirichlet([2, 1, 1], JETS)}


def columns(**scores: np.ndarray) -> dict[str, np.ndarray]:
    """Labels of JetClass, and by a prefix of weaver's scores those of the classes."""
    found = {f"label_{name}": (number == LABEL) * 1.0 for number, name in enumerate(CLASSES)}
    for prefix, values in scores.items():
        for number, name in enumerate(CLASSES):
            found[f"{prefix}score_label_{name}"] = values[:, number]
    return found


@pytest.mark.parametrize("name", ["jets.root", "jets.parquet"])
def test_each_set_of_scores_is_a_model(tmp_path: Path, name: str) -> None:
    momenta, _ = random_jets(JETS, seed=1, slots=70)
    write = write_root if name.endswith("root") else write_parquet
    write(tmp_path / name, momenta, **columns(**{"": SCORES["jets"], "PN_": SCORES["PN"]}))
    options = ("data.signal=[Hbb,Tbqq]", "trainer.accelerator=cpu", "trainer.progress=false")
    ended = saibench(tmp_path, "import", name, "-o", "outputs/mine", "--set", *options)
    assert ended.status == 0, ended.err
    runs = [path.parent for path in (tmp_path / "outputs" / "mine").glob("*/run.json")]
    models = {read_record(run)["settings"]["model.name"]: run for run in runs}
    assert models.keys() == SCORES.keys()
    for model, run in models.items():
        values, found = SCORES[model], read_metrics(run)["imported"]
        expected = {
            "auc": roc_auc_score(LABEL > 0, 1 - values[:, 0]),
            "auc_macro": roc_auc_score(LABEL, values, multi_class="ovr"),
            "class_accuracy": float((values.argmax(axis=1) == LABEL).mean()),
            **{
                f"auc_{one}": roc_auc_score(number == LABEL, values[:, number])
                for number, one in enumerate(CLASSES)
            },
        }
        assert {key: found[key]["value"] for key in expected} == pytest.approx(expected, abs=1e-12)
        by_class = polars.read_parquet(run / "by_class.parquet").sort("sample_id")
        for number, one in enumerate(CLASSES):
            scores = by_class.filter(polars.col("class") == one)["class_score"].to_numpy()
            np.testing.assert_allclose(scores, values[:, number], atol=1e-12)


def test_an_array_of_scores_has_a_column_per_class(tmp_path: Path) -> None:
    """Classes of a label of numbers are ascending, as in scikit-learn's `predict_proba`."""
    momenta, _ = random_jets(JETS, seed=1, slots=70)
    arrays = {"momenta": momenta, "label": LABEL, "score": SCORES["jets"]}
    np.savez(tmp_path / "jets.npz", **arrays)
    options = ("data.signal=[1,2]", "trainer.accelerator=cpu", "trainer.progress=false")
    ended = saibench(tmp_path, "import", "jets.npz", "-o", "outputs/mine", "--set", *options)
    assert ended.status == 0, ended.err
    (run,) = (path.parent for path in (tmp_path / "outputs" / "mine").glob("*/run.json"))
    found = read_metrics(run)["imported"]["auc_macro"]["value"]
    expected = roc_auc_score(LABEL, SCORES["jets"], multi_class="ovr")
    assert found == pytest.approx(expected, abs=1e-12)


def test_an_array_of_other_classes_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "scores.npz", score=SCORES["jets"][:, :2])
    for prefixes in ((), ("score",)):
        with pytest.raises(UserError, match=r"'score' has 2 columns.*3 classes"):
            read_scores(tmp_path / "scores.npz", prefixes, CLASSES)


def test_an_array_that_is_not_named_by_the_prefix_may_have_any_columns(tmp_path: Path) -> None:
    other = SCORES["jets"][:, :2]
    np.savez(tmp_path / "scores.npz", ParT=SCORES["jets"], logits_of_parts=other)
    (found,) = read_scores(tmp_path / "scores.npz", ("ParT",), CLASSES)
    np.testing.assert_array_equal(found.values, SCORES["jets"])


def test_scores_of_two_classes_are_those_of_the_signal(tmp_path: Path) -> None:
    momenta, label = random_jets(JETS, seed=1, slots=70)
    top = RNG.uniform(size=JETS)
    named = {"label_QCD": 1 - label, "label_top": label, "score_QCD": 1 - top, "score_top": top}
    write_root(tmp_path / "jets.root", momenta, **{key: one * 1.0 for key, one in named.items()})
    options = ("data.signal=[top]", "trainer.accelerator=cpu", "trainer.progress=false")
    ended = saibench(tmp_path, "import", "jets.root", "-o", "outputs/mine", "--set", *options)
    assert ended.status == 0, ended.err
    (run,) = (path.parent for path in (tmp_path / "outputs" / "mine").glob("*/run.json"))
    samples = polars.read_parquet(run / "samples.parquet").sort("sample_id")
    np.testing.assert_allclose(samples["score"].to_numpy(), top, atol=1e-12)
    auc = read_metrics(run)["imported"]["auc"]["value"]
    assert auc == pytest.approx(roc_auc_score(label, top), abs=1e-12)


def write_scores(path: Path, **scores: np.ndarray) -> Path:
    polars.DataFrame(scores).write_parquet(path)
    return path


def test_a_class_without_scores_is_refused(tmp_path: Path) -> None:
    half = np.full(4, 0.5)
    path = write_scores(tmp_path / "s.parquet", score_QCD=half, score_label_Hbb=half)
    with pytest.raises(UserError, match=r"s.parquet .*score_QCD.*class Tbqq"):
        read_scores(path, [], CLASSES)


def test_probabilities_that_do_not_sum_to_one_are_refused_by_row(tmp_path: Path) -> None:
    third = np.full(4, 1 / 3)
    other = np.array([1 / 3, 1 / 3, 0.9, 1 / 3])
    path = write_scores(tmp_path / "s.parquet", prob_QCD=third, prob_Tbqq=third, prob_Hbb=other)
    with pytest.raises(UserError, match=r"s.parquet: prob_QCD.* row 2"):
        read_scores(path, [], CLASSES)


def test_logits_and_prefixes_of_any_name(tmp_path: Path) -> None:
    logits = {f"ParT_logit_{name}": np.arange(4.0) + n for n, name in enumerate(CLASSES)}
    others = {f"mine.{name}": np.full(4, 1 / 3) for name in reversed(CLASSES)}
    path = write_scores(tmp_path / "s.parquet", **logits, **others)
    (found,) = read_scores(path, [], CLASSES)
    assert (found.model, found.kind, found.classes) == ("ParT", LOGIT, CLASSES)
    np.testing.assert_array_equal(found.values, np.stack(list(logits.values()), axis=1))
    (found,) = read_scores(path, ["mine."], CLASSES)
    assert found.columns == tuple(f"mine.{name}" for name in CLASSES)
