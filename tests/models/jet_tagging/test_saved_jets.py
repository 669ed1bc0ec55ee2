"""The jets that a run saves for its report, and their values."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from made_jets import made_jets
from torch import Tensor, nn

from saibench.evidence.jet_tagging.class_names import TOP_AND_QCD
from saibench.evidence.jet_tagging.saved_jets import SavedJets
from saibench.models.jet_tagging.classes import JetClasses
from saibench.models.jet_tagging.saved_jets import choose_jets, saved_jets
from saibench.models.saved_samples import CHOSEN, save_samples

JETS = 40


class Tagger(nn.Module):
    """Scores a jet by the sample's id."""

    device = torch.device("cpu")
    classes = JetClasses()

    def forward(self, batch) -> Tensor:
        odds = (batch.sample_id - 110).double() / 10
        return torch.stack([odds, torch.zeros_like(odds)], dim=1)


class Data:
    """The part of the data module that is used."""

    class_names = TOP_AND_QCD

    def __init__(self, save_samples: list[int] | None = None) -> None:
        self.jets = made_jets(JETS)
        self.index = pl.DataFrame({"sample_id": self.jets.sample_id.numpy()})
        self.save_samples = save_samples

    def reported_partition(self, tested: list[str]) -> str:
        (only,) = tested
        return only

    def saved_rows(self) -> np.ndarray | None:
        return None if self.save_samples is None else np.array(self.save_samples, dtype=int)

    def batch_of(self, rows: np.ndarray):
        jets, chosen = self.jets, torch.from_numpy(rows)
        return type(jets)(
            sample_id=jets.sample_id[chosen],
            momenta=jets.momenta[chosen],
            mask=jets.mask[chosen],
            label=jets.label[chosen],
        )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A run with random scores."""
    jets = made_jets(JETS)
    logit = np.random.default_rng(0).normal(size=JETS)
    pl.DataFrame(
        {
            "partition": ["held_out"] * JETS,
            "sample_id": jets.sample_id.numpy(),
            "label": jets.label.numpy(),
            "logit": logit,
            "correct": ((logit > 0) == (jets.label.numpy() == 1)).astype(float),
        }
    ).write_parquet(tmp_path / "samples.parquet")
    return tmp_path


def test_most_wrong_and_typical_jets_of_each_class_are_saved(folder: Path) -> None:
    save_samples(folder, Tagger(), Data(), choose_jets, saved_jets)
    saved = {jet.why: jet for jet in SavedJets.read(folder / SavedJets.FILE)}
    rows = pl.read_parquet(folder / "samples.parquet")
    for label, name in ((1, "top"), (0, "QCD")):
        own = rows.filter(label=label).sort("logit")
        worst = own[0 if label else -1]["sample_id"].item()
        assert saved[f"most confidently wrong {name} jet"].sample_id == worst
        middle = own[len(own) // 2]["sample_id"].item()
        assert saved[f"typical {name} jet, of median score"].sample_id == middle
    assert {jet.label for jet in saved.values()} == {0, 1}


def test_a_class_without_a_wrong_jet_has_none(folder: Path) -> None:
    path = folder / "samples.parquet"
    pl.read_parquet(path).with_columns(correct=pl.lit(1.0)).write_parquet(path)
    save_samples(folder, Tagger(), Data(), choose_jets, saved_jets)
    reasons = [jet.why[:7] for jet in SavedJets.read(folder / SavedJets.FILE)]
    assert reasons == ["typical", "typical"]


def test_chosen_jets_are_saved_with_score_and_constituents(folder: Path) -> None:
    data = Data(save_samples=[7, 3])
    save_samples(folder, Tagger(), data, choose_jets, saved_jets)
    jets = list(SavedJets.read(folder / SavedJets.FILE))
    assert [jet.sample_id for jet in jets] == [107, 103]
    assert {jet.why for jet in jets} == {CHOSEN}
    assert jets[0].score == pytest.approx(1 / (1 + np.exp(0.3)))
    momenta = data.jets.momenta[7][data.jets.mask[7]].double().numpy()
    _, px, py, _ = momenta.T
    total = momenta.sum(axis=0)
    phi = np.arctan2(py, px) - np.arctan2(total[2], total[1])
    np.testing.assert_allclose(jets[0].pt, np.hypot(px, py))
    np.testing.assert_allclose(np.exp(1j * jets[0].phi), np.exp(1j * phi))
    eta = [np.arctanh(one[3] / np.linalg.norm(one[1:])) for one in (*momenta, total)]
    np.testing.assert_allclose(jets[0].eta, np.array(eta[:-1]) - eta[-1], atol=1e-9)
    assert (np.abs(jets[0].phi) <= np.pi).all()
