"""The loss and the statistics of a force field, against NumPy."""

from __future__ import annotations

from dataclasses import replace

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
    """Predicts these energies and forces for any input."""

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


@pytest.mark.parametrize("loss_of", ["squared", "absolute"])
def test_loss_is_the_weighted_mean_error_of_energies_and_forces(loss_of: str) -> None:
    module, batch = made(loss_of=loss_of)
    module.log = lambda *_, **__: None
    energy = (module.net.energy - batch.energy).numpy()
    force = (module.net.forces - batch.forces).numpy()
    expected = {
        "squared": 2.0 * np.mean(energy**2) + 30.0 * np.mean(force**2),
        "absolute": 2.0 * np.mean(np.abs(energy)) + 30.0 * np.mean(np.linalg.norm(force, axis=2)),
    }
    assert module.training_step(batch, 0).item() == pytest.approx(expected[loss_of], rel=1e-12)


def test_statistics_of_a_frame_are_those_of_numpy() -> None:
    module, batch = made()
    found = {name: values.numpy() for name, values in module.test_step(batch, 0).items()}
    energy = 1000 * (module.net.energy - batch.energy).numpy()
    force = 1000 * (module.net.forces - batch.forces).numpy()
    component, length = np.abs(force).mean(axis=2), np.linalg.norm(force, axis=2)
    expected = {
        "predicted_energy": 1000 * module.net.energy.numpy(),
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
    defined = {f"{statistic.key}.defined" for statistic in module.statistics() if statistic.partial}
    assert found.keys() == expected.keys() | defined
    assert all(found[name].all() for name in defined)
    for name, values in expected.items():
        np.testing.assert_allclose(found[name], values, rtol=1e-10, err_msg=name)


def test_test_step_returns_the_declared_statistics() -> None:
    module, batch = made()
    rotated = replace(batch, transform=RandomRotation(seed=0), original=batch)
    declared = {statistic.key: statistic for statistic in module.statistics()}
    declared |= {one.defined_key: one for one in module.statistics() if one.partial}
    assert module.test_step(rotated, 0).keys() == declared.keys()
    for key, values in module.test_step(rotated, 0).items():
        axis = declared[key].axis
        assert values.shape == ((4,) if axis is None else (4, len(axis.labels))), key


def test_frames_without_forces_have_undefined_force_errors() -> None:
    module, batch = made()
    known = torch.tensor([True, False, True, False])
    found = module.test_step(replace(batch, has_forces=known), 0)
    assert found["force_mae.defined"].tolist() == known.tolist()
    assert found["atom/force_mae.defined"].shape == found["atom/force_mae"].shape
    assert found["atom/force_mae.defined"].all(dim=1).tolist() == known.tolist()


def test_equivariance_error_compares_rotated_forces_with_forces_of_the_rotated_frame() -> None:
    """This net ignores its input, so its forces are not rotated."""
    module, batch = made()
    rotation = RandomRotation(seed=0)
    rotated = replace(batch, transform=rotation, original=batch)
    matrices = rotation.matrices(batch.sample_id.numpy())
    forces = module.net.forces.numpy()
    equivariant = np.einsum("bij,baj->bai", matrices, forces)
    expected = 1000 * np.abs(forces - equivariant).mean(axis=(1, 2))
    found = module.test_step(rotated, 0)["equivariance_error"]
    np.testing.assert_allclose(found, expected, rtol=1e-10)


def test_validation_loss_weights_every_frame_equally_in_any_batch() -> None:
    module, batch = made()
    whole = module.frame_losses(module.net.energy, module.net.forces, batch).mean().item()
    energy, forces = module.net.energy, module.net.forces
    module.on_validation_epoch_start()
    for part in (slice(0, 3), slice(3, 4)):
        module.net = Known(energy[part], forces[part])
        of_part = {
            name: getattr(batch, name)[part]
            for name in ("sample_id", "positions", "energy", "forces")
        }
        module.validation_step(replace(batch, **of_part), 0)
    assert module.validation_loss.compute().item() == pytest.approx(whole, rel=1e-6)


def test_nan_in_the_validation_loss_is_kept() -> None:
    module, _ = made()
    module.validation_loss.update(torch.tensor([1.0, float("nan")]))
    assert module.validation_loss.compute().isnan()


def test_initial_weights_depend_on_the_seed() -> None:
    nets = [
        ForceFieldModule(NET, ADAM, FACTS, {"energy": 1.0, "forces": 1.0}, seed=seed).net
        for seed in (1, 1, 2)
    ]
    one, again, other = (dict(net.state_dict()) for net in nets)
    torch.testing.assert_close(one, again, rtol=0, atol=0)
    assert any(not torch.equal(one[name], other[name]) for name in one)
