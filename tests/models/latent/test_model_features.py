"""Features of a tested net: a plain loop, batches of any size, and what the test step returns."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from saibench.datamodules.force_field.batch import MoleculeBatch
from saibench.errors import UserError
from saibench.models.force_field.module import ForceFieldModule
from saibench.models.latent.features import LatentFeatures
from saibench.models.latent.fitting import fitted_features
from saibench.models.latent.space import LatentCapture, LatentLayer, LatentSpace

SPECIES = [0, 0, 2, 1, 1]
FACTS = {
    "type_names": ["C", "H", "N", "O"],  # the molecule has no oxygen
    "species": SPECIES,
    "avg_num_neighbors": 4.0,
    "force_rms": 1.0,
    "energy_mean": -300.0,
}
NEQUIP = {
    "_target_": "saibench.models.force_field.nets.nequip.NequIP",
    "dtype": "float64",
    "num_layers": 2,
    "l_max": 2,
    "parity": True,
    "num_features": 4,
    "radial_mlp_width": 8,
}
CARTESIAN = {
    "_target_": "saibench.models.force_field.nets.cartesian.CartesianMessagePassing",
    "dtype": "float64",
    "num_layers": 1,
    "num_features": 8,
}
ADAM = {"_target_": "torch.optim.Adam", "lr": 0.01}


def module(net: dict[str, object]) -> ForceFieldModule:
    return ForceFieldModule(net, ADAM, FACTS, {"energy": 1.0, "forces": 1.0}).eval()


def frames(count: int, seed: int = 0) -> MoleculeBatch:
    random = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=random, dtype=torch.float64)

    place = torch.tensor([[0, 0, 0], [1.5, 0, 0], [0, 1.5, 0], [0, 0, 1.5], [1.5, 1.5, 0]])
    return MoleculeBatch(
        torch.arange(count),
        place.double() + 0.15 * normal(count, 5, 3),
        torch.tensor(SPECIES),
        normal(count),
        normal(count, 5, 3),
        1.0,
    )


def values_of(model: ForceFieldModule, features: LatentFeatures, batch: MoleculeBatch) -> dict:
    with LatentCapture(features.space) as capture:
        model.test_step(batch, 0)
        return features.values(capture.read(len(batch.sample_id)))


def part_of(batch: MoleculeBatch, rows: slice) -> MoleculeBatch:
    return MoleculeBatch(
        batch.sample_id[rows],
        batch.positions[rows],
        batch.species,
        batch.energy[rows],
        batch.forces[rows],
        1.0,
    )


@pytest.mark.parametrize("net", [NEQUIP, CARTESIAN])
def test_values_of_a_frame_are_means_and_maxima_over_its_atoms(net: dict[str, object]) -> None:
    model, tested = module(net), frames(7, seed=1)
    features = fitted_features(model, [frames(20), frames(10, seed=2)])
    found = {name: value.numpy() for name, value in values_of(model, features, tested).items()}
    assert set(found) == {statistic.key for statistic in features.statistics()}
    for name in ("latent_distance", "latent_mahalanobis"):
        by_atom = found[f"atom/{name}"]
        assert by_atom.shape == (7, 5)
        np.testing.assert_allclose(found[name], by_atom.mean(axis=1), rtol=1e-12)
        np.testing.assert_allclose(found[f"{name}_max"], by_atom.max(axis=1), rtol=1e-12)
        for kind in range(4):
            atoms = [by_atom[:, i] for i, species in enumerate(SPECIES) if species == kind]
            expected = np.mean(atoms, axis=0) if atoms else np.full(7, np.nan)
            np.testing.assert_allclose(found[f"species/{name}"][:, kind], expected, rtol=1e-12)


@pytest.mark.parametrize("net", [NEQUIP, CARTESIAN])
def test_values_are_the_same_alone_and_in_a_batch(net: dict[str, object]) -> None:
    """In float64, the rounding of the standardised features is below 1e-9."""
    model, tested = module(net), frames(6, seed=1)
    features = fitted_features(model, [frames(30)])
    whole = values_of(model, features, tested)
    for number in range(6):
        alone = values_of(model, features, part_of(tested, slice(number, number + 1)))
        for name, value in alone.items():
            torch.testing.assert_close(
                value[0], whole[name][number], rtol=1e-8, atol=1e-6, equal_nan=True
            )


@torch.no_grad()
def test_energy_of_nequip_is_linear_in_what_its_last_layer_gets() -> None:
    model = module(NEQUIP)
    with LatentCapture(model.latent_space()) as capture:
        found = []
        for batch in (frames(40), frames(5, seed=1)):
            capture.clear()
            energy, _ = model(batch)
            found.append((capture.read(len(energy)).last.numpy(), energy.detach().numpy()))
    (training, energies), (tested, expected) = found
    weights, *_ = np.linalg.lstsq(training, energies, rcond=None)
    np.testing.assert_allclose(tested @ weights, expected, rtol=1e-6, atol=1e-6)


def test_latent_features_of_nequip_are_invariant() -> None:
    model, tested = module(NEQUIP), frames(4, seed=1)
    features = fitted_features(model, [frames(30)])
    rotation, _ = torch.linalg.qr(torch.randn(3, 3, dtype=torch.float64))
    moved = part_of(tested, slice(None))
    object.__setattr__(moved, "positions", tested.positions @ rotation.T + 3.0)
    plain, rotated = (values_of(model, features, batch) for batch in (tested, moved))
    for name, value in plain.items():
        torch.testing.assert_close(rotated[name], value, rtol=1e-7, atol=1e-6, equal_nan=True)


def test_the_capture_changes_no_statistic() -> None:
    model, batch = module(NEQUIP), frames(5)
    features = fitted_features(model, [frames(10)])
    before = model.test_step(batch, 0)
    with LatentCapture(features.space):
        within = model.test_step(batch, 0)
    after = model.test_step(batch, 0)
    for name, value in before.items():
        for other in (within, after):
            np.testing.assert_array_equal(other[name].detach(), value.detach())


def test_fitting_leaves_random_numbers_as_they_were() -> None:
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    fitted_features(module(NEQUIP), [frames(3)])
    assert torch.equal(torch.rand(2), expected)


def test_a_net_without_latent_layers_has_no_features() -> None:
    model = module(CARTESIAN)
    model.net = nn.Identity()
    assert fitted_features(model, [frames(3)]) is None


def test_a_model_without_training_samples_has_no_features() -> None:
    assert fitted_features(module(CARTESIAN), []) is None


def test_a_compiled_graph_has_no_latent_layers() -> None:
    assert module({**CARTESIAN}).latent_layers()
    assert not module({**NEQUIP, "compile": True}).latent_layers()


def test_only_the_first_forward_after_clear_is_read() -> None:
    layer = nn.Linear(2, 1)
    first, second = torch.randn(3, 2), torch.randn(3, 2)
    with LatentCapture(LatentSpace([LatentLayer(layer)], "")) as capture:
        layer(first)
        layer(second)
        assert torch.equal(capture.read(3).features[:, 0], first)
        capture.clear()
        layer(second)
        assert torch.equal(capture.read(3).features[:, 0], second)
    layer(first)
    assert not layer._forward_pre_hooks


def test_a_layer_with_other_rows_is_refused() -> None:
    layer = nn.Linear(2, 1)
    space = LatentSpace([LatentLayer(layer)], "")
    with LatentCapture(space) as capture:
        with pytest.raises(UserError, match=r"latent_layers\(\).*nothing"):
            capture.read(3)
        layer(torch.randn(4, 2))
        with pytest.raises(UserError, match=r"Linear.*\(4, 2\)"):
            capture.read(3)
