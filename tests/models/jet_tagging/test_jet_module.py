"""The loss, the scores and the metrics of a tagger, against NumPy and PyTorch."""

from __future__ import annotations

import math
import warnings
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from lightning import Trainer
from made_jets import made_jets, rotated_jets
from scipy import stats
from sklearn.metrics import roc_auc_score
from torch import Tensor, nn

from saibench.datamodules.jet_tagging.transforms import BeamRotations
from saibench.errors import UserError
from saibench.evidence import writer
from saibench.models.jet_tagging.module import JetTaggingModule, decay_groups
from saibench.models.jet_tagging.statistics import angle_labels, jet_metrics

NET = {
    "_target_": "saibench.models.jet_tagging.nets.particle_transformer.ParticleTransformer",
    "embed_dims": [8, 8],
    "pair_embed_dims": [4],
    "num_heads": 2,
    "num_layers": 1,
    "num_cls_layers": 1,
}
RANGER = {"_target_": "saibench.models.optim.ranger.Ranger", "lr": 0.01, "weight_decay": 0.01}
ADAMW = {"_target_": "torch.optim.AdamW", "lr": 0.01}
SETTINGS = {"net": NET, "optimizer": RANGER, "name": "test"}


class Known(nn.Module):
    """Returns these logits for any input."""

    def __init__(self, logits: Tensor) -> None:
        super().__init__()
        self.logits = logits

    def forward(self, momenta: Tensor, mask: Tensor) -> Tensor:
        return self.logits


class Direction(nn.Module):
    """Scores a jet by the direction of its momentum, so scores depend on the rotation."""

    def __init__(self, offset: float = 0.0) -> None:
        super().__init__()
        self.offset = offset

    def forward(self, momenta: Tensor, mask: Tensor) -> Tensor:
        _, px, py, _ = momenta.sum(dim=1).unbind(-1)
        return torch.stack([px / torch.hypot(px, py) + self.offset, torch.zeros_like(px)], dim=-1)


def made(**settings: object) -> JetTaggingModule:
    module = JetTaggingModule(NET, RANGER, {}, "test", **settings)
    module.log = lambda *_, **__: None
    return module


def logits(jets: int, seed: int = 0) -> Tensor:
    return 2 * torch.randn(jets, 2, generator=torch.Generator().manual_seed(seed))


def test_loss_is_the_mean_cross_entropy_of_the_first_logit_for_a_top_jet() -> None:
    module, batch = made(), made_jets(jets=8)
    module.net = Known(logits(8))
    z, label = logits(8).double().numpy(), batch.label.numpy()
    chosen = np.where(label == 1, z[:, 0], z[:, 1])
    expected = np.mean(np.log(np.exp(z).sum(axis=1)) - chosen)
    assert module.training_step(batch, 0).item() == pytest.approx(expected, rel=1e-6)


def test_statistics_of_a_jet_are_those_of_numpy() -> None:
    module, batch = made(), made_jets(jets=8)
    module.net = Known(logits(8))
    found = module.test_step(batch, 0)
    z = logits(8).double().numpy()
    odds = z[:, 0] - z[:, 1]
    np.testing.assert_allclose(found["logit"], odds, rtol=1e-12)
    np.testing.assert_allclose(found["score"], 1 / (1 + np.exp(-odds)), rtol=1e-12)
    other = np.minimum(found["score"], 1 - found["score"].numpy())
    np.testing.assert_allclose(found["least_confidence"], other, rtol=1e-9)
    np.testing.assert_array_equal(found["correct"], (odds > 0) == (batch.label.numpy() == 1))
    error = np.abs(found["score"].numpy() - batch.label.numpy())
    np.testing.assert_allclose(found["score_error"], error, rtol=1e-9)
    np.testing.assert_array_equal(error > 0.5, found["correct"] == 0)
    assert {s.key for s in module.statistics()} == set(found)
    writer.checked_values(module.statistics(), arrays(found, batch))


def test_disagreement_of_a_committee_is_the_deviation_of_its_log_odds() -> None:
    module = made()
    predictions = [logits(7, seed) for seed in range(3)]
    found = module.committee_spread(predictions, None)
    assert list(found) == [one.key for one in module.committee_statistics()]
    log_odds = torch.stack(predictions).double().numpy()
    expected = (log_odds[..., 0] - log_odds[..., 1]).std(axis=0, ddof=1)
    np.testing.assert_allclose(found["committee_std"].numpy(), expected, rtol=1e-12)


def arrays(found: dict[str, Tensor], batch) -> dict[str, np.ndarray]:
    return {"sample_id": batch.sample_id.numpy(), **{k: v.numpy() for k, v in found.items()}}


def test_a_net_that_diverged_is_an_error() -> None:
    module, batch = made(), made_jets(jets=8)
    module.net = Known(torch.full((8, 2), math.nan))
    with pytest.raises(RuntimeError, match=r"correct .*8 of 8"):
        found = arrays(module.test_step(batch, 0), batch)
        writer.checked_values(module.statistics()[2:], found)


ANGLES = torch.arange(36) * math.radians(5)


def during_rotation_test(module: JetTaggingModule) -> JetTaggingModule:
    """The module during a test of a partition of rotated jets."""
    evaluation = SimpleNamespace(transform=BeamRotations(step_degrees=5, count=36))
    module._trainer = SimpleNamespace(datamodule=SimpleNamespace(passes=lambda: [evaluation]))
    return module


def test_jets_are_scored_at_every_angle() -> None:
    module, batch = made(), BeamRotations().apply(made_jets(jets=6))
    module.net = Direction()
    found = module.test_step(batch, 0)
    momentum = batch.momenta.double().sum(dim=1).numpy()
    phi = np.arctan2(momentum[:, 2], momentum[:, 1])
    odds = np.cos(phi[:, None] + ANGLES.numpy())
    np.testing.assert_allclose(found["angle/score"], 1 / (1 + np.exp(-odds)), rtol=1e-5)
    np.testing.assert_allclose(found["logit"], odds[:, 0], atol=1e-6)
    np.testing.assert_allclose(found["angle/logit"], odds, atol=1e-6)
    spread = np.ptp(1 / (1 + np.exp(-odds)), axis=1)
    np.testing.assert_allclose(found["score_range"], spread, atol=1e-6)
    statistics = during_rotation_test(module).statistics()
    assert {statistic.key for statistic in statistics} == set(found)
    assert statistics[-1].axis.labels == tuple(range(0, 180, 5))


@pytest.mark.parametrize("features", ["kinematic", "raw"])
def test_scores_by_angle_equal_scores_of_rotated_jets(features: str) -> None:
    batch = made_jets(jets=6, angles=ANGLES[:4])
    batch = replace(batch, momenta=batch.momenta.double())  # a pair's mass is a small difference
    module = JetTaggingModule({**NET, "features": features}, RANGER, {}, "test").eval().double()
    with torch.no_grad():
        scores = module.test_step(batch, 0)["angle/score"]
        for position, angle in enumerate(ANGLES[:4].tolist()):
            z = module.net(rotated_jets(batch.momenta, angle), batch.mask).double()
            expected = (z[:, 0] - z[:, 1]).sigmoid()
            torch.testing.assert_close(scores[:, position], expected, rtol=0, atol=2e-5)
    spread = (scores.amax(1) - scores.amin(1)).max().item()
    assert spread < 2e-5 if features == "kinematic" else spread > 2e-4


def test_metrics_of_a_partition_are_those_of_scikit_learn() -> None:
    module, batch = made(), made_jets(jets=200, constituents=4, angles=ANGLES)
    module.net = Direction()
    found = arrays(module.test_step(batch, 0), batch)
    label = batch.label.numpy()
    metrics = writer.partition_metrics(
        during_rotation_test(module).partition_metrics(), found | {"label": label}
    )
    assert metrics["auc"]["value"] == pytest.approx(roc_auc_score(label, found["logit"]), rel=1e-12)
    classified_as_top = found["logit"] > 0
    for name, of in (("signal_accuracy", 1), ("background_accuracy", 0)):
        expected = np.mean(classified_as_top[label == of] == of)
        assert metrics[name]["value"] == pytest.approx(expected, rel=1e-12)
    for position, degrees in enumerate(range(0, 180, 5)):
        scores = found["angle/score"][:, position]
        area = roc_auc_score(label, scores)
        assert metrics[f"auc_{degrees}"]["value"] == pytest.approx(area, rel=1e-12)
        right = np.mean((scores > 0.5) == (label == 1))
        assert metrics[f"accuracy_{degrees}"]["value"] == pytest.approx(right, rel=1e-12)
    threshold = np.quantile(found["logit"][label == 1], 0.7, method="higher")
    rejection = 1 / np.mean(found["logit"][label == 0] >= threshold)
    assert metrics["rejection_30"]["value"] == pytest.approx(rejection, rel=0.1)


def test_jets_whose_scores_are_equal_are_ranked_by_their_logits() -> None:
    module, batch = made(), made_jets(jets=200, constituents=4, angles=ANGLES[:2])
    module.net = Direction(98.8)
    found = arrays(module.test_step(batch, 0), batch)
    assert (found["angle/score"] == 1).all()
    label = batch.label.numpy()
    metrics = writer.partition_metrics(jet_metrics((0, 5)), found | {"label": label})
    for name, logits in (("auc", found["logit"]), ("auc_5", found["angle/logit"][:, 1])):
        area = roc_auc_score(label, logits)
        assert area != 0.5
        assert metrics[name]["value"] == pytest.approx(area, rel=1e-12)


def test_a_partition_of_one_class_has_an_accuracy_but_no_auc() -> None:
    module, batch = made(), made_jets(jets=8)
    module.net = Known(logits(8))
    found = arrays(module.test_step(batch, 0), batch) | {"label": np.ones(8, dtype=int)}
    metrics = writer.partition_metrics(module.partition_metrics(), found)
    assert metrics["auc"]["value"] is None and metrics["auc"]["count"] == 8
    assert metrics["rejection_50"]["value"] is None
    assert metrics["background_accuracy"]["value"] is None
    assert metrics["signal_accuracy"]["value"] is not None


def test_labels_of_angles_are_integers_if_all_are_whole_degrees() -> None:
    assert angle_labels(5, 4) == (0, 5, 10, 15)
    assert angle_labels(2.5, 3) == ("0", "2.5", "5")


def test_biases_norms_scales_and_the_class_token_have_no_weight_decay() -> None:
    module = made()
    decaying, others = (set(group["params"]) for group in decay_groups(module.net))
    names = {weights: name for name, weights in module.net.named_parameters()}
    assert set(names) == decaying | others
    assert not decaying & others
    assert all(weights.ndim > 1 for weights in decaying)
    assert {names[w] for w in others if w.ndim > 1} == {"mod.cls_token"}
    assert module.configure_optimizers().param_groups[1]["weight_decay"] == 0


ROUND = [made_jets(jets=8, constituents=6, seed=seed) for seed in range(3)]
"""Batches of an epoch, half as many as Ranger's `k`."""


def trained(folder: Path, epochs: int, last: Path | None = None) -> JetTaggingModule:
    """A module with dropout after some epochs, resumed from `last` if it is given."""
    module = JetTaggingModule({**NET, "dropout": 0.5}, RANGER, {}, "test")
    trainer = Trainer(
        max_epochs=epochs,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        default_root_dir=folder,
    )
    trainer.fit(
        module,
        train_dataloaders=torch.utils.data.DataLoader(ROUND, batch_size=None),
        val_dataloaders=torch.utils.data.DataLoader(ROUND[:2], batch_size=None),
        ckpt_path=last,
        weights_only=True,
    )
    trainer.save_checkpoint(folder / f"{epochs}.ckpt")
    return module


@pytest.mark.filterwarnings("ignore")
def test_resumed_training_with_dropout_equals_uninterrupted_training(tmp_path: Path) -> None:
    straight = trained(tmp_path, 3)
    trained(tmp_path, 1)
    torch.manual_seed(99)  # the state of the global generator does not matter
    resumed = trained(tmp_path, 3, last=tmp_path / "1.ckpt")
    start = JetTaggingModule({**NET, "dropout": 0.5}, RANGER, {}, "test")
    for name, weights in straight.net.state_dict().items():
        torch.testing.assert_close(
            resumed.net.state_dict()[name], weights, rtol=1e-5, atol=1e-7, msg=name
        )
    assert not torch.equal(straight.net.mod.fc[0].weight, start.net.mod.fc[0].weight)


@pytest.mark.filterwarnings("ignore")
def test_validation_reports_loss_accuracy_and_area(tmp_path: Path) -> None:
    module = trained(tmp_path, 2)
    found = {name: float(value) for name, value in module.trainer.callback_metrics.items()}
    with torch.no_grad():
        z = torch.cat([module.eval()(batch) for batch in ROUND[:2]])
    label = torch.cat([batch.label for batch in ROUND[:2]])
    loss = nn.functional.cross_entropy(z, 1 - label).item()
    odds = (z[:, 0] - z[:, 1]).double().numpy()
    right = np.mean((odds > 0) == (label.numpy() == 1))
    assert found["val/loss"] == pytest.approx(loss, rel=1e-5)
    assert found["val/accuracy"] == pytest.approx(right, rel=1e-6)
    area = roc_auc_score(label, np.floor((odds + 20) / 0.01))
    assert found["val/auc"] == pytest.approx(area, rel=1e-6)


@pytest.mark.parametrize(("offset", "warns"), [(0.0, False), (1e4, True)])
def test_an_inaccurate_auc_gives_one_warning(offset: float, warns: bool) -> None:
    module, batch = made(), made_jets(jets=60, constituents=4)
    module.net = Known(logits(60) + torch.tensor([offset, 0.0]))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for _ in range(2):
            module.on_validation_epoch_start()
            module.validation_step(batch, 0)
            module.on_validation_epoch_end()
    assert len([one for one in caught if "val/auc" in str(one.message)]) == warns


@pytest.mark.parametrize(
    ("settings", "max_steps", "named"),
    [
        ({"checkpoint": "nowhere.pt"}, 10, r"model\.checkpoint=nowhere\.pt"),
        ({"fresh_head": True}, 10, r"model\.fresh_head=true .*model\.checkpoint"),
        ({"fresh_head": True, "checkpoint": __file__}, 0, r"model\.fresh_head=true .*max_steps=0"),
        ({}, 0, r"trainer\.max_steps=0 .*model=test"),
        ({"optimizer": {**RANGER, "k": 0}}, 10, r"model\.optimizer .*k=0"),
        ({"net": {**NET, "num_heads": 3}}, 10, r"model\.net\b"),
    ],
)
def test_invalid_settings_are_refused(settings: dict, max_steps: int, named: str) -> None:
    JetTaggingModule.check({**SETTINGS, "optimizer": ADAMW}, max_steps=10)
    with pytest.raises(UserError, match=named):
        JetTaggingModule.check({**SETTINGS, **settings}, max_steps)


def test_an_infinite_rejection_has_a_lower_limit() -> None:
    """No QCD jet of n passes: 1 / the upper limit of the efficiency at 95 %."""
    label = np.repeat([1, 0], [5, 300])
    columns = {"logit": np.where(label == 1, 2.0, -2.0), "label": label}
    rejection = writer.partition_metrics(made().partition_metrics(), columns)["rejection_50"]
    share = stats.binomtest(0, 300, alternative="less").proportion_ci(0.95).high
    assert rejection["value"] is None
    assert rejection["above"] == pytest.approx(1 / share)
