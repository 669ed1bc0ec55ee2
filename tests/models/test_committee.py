"""A committee of snapshots: what is kept, how it is used, and its spread against NumPy."""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import pytest
import torch
from lightning import LightningModule, Trainer
from torch import Tensor, nn

from saibench.datamodules.force_field.batch import MoleculeBatch
from saibench.models.committee import (
    Snapshots,
    committee_predictions,
    exchanged,
    snapshots_of,
)
from saibench.models.force_field.module import ForceFieldModule

SPECIES = [0, 0, 2, 1, 1]
FACTS = {
    "type_names": ["C", "H", "O"],
    "species": SPECIES,
    "avg_num_neighbors": 4.0,
    "force_rms": 1.0,
    "energy_mean": -300.0,
}
NET = {
    "_target_": "saibench.models.force_field.nets.cartesian.CartesianMessagePassing",
    "dtype": "float64",
    "num_layers": 1,
    "num_features": 4,
}
ADAM = {"_target_": "torch.optim.Adam", "lr": 0.01}


class Line(LightningModule):
    """Fits a line; logs its weights at each validation."""

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Linear(1, 1)
        self.validated: list[Tensor] = []

    def forward(self, batch: Tensor) -> Tensor:
        return self.net(batch)

    def training_step(self, batch: Tensor, batch_idx: int) -> Tensor:
        return (self(batch) - 3 * batch).square().mean()

    def validation_step(self, batch: Tensor, batch_idx: int) -> None:
        self.validated.append(self.net.weight.detach().clone())

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.05)


def trained(folder: Path, epochs: int, *, resume: Path | None = None) -> tuple[Line, Trainer]:
    module, batches = Line(), torch.arange(1.0, 9.0).reshape(-1, 2, 1) / 8
    trainer = Trainer(
        max_epochs=epochs,
        callbacks=[Snapshots(3)],
        default_root_dir=folder,
        accelerator="cpu",
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    loader = torch.utils.data.DataLoader(batches, batch_size=None)
    one = torch.utils.data.DataLoader(batches[:1], batch_size=None)
    trainer.fit(module, loader, one, ckpt_path=resume, weights_only=True)
    return module, trainer


def test_the_last_validated_weights_are_kept_also_by_a_resumed_training(tmp_path: Path) -> None:
    torch.manual_seed(0)
    first, trainer = trained(tmp_path / "a", 2)
    trainer.save_checkpoint(tmp_path / "two.ckpt")
    second, trainer = trained(tmp_path / "b", 4, resume=tmp_path / "two.ckpt")
    trainer.save_checkpoint(tmp_path / "four.ckpt")
    every = [*first.validated[-2:], *second.validated[-2:]]
    for name, expected in (("two", every[:2]), ("four", every[1:])):
        kept = snapshots_of(tmp_path / f"{name}.ckpt", second)
        found = torch.stack([weights["net.weight"] for weights in kept])
        assert torch.equal(found, torch.stack(expected))
    assert torch.equal(every[-1], second.net.weight), "the last is the checkpoint's own"


def test_a_checkpoint_without_snapshots_has_no_committee(tmp_path: Path) -> None:
    torch.save({"state_dict": Line().state_dict()}, tmp_path / "old.ckpt")
    assert snapshots_of(tmp_path / "old.ckpt", Line()) == []


def made(members: int = 4) -> tuple[ForceFieldModule, list[dict[str, Tensor]], MoleculeBatch]:
    def module(seed: int) -> ForceFieldModule:
        return ForceFieldModule(NET, ADAM, FACTS, {"energy": 1.0, "forces": 1.0}, seed=seed).eval()

    random = torch.Generator().manual_seed(0)
    positions = 1.5 * torch.randn(6, 5, 3, generator=random, dtype=torch.float64)
    batch = MoleculeBatch(
        torch.arange(6), positions, torch.tensor(SPECIES), torch.zeros(6), 0 * positions, 1.0
    )
    own = module(0)
    others = [dict(module(seed + 1).named_parameters()) for seed in range(members - 1)]
    return own, [*others, dict(own.named_parameters())], batch


def test_spread_is_the_standard_deviation_of_the_members_forces() -> None:
    module, members, batch = made()
    predictions = committee_predictions(module, members, batch)
    forces = 1000 * torch.stack([forces for _, forces in predictions]).numpy()
    variance = forces.var(axis=0, ddof=1)
    found = {
        name: value.numpy() for name, value in module.committee_spread(predictions, batch).items()
    }
    assert set(found) == {statistic.key for statistic in module.committee_statistics()}
    by_atom = np.sqrt(variance.mean(axis=2))
    np.testing.assert_allclose(found["committee_std"], np.sqrt(variance.mean(axis=(1, 2))))
    np.testing.assert_allclose(found["atom/committee_std"], by_atom)
    of_carbon = by_atom[:, :2].mean(axis=1)
    np.testing.assert_allclose(found["species/committee_std"][:, 0], of_carbon)


def test_members_predict_as_modules_with_their_weights() -> None:
    module, members, batch = made()
    own = copy.deepcopy(module.state_dict())
    predictions = committee_predictions(module, members, batch)
    for member, (energy, forces) in zip(members, predictions, strict=True):
        alone = copy.deepcopy(module)
        alone.load_state_dict({**own, **member})
        expected = alone(batch)
        assert torch.equal(energy, expected[0])
        assert torch.equal(forces, expected[1])
    known = committee_predictions(module, members, batch, own=module(batch))
    assert torch.equal(known[-1][1], predictions[-1][1])
    assert all(torch.equal(value, own[name]) for name, value in module.state_dict().items())


def test_weights_are_restored_after_an_error() -> None:
    module, members, _ = made()
    own = copy.deepcopy(module.state_dict())
    with pytest.raises(RuntimeError, match="stop"), exchanged(module, members[0]):
        assert not torch.equal(module.net.readout[0].weight, own["net.readout.0.weight"])
        raise RuntimeError("stop")
    assert all(torch.equal(value, own[name]) for name, value in module.state_dict().items())
