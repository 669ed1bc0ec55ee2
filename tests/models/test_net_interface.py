"""A net of another signature or output shape is refused, for every workload."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from saibench.datamodules.force_field.batch import MoleculeBatch
from saibench.datamodules.jet_tagging.batch import JetBatch
from saibench.datamodules.nowcasting.batch import RainBatch
from saibench.errors import UserError
from saibench.models.force_field.module import ForceFieldModule
from saibench.models.jet_tagging.module import JetTaggingModule
from saibench.models.nowcasting.module import NowcastingModule

ADAM = {"_target_": "torch.optim.Adam", "lr": 0.01}
IDS = torch.arange(3)
JETS = JetBatch(IDS, torch.ones(3, 5, 4), torch.ones(3, 5, dtype=torch.bool), IDS % 2)
FRAMES = MoleculeBatch(
    IDS, torch.rand(3, 4, 3), torch.zeros(4, dtype=torch.long), torch.zeros(3).double(),
    torch.zeros(3, 4, 3), 1 / 3,
)  # fmt: skip
RAIN = RainBatch(
    IDS, torch.rand(3, 9, 32, 32), torch.rand(3, 20, 32, 32),
    torch.ones(3, 20, 32, 32, dtype=torch.bool), pixel_km=2.0,
)  # fmt: skip


class Net(nn.Module):
    """A net that returns the value of an expression, without a seed or data set as arguments."""

    def __init__(self, returns: str) -> None:
        super().__init__()
        self.returns = returns

    def forward(self, first: Any, second: Any) -> Any:
        return eval(self.returns, {"torch": torch, "np": np})


class OneInput(Net):
    def forward(self, first: Any) -> Any:  # type: ignore[override]
        return super().forward(first, None)


def of(kind: str, returns: str, net: type = Net) -> tuple[Any, Any]:
    """A module of a workload with such a net, and a batch of it."""
    node = {"_target_": f"{net.__module__}.{net.__qualname__}", "returns": returns}
    if kind == "jets":
        return JetTaggingModule(node, ADAM, {}, "mine"), JETS
    if kind == "frames":
        dataset_info = {
            "type_names": ["H"], "species": [0] * 4, "avg_num_neighbors": 1.0, "force_rms": 1.0,
            "energy_mean": 0.0,
        }  # fmt: skip
        return ForceFieldModule(node, ADAM, dataset_info, {"energy": 1.0, "forces": 1.0}), FRAMES
    return NowcastingModule(node, {"pixel_km": 2.0, "has_truth": False}, "mine", ADAM), RAIN


RIGHT = {
    "jets": "torch.zeros(3, 2)",
    "frames": "(torch.zeros(3), torch.zeros(3, 4, 3))",
    "rain": "torch.zeros(3, 20, 32, 32)",
}


@pytest.mark.parametrize("kind", RIGHT)
def test_a_net_without_seed_and_facts_is_tested(kind: str) -> None:
    module, batch = of(kind, RIGHT[kind])
    assert module.test_step(batch, 0)


@pytest.mark.parametrize(
    ("kind", "returns", "found", "expected"),
    [
        ("jets", "torch.zeros(3, 1)", "(3, 1)", "(3, 2)"),
        ("jets", "torch.zeros(3)", "(3,)", "(3, 2)"),
        ("jets", "np.zeros((3, 2))", "numpy.ndarray", "(3, 2)"),
        ("frames", "torch.zeros(3)", "Tensor", "energies (B,) eV, forces (B, A, 3) eV/Å"),
        ("frames", "(torch.zeros(3, 1), torch.zeros(3, 4, 3))", "(3, 1) as energies", "(3,)"),
        ("frames", "(torch.zeros(3), torch.zeros(12, 3))", "(12, 3) as forces", "(3, 4, 3)"),
        ("frames", "(torch.zeros(3), None)", "NoneType as forces", "(3, 4, 3)"),
        ("rain", "torch.zeros(3, 18, 32, 32)", "(3, 18, 32, 32)", "(3, 20, 32, 32)"),
        ("rain", "torch.zeros(3, 20, 1, 32, 32)", "(3, 20, 1, 32, 32)", "(3, 20, 32, 32)"),
        ("rain", "[1.0]", "list", "(3, 20, 32, 32)"),
    ],
)
def test_an_output_of_another_shape_is_named(
    kind: str, returns: str, found: str, expected: str
) -> None:
    module, batch = of(kind, returns)
    with pytest.raises(UserError) as refused:
        module.test_step(batch, 0)
    assert found in str(refused.value) and expected in str(refused.value)
    assert "Net" in str(refused.value)


@pytest.mark.parametrize(
    ("kind", "inputs"),
    [("jets", "momenta, mask"), ("frames", "positions, species"), ("rain", "observed, noise")],
)
def test_a_forward_of_one_input_is_refused_as_it_is_built(kind: str, inputs: str) -> None:
    with pytest.raises(UserError, match="OneInput") as refused:
        of(kind, RIGHT[kind], OneInput)
    assert f"forward(self, {inputs})" in str(refused.value)


def test_rain_that_is_not_finite_is_refused_with_the_name_of_the_net() -> None:
    module, batch = of("rain", "torch.full((3, 20, 32, 32), torch.inf)")
    with pytest.raises(RuntimeError, match=r"model\.net=.*Net"):
        module.test_step(batch, 0)


class WithoutConstructor(nn.Module):
    def forward(self, momenta: Any, mask: Any) -> Any:
        return momenta[:, 0, :2]


def test_net_without_a_constructor_where_a_library_replaced_that_of_modules(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plain = nn.Module.__init__
    monkeypatch.setattr(
        nn.Module, "__init__", lambda net, *args, **named: plain(net, *args, **named)
    )
    node = {"_target_": f"{__name__}.WithoutConstructor"}
    assert JetTaggingModule(node, ADAM, {}, "mine")(JETS).shape == (3, 2)
