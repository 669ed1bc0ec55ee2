"""The loss and the statistics of a force field, against the same in NumPy."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from saibench.datamodules.force_field.batch import MoleculeBatch
from saibench.datamodules.force_field.transforms import RandomRotation
from saibench.models.force_field.module import ForceFieldModule

SPECIES = torch.tensor([0, 0, 2, 1, 1])
FACTS = {
    "type_names": ["C", "H", "O"],
    "species": SPECIES.tolist(),
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


class Known(nn.Module):
    """Predicts the same whatever it is given, but for turned forces."""

    def __init__(self, energy: Tensor, forces: Tensor) -> None:
        super().__init__()
        self.energy, self.forces = energy, forces

    def forward(self, positions: Tensor, species: Tensor) -> tuple[Tensor, Tensor]:
        return self.energy, self.forces


def made(
    frames: int = 4, weight: float = 0.25, **settings: object
) -> tuple[ForceFieldModule, MoleculeBatch]:
    generator = torch.Generator().manual_seed(0)

    def random(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    module = ForceFieldModule(NET, ADAM, FACTS, {"energy": 2.0, "forces": 30.0}, **settings)
    module.net = Known(random(frames), random(frames, 5, 3))
    batch = MoleculeBatch(
        sample_id=torch.arange(10, 10 + frames),
        positions=random(frames, 5, 3),
        species=SPECIES,
        energy=random(frames),
        forces=random(frames, 5, 3),
        sample_weight=weight,
    )
    return module, batch


def test_loss_is_the_weighted_mean_square_of_energies_and_force_components() -> None:
    module, batch = made()
    module.log = lambda *_, **__: None
    energy = (module.net.energy - batch.energy).numpy()
    force = (module.net.forces - batch.forces).numpy()
    expected = 2.0 * np.mean(energy**2) + 30.0 * np.mean(force**2)
    assert module.training_step(batch, 0).item() == pytest.approx(expected, rel=1e-12)


def test_loss_of_absolute_errors_is_of_energies_and_lengths_of_forces() -> None:
    module, batch = made(loss_of="absolute")
    module.log = lambda *_, **__: None
    energy = (module.net.energy - batch.energy).numpy()
    force = (module.net.forces - batch.forces).numpy()
    expected = 2.0 * np.mean(np.abs(energy)) + 30.0 * np.mean(np.linalg.norm(force, axis=2))
    assert module.training_step(batch, 0).item() == pytest.approx(expected, rel=1e-12)


def test_statistics_of_a_frame_are_those_of_numpy() -> None:
    module, batch = made()
    found = {name: values.numpy() for name, values in module.test_step(batch, 0).items()}
    energy = 1000 * (module.net.energy - batch.energy).numpy()
    force = 1000 * (module.net.forces - batch.forces).numpy()
    component, length = np.abs(force).mean(axis=2), np.linalg.norm(force, axis=2)
    expected = {
        "energy_error": energy,
        "energy_error_per_atom": energy / 5,
        "force_mae": component.mean(axis=1),
        "force_error_norm": length.mean(axis=1),
        "species/force_mae": np.stack(
            [component[:, SPECIES.numpy() == kind].mean(axis=1) for kind in range(3)], axis=1
        ),
        "species/force_error_norm": np.stack(
            [length[:, SPECIES.numpy() == kind].mean(axis=1) for kind in range(3)], axis=1
        ),
        "atom/force_mae": component,
        "atom/force_error_norm": length,
    }
    assert found.keys() == expected.keys()
    for name, values in expected.items():
        np.testing.assert_allclose(found[name], values, rtol=1e-10, err_msg=name)


def test_statistics_that_a_test_returns_are_those_that_are_described() -> None:
    module, batch = made()
    turn = RandomRotation(seed=0)
    turned = MoleculeBatch(
        **{**batch.__dict__, "transform": turn, "original": batch, "sample_weight": 0.0}
    )
    described = {statistic.key: statistic for statistic in module.statistics()}
    assert module.test_step(turned, 0).keys() == described.keys()
    for key, values in module.test_step(turned, 0).items():
        axis = described[key].axis
        assert values.shape == ((4,) if axis is None else (4, len(axis.labels))), key


def test_equivariance_error_compares_turned_forces_with_forces_of_the_turned_frame() -> None:
    """This net ignores its input: its forces should have turned and did not."""
    module, batch = made()
    turn = RandomRotation(seed=0)
    turned = MoleculeBatch(**{**batch.__dict__, "transform": turn, "original": batch})
    matrices = turn.matrices(batch.sample_id.numpy())
    forces = module.net.forces.numpy()
    should = np.einsum("bij,baj->bai", matrices, forces)
    expected = 1000 * np.abs(forces - should).mean(axis=(1, 2))
    found = module.test_step(turned, 0)["equivariance_error"]
    np.testing.assert_allclose(found, expected, rtol=1e-10)


def test_validation_loss_weighs_every_frame_alike_whatever_its_batch() -> None:
    module, batch = made(frames=4)
    whole = module.frame_losses(module.net.energy, module.net.forces, batch).mean().item()
    energy, forces = module.net.energy, module.net.forces
    module.on_validation_epoch_start()
    for part in (slice(0, 3), slice(3, 4)):
        module.net = Known(energy[part], forces[part])
        module.validation_step(
            MoleculeBatch(
                batch.sample_id[part],
                batch.positions[part],
                SPECIES,
                batch.energy[part],
                batch.forces[part],
                0.0,
            ),
            0,
        )
    assert module.validation_loss.compute().item() == pytest.approx(whole, rel=1e-6)


def test_validation_loss_that_is_no_number_stays_none() -> None:
    module, _ = made()
    module.validation_loss.update(torch.tensor([1.0, float("nan")]))
    assert module.validation_loss.compute().isnan()


def test_seed_alone_decides_the_initial_weights() -> None:
    nets = [
        ForceFieldModule(NET, ADAM, FACTS, {"energy": 1.0, "forces": 1.0}, seed=seed).net
        for seed in (1, 1, 2)
    ]
    one, again, other = (dict(net.state_dict()) for net in nets)
    torch.testing.assert_close(one, again, rtol=0, atol=0)
    assert any(not torch.equal(one[name], other[name]) for name in one)
