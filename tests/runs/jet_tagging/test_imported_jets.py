"""Jets with scores that were made elsewhere have the metrics of scikit-learn and of their net."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars
import pytest
import torch
from command_line import Ended, saibench
from jet_files import random_jets
from sklearn.metrics import accuracy_score, roc_auc_score
from torch import Tensor

from saibench.datamodules.jet_tagging.batch import JetBatch
from saibench.errors import UserError
from saibench.evidence.run_record import read_metrics, read_record
from saibench.models.jet_tagging.module import JetTaggingModule
from saibench.runs.jet_tagging.scores import read_scores

pytestmark = pytest.mark.usefixtures("without_page")
JETS = 120
OTHER = "b_oc.env_HOME"
"""Name of a model whose column has HTML and an interpolation."""


def imported(folder: Path, *arguments: str) -> Ended:
    options = ("--set", "trainer.accelerator=cpu", "trainer.progress=false")
    return saibench(folder, "import", *arguments, "-o", "outputs/jets", *options)


def write_jets(path: Path, **scores: np.ndarray) -> np.ndarray:
    """A file of jets with these scores; their labels."""
    momenta, label = random_jets(JETS, seed=1, slots=70)
    np.savez(path, jets=momenta, label=label, **scores)
    return label


def log_odds(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=JETS)


def test_metrics_are_those_of_scikit_learn(tmp_path: Path) -> None:
    logit = log_odds(0)
    score = 1 / (1 + np.exp(-log_odds(1)))
    hostile = {"score_<b>${oc.env:HOME}": score}
    label = write_jets(tmp_path / "jets.npz", logit_ParT=logit, **hostile)
    write_jets(tmp_path / "train.npz")
    ended = imported(tmp_path, "jets.npz", "--training", "train.npz")
    assert ended.status == 0, ended.err
    runs = {}
    for path in (tmp_path / "outputs" / "jets").glob("*/run.json"):
        runs[read_record(path.parent)["settings"]["model.name"]] = path.parent
    assert set(runs) == {"ParT", OTHER}
    for model, values in (("ParT", 1 / (1 + np.exp(-logit))), (OTHER, score)):
        samples = polars.read_parquet(runs[model] / "samples.parquet").sort("sample_id")
        # the ids of the training jets, here the same jets, come first
        assert samples["sample_id"].to_list() == list(range(JETS, 2 * JETS))
        assert samples["label"].to_list() == label.tolist()
        assert samples["score"].to_numpy() == pytest.approx(values, abs=1e-14)
        assert samples["energy_deviation"].is_finite().all()
        found = read_metrics(runs[model])["imported"]
        assert found["auc"]["value"] == pytest.approx(roc_auc_score(label, values), abs=1e-12)
        assert found["accuracy"]["value"] == pytest.approx(accuracy_score(label, values > 0.5))
        assert (runs[model] / "jets.npz").is_file(), "saved jets for the report"


class Sums(torch.nn.Module):
    def forward(self, momenta: Tensor, mask: Tensor) -> Tensor:
        return momenta[..., :2].mul(mask[..., None]).sum(1).double()


def test_statistics_are_those_of_the_net(tmp_path: Path) -> None:
    """Value for value, for any order of the jets in a batch."""
    ids = torch.tensor([40, 7, 12])
    batch = JetBatch(ids, torch.rand(3, 5, 4), torch.ones(3, 5, dtype=torch.bool), ids % 2)
    path = tmp_path / "predictions.npz"
    order = [2, 0, 1]
    logits = Sums()(batch.momenta, batch.mask)[order]
    np.savez(path, sample_id=ids[order].numpy(), logits=logits.numpy())
    target = "saibench.models.external.predictions.Predictions"
    stored: dict[str, Any] = {"_target_": target, "file": str(path), "name": "mine"}
    modules = [
        JetTaggingModule(net, None, {}, "mine", steps=0)
        for net in (stored, {"_target_": f"{__name__}.Sums"})
    ]
    own, expected = (module.test_step(batch, 0) for module in modules)
    assert own.keys() == expected.keys()
    assert all(torch.equal(own[name], expected[name]) for name in expected)


NAN = np.where(np.arange(JETS) == 5, np.nan, 0.5)
HALF = np.full(JETS, 0.5)


@pytest.mark.parametrize(
    ("scores", "arguments", "words"),
    [
        ({"score": NAN}, (), ("'score'", "row 5", "NaN")),
        ({"score": 3 * HALF}, (), ("'score'", "row 0", "1.5", "probability")),
        ({"score": HALF[:-1]}, (), ("'score'", "119", "120")),
        ({"mass": HALF}, (), ("no scores", "mass", "--prediction-prefix")),
        ({"score": HALF}, ("--prediction-prefix", "ParT_"), ("ParT_", "score")),
        ({"score": HALF}, ("--reference-prefix", "REF_"), ("--reference-prefix", "jet_tagging")),
        ({"score": HALF}, ("--predictions", "jets.csv"), ("jets.csv",)),
    ],
)
def test_mistakes_are_refused(
    tmp_path: Path,
    scores: dict[str, np.ndarray],
    arguments: tuple[str, ...],
    words: tuple[str, ...],
) -> None:
    write_jets(tmp_path / "jets.npz", **scores)
    (tmp_path / "jets.csv").write_text("score\n0.5\n")
    ended = imported(tmp_path, "jets.npz", *arguments)
    assert ended.status == 2, ended.out
    last = ended.err.strip().splitlines()[-1]
    assert all(word in last for word in words), last
    assert not (tmp_path / "outputs").exists()


def test_scores_of_another_file_are_matched_by_id(tmp_path: Path) -> None:
    path = tmp_path / "scores.npz"
    values = np.linspace(0.1, 0.9, 5)
    np.savez(path, sample_id=np.arange(5)[::-1], score_ParT=values)
    (found,) = read_scores(path, [])
    np.testing.assert_array_equal(found.of_jets(np.arange(5), path), values[::-1])
    for ids in (np.zeros(5, int), np.arange(5) + 1000):
        np.savez(path, sample_id=ids, score_ParT=values)
        (found,) = read_scores(path, [])
        with pytest.raises(UserError, match=r"scores.npz: sample_id .* 0 to 4"):
            found.of_jets(np.arange(5), path)
