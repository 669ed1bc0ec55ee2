"""Forecasts of nets and fitted models: shapes, equivariance, exact fits, rollouts that blow up."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from saibench.config.reported import check_built
from saibench.datamodules.field_dynamics.batch import FieldBatch
from saibench.errors import UserError
from saibench.models.field_dynamics.module import FieldDynamicsModule
from saibench.models.field_dynamics.nets.baselines import MeanField, Persistence, ZeroField
from saibench.models.field_dynamics.nets.echo_state import EchoStateNetwork
from saibench.models.field_dynamics.nets.linear import LinearPropagator
from saibench.models.field_dynamics.nets.mlp import MLP
from saibench.models.field_dynamics.nets.unet import UNet

NETS = "saibench.models.field_dynamics.nets"


def info(**changes) -> dict:
    return {
        "channels": ["u"], "grid": [16], "lengths": [1.0], "time_step": 0.5, "trajectories": 2,
        "frames": 9, "parameters": ["mu"], "has_lyapunov_time": True, "start": 0.0, "history": 1,
        "leads": 4, "mean": [0.3], "std": [2.0], "parameter_mean": [1.0], "parameter_std": [0.5],
    } | changes  # fmt: skip


def module(target: str, **changes) -> FieldDynamicsModule:
    net = {"_target_": f"{NETS}.{target}"}
    return FieldDynamicsModule(net, info(**changes), "net", steps=0)


def batch(samples: int = 3, leads: int = 4, grid: tuple[int, ...] = (16,)) -> FieldBatch:
    generator = torch.Generator().manual_seed(0)
    return FieldBatch(
        sample_id=torch.arange(samples),
        observed=torch.randn(samples, 1, 1, *grid, generator=generator),
        target=torch.randn(samples, leads, 1, *grid, generator=generator),
        parameters=torch.ones(samples, 1),
        lyapunov_time=torch.full((samples,), 2.0),
        weight=0.0,
    )


def test_baselines_predict_in_the_unit_of_the_data() -> None:
    given = batch()
    still = module("baselines.Persistence")(given)
    torch.testing.assert_close(still, given.observed.expand(-1, 4, -1, -1))
    torch.testing.assert_close(module("baselines.MeanField")(given), torch.full_like(still, 0.3))
    zeros = module("baselines.ZeroField")(given)
    torch.testing.assert_close(zeros, torch.zeros_like(still), atol=1e-6, rtol=0)
    for net in (Persistence(), MeanField(), ZeroField()):
        assert not list(net.parameters())


def test_statistics_have_the_declared_shapes_and_parts_sum_to_the_error() -> None:
    tested = module("baselines.Persistence")
    values = tested.test_step(batch(), 0)
    for one in tested.statistics():
        assert values[one.key].shape == (3, *(one.axis.shape if one.axis else ())), one.key
    parts = values["lead/amplitude_part"] + values["lead/phase_part"]
    torch.testing.assert_close(parts, values["lead/mse"])
    assert values["valid_time"].max() <= 4 * 0.5 / 2.0


def test_the_residual_of_the_equation_is_that_of_data_which_state_it() -> None:
    def residuals(**changes) -> Tensor | None:
        tested = module("baselines.Persistence", **changes)
        is_declared = "pde_residual" in {one.name for one in tested.statistics()}
        values = tested.test_step(batch(), 0)
        assert is_declared == ("pde_residual" in values)
        return values.get("pde_residual")

    known = {"name": "kuramoto_sivashinsky"}
    found = residuals(equation=known)
    assert found is not None
    assert ((found > 0.5) & (found < 3**0.5)).all()  # nothing changes, and much should
    assert residuals() is residuals(equation=None) is residuals(equation=known, leads=1) is None
    with pytest.raises(UserError, match="kuramoto_sivashinsky"):
        residuals(equation={"name": "kuramoto_sivashinski"})


def test_a_rollout_that_blows_up_has_no_finite_error() -> None:
    class Exploding(nn.Module):
        def forward(self, fields: Tensor, parameters: Tensor) -> Tensor:
            return 1e30 * fields[:, -1].square()

    tested = module("baselines.Persistence")
    tested.net = Exploding()
    values = tested.test_step(batch(), 0)
    assert not values["relative_l2"].isfinite().any()
    assert (values["valid_time"] == 0).all()
    tested.validation_step(batch(), 0)
    assert tested.validation_loss.compute().isfinite()  # or training would end as diverged


@pytest.mark.parametrize("grid", [(32,), (16, 16)])
def test_a_unet_is_equivariant_to_translations_of_its_coarsest_cells(grid: tuple[int, ...]) -> None:
    net = UNet(width=4, depth=2, grid=grid, parameters=("mu",), seed=1)
    fields, mu = torch.randn(2, 1, 1, *grid), torch.ones(2, 1)
    moved = net(torch.roll(fields, 4, dims=-1), mu)
    torch.testing.assert_close(moved, torch.roll(net(fields, mu), 4, dims=-1))
    with pytest.raises(UserError, match="multiples of 8"):
        UNet(depth=3, grid=(12,))
    with pytest.raises(UserError, match="model=mlp"):
        UNet(grid=())


def test_an_fno_is_equivariant_to_translations_without_the_coordinates_of_the_grid() -> None:
    pytest.importorskip("neuralop")
    from saibench.models.field_dynamics.nets.fno import FNO

    fields, none = torch.randn(2, 1, 1, 32), torch.empty(2, 0)
    errors = {}
    for embedding in (False, True):
        net = FNO(modes=8, width=8, layers=2, grid=(32,), grid_embedding=embedding)
        assert all(isinstance(value, Tensor) for value in net.state_dict().values())
        with torch.no_grad():
            moved = net(torch.roll(fields, 5, dims=-1), none)
            expected = torch.roll(net(fields, none), 5, dims=-1)
        errors[embedding] = float((moved - expected).norm() / expected.norm())
    assert errors[False] < 1e-5 < errors[True]


def test_an_fno_predicts_on_a_finer_grid() -> None:
    pytest.importorskip("neuralop")
    from saibench.models.field_dynamics.nets.fno import FNO

    net, x = FNO(modes=4, width=8, layers=1, grid=(32,)), torch.arange(64) / 64
    fine = torch.cos(2 * torch.pi * x).view(1, 1, 1, -1)
    coarse = net(fine[..., ::2], torch.empty(1, 0))
    found = net(fine, torch.empty(1, 0))[..., ::2]
    assert found.shape == coarse.shape
    assert (found - coarse).norm() < 0.1 * coarse.norm()


def test_a_linear_propagator_is_fitted_exactly() -> None:
    """Advection and decay of waves, on a grid and in two dimensions; a rotation without a grid."""
    for grid in ((16,), (8, 8)):
        fields = torch.randn(40, 1, 1, *grid, dtype=torch.float64)
        frame = 0.9 * torch.roll(fields[:, 0], 2, dims=-1) + 0.5
        net = LinearPropagator(ridge=0.0, grid=grid)
        net.accumulate(fields, torch.empty(40, 0), frame)
        net.solve()
        torch.testing.assert_close(net(fields, torch.empty(40, 0)), frame, atol=1e-8, rtol=1e-8)
    rotation = torch.tensor([[0.0, -1.0], [1.0, 0.0]], dtype=torch.float64)
    fields = torch.randn(10, 1, 2, dtype=torch.float64)
    net = LinearPropagator(ridge=0.0, channels=("x", "y"), grid=())
    net.accumulate(fields, torch.empty(10, 0), fields[:, 0] @ rotation.T)
    net.solve()
    torch.testing.assert_close(net(fields, torch.empty(10, 0)), fields[:, 0] @ rotation.T)


def test_sums_of_batches_give_the_fit_of_all_samples() -> None:
    fields, frame = torch.randn(30, 3, 2), torch.randn(30, 2)
    found = []
    for parts in ([slice(0, 30)], [slice(0, 7), slice(7, 30)]):
        net = EchoStateNetwork(units=20, channels=("x", "y"), history=3, ridge=1e-3)
        for part in parts:
            net.accumulate(fields[part], torch.empty(0), frame[part])
        net.solve()
        found.append(net.weights)
    torch.testing.assert_close(*found)


def test_an_echo_state_network_has_its_spectral_radius_and_ridge_solution() -> None:
    net = EchoStateNetwork(units=50, radius=0.7, channels=("x",), history=2, ridge=1e-6)
    radius = np.abs(np.linalg.eigvals(net.inner.double().numpy())).max()
    assert radius == pytest.approx(0.7, rel=1e-5)
    fields = torch.randn(200, 2, 1)
    frame = torch.randn(200, 1)
    net.accumulate(fields, torch.empty(0), frame)
    net.solve()
    features = net._features(fields).numpy()
    added = 1e-6 * (features**2).sum() / features.shape[1] * np.eye(features.shape[1])
    expected = np.linalg.solve(features.T @ features + added, features.T @ frame.double().numpy())
    np.testing.assert_allclose(features @ net.weights.numpy(), features @ expected, atol=1e-6)


def test_a_perceptron_predicts_systems_without_a_grid() -> None:
    net = MLP(width=8, layers=2, channels=("x", "y", "z"), parameters=("rho",), history=2)
    assert net(torch.randn(4, 2, 3), torch.ones(4, 1)).shape == (4, 3)


def test_a_headline_may_name_any_lead_of_a_long_forecast() -> None:
    """Of 60 leads every second has a metric; pages show that of the nearest lead."""
    net = {"_target_": f"{NETS}.baselines.Persistence"}
    target = "saibench.models.field_dynamics.module.FieldDynamicsModule"
    model = {"_target_": target, "name": "persistence", "seed": 0, "steps": 0, "net": net}
    settings = {"model": model, "partitions": {}, "workload": {"headline": ["vrmse_7"]}}
    check_built(settings, info(leads=60), headline=True)
    settings["workload"] = {"headline": ["vrmse_61"]}
    with pytest.raises(UserError, match="vrmse_61"):
        check_built(settings, info(leads=60), headline=True)
