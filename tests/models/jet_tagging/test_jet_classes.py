"""Scores and metrics of a tagger of several classes are those of scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score

from saibench.datamodules.jet_tagging.batch import JetBatch
from saibench.models.jet_tagging.classes import JetClasses, class_metrics, class_statistics

NAMES = ("QCD", "Hbb", "Tbqq", "Tbl")
CLASSES = JetClasses(NAMES, signal=("Tbqq", "Tbl"))
COUNT = 200


@pytest.fixture
def logits() -> torch.Tensor:
    return torch.randn(COUNT, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def batch() -> JetBatch:
    jet_class = torch.arange(COUNT) % 4
    empty = torch.zeros(COUNT, 1)
    return JetBatch(
        torch.arange(COUNT), empty, empty, (jet_class > 1).long(), 0.0, jet_class=jet_class
    )


def test_log_odds_are_of_the_summed_probabilities(logits: torch.Tensor) -> None:
    p = logits.softmax(dim=1).numpy()
    expected = np.log((p[:, 2] + p[:, 3]) / (p[:, 0] + p[:, 1]))
    np.testing.assert_allclose(CLASSES.log_odds(logits), expected, atol=1e-12)
    two = JetClasses(("signal", "background"), signal=("signal",))
    np.testing.assert_allclose(
        two.log_odds(logits[:, :2]), JetClasses().log_odds(logits[:, :2]), atol=1e-12
    )


def test_areas_are_those_of_scikit_learn(logits: torch.Tensor, batch: JetBatch) -> None:
    scores = {name: value.numpy() for name, value in CLASSES.scores(logits, batch).items()}
    p, truth = logits.softmax(dim=1).numpy(), batch.jet_class
    np.testing.assert_allclose(scores["class/class_score"], p)
    np.testing.assert_allclose(scores["class/class_logit"], np.log(p / (1 - p)), atol=1e-9)
    found = {one.name: one.entry(scores)["value"] for one in class_metrics(NAMES)}
    expected = roc_auc_score(truth, p, multi_class="ovr", average=None)
    assert [found[f"auc_{name}"] for name in NAMES] == pytest.approx(list(expected))
    assert found["auc_macro"] == pytest.approx(roc_auc_score(truth, p, multi_class="ovr"))
    assert scores["class_correct"].mean() == (p.argmax(axis=1) == truth.numpy()).mean()


def test_a_net_of_two_classes_has_no_further_statistics(
    logits: torch.Tensor, batch: JetBatch
) -> None:
    assert not JetClasses().scores(logits[:, :2], batch)
    assert not class_statistics(()) and not class_metrics(())
    assert torch.equal(JetClasses().targets(batch), 1 - batch.label)
