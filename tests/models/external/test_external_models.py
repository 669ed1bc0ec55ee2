"""Functions and files of programs as models, against the nets that they were made of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from saibench.datamodules.field_dynamics.batch import FieldBatch
from saibench.datamodules.force_field.batch import MoleculeBatch
from saibench.datamodules.jet_tagging.batch import JetBatch
from saibench.datamodules.nowcasting.batch import RainBatch
from saibench.errors import UserError
from saibench.models.field_dynamics.module import FieldDynamicsModule
from saibench.models.force_field.external import EnergyShift
from saibench.models.force_field.module import ForceFieldModule
from saibench.models.jet_tagging.module import JetTaggingModule
from saibench.models.nowcasting.module import NowcastingModule

IDS = torch.arange(3)
JETS = JetBatch(IDS, torch.rand(3, 5, 4), torch.ones(3, 5, dtype=torch.bool), IDS % 2)
RAIN = RainBatch(
    IDS, torch.rand(3, 9, 32, 32), torch.rand(3, 20, 32, 32),
    torch.ones(3, 20, 32, 32, dtype=torch.bool), pixel_km=2.0,
)  # fmt: skip


class Sums(nn.Module):
    """Logits of the sums of energies and momenta."""

    def forward(self, momenta: Tensor, mask: Tensor) -> Tensor:
        return momenta[..., :2].mul(mask[..., None]).sum(1)


class Springs(nn.Module):
    """Springs to the origin, with forces by autograd."""

    def forward(self, positions: Tensor, numbers: Tensor) -> dict[str, Tensor]:
        atoms = positions.detach().double().requires_grad_(True)
        energy = (atoms**2).sum((1, 2)) + 10.0 * numbers.sum(1)
        slope = torch.autograd.grad([energy.sum()], [atoms])[0]
        assert slope is not None
        return {"energy": energy.detach(), "forces": -slope}


def scores(batch: dict[str, Tensor], at: float = 0.0) -> dict[str, Any]:
    """Sure scores and others, as NumPy arrays."""
    return {"score": np.array([0.0, 1.0, 0.25 + at])}


def last_frame(batch: dict[str, Tensor]) -> Tensor:
    return batch["observed"][:, -1:].expand(-1, 20, -1, -1)


def springs(batch: dict[str, Tensor]) -> Any:
    return Springs()(batch["positions"], batch["numbers"])


def nothing(batch: dict[str, Tensor]) -> dict[str, Tensor]:
    return {"scores": batch["momenta"]}


def next_frames(batch: dict[str, Tensor], leads: int = 3, growth: float = 2.0) -> dict[str, Any]:
    frames = [growth**lead * batch["observed"][:, -1] for lead in range(1, leads + 1)]
    return {"fields": torch.stack(frames, dim=1)}


def function(of: Any, **settings: Any) -> dict[str, Any]:
    node = {"_target_": f"{__name__}.{of.__name__}", **settings}
    target = "saibench.models.external.function.Function"
    return {"_target_": target, "_recursive_": False, "function": node}


def torch_file(path: Path, **settings: Any) -> dict[str, Any]:
    target = "saibench.models.external.torch_file.TorchFile"
    return {"_target_": target, "file": str(path), **settings}


def tagger(net: dict[str, Any]) -> JetTaggingModule:
    return JetTaggingModule(net, None, {}, "mine", steps=0)


def force_field(net: dict[str, Any], species: list[int] | None, **info: Any) -> ForceFieldModule:
    known = {"type_names": ["C", "H"], "species": species, **info}
    return ForceFieldModule(
        net, None, {**known, "avg_num_neighbors": 1.0, "force_rms": 1.0}, steps=0
    )


@pytest.mark.parametrize("kind", ["script", "trace", "export"])
def test_a_file_of_a_program_scores_jets_as_its_net(tmp_path: Path, kind: str) -> None:
    path, inputs = tmp_path / "net.pt", (JETS.momenta, JETS.mask)
    if kind == "export":
        jets = torch.export.Dim("jets")
        shapes = ({0: jets}, {0: jets})
        torch.export.save(torch.export.export(Sums(), inputs, dynamic_shapes=shapes), path)
    else:
        made = torch.jit.script(Sums()) if kind == "script" else torch.jit.trace(Sums(), inputs)
        torch.jit.save(made, path)
    module = tagger(torch_file(path)).eval()
    assert not module.trains
    assert torch.equal(module(JETS), Sums()(*inputs))
    two = JetBatch(IDS[:2], JETS.momenta[:2], JETS.mask[:2], JETS.label[:2])
    assert torch.equal(module(two), Sums()(two.momenta, two.mask))


def test_scores_of_a_function_are_probabilities() -> None:
    found = tagger(function(scores)).test_step(JETS, 0)
    assert found["score"].numpy() == pytest.approx([0, 1, 0.25], abs=1e-15)
    assert found["logit"].isfinite().all()


def test_settings_of_a_function_are_passed() -> None:
    found = tagger(function(scores, at=0.5)).test_step(JETS, 0)
    assert found["score"][2].item() == pytest.approx(0.75)


def test_a_score_that_is_no_probability_is_refused() -> None:
    with pytest.raises(UserError, match=r"1\.25"):
        tagger(function(scores, at=1.0)).test_step(JETS, 0)


def test_a_score_of_nan_is_refused_by_sample() -> None:
    with pytest.raises(UserError, match=rf"scores.*score of sample {IDS[2].item()} "):
        tagger(function(scores, at=float("nan"))).test_step(JETS, 0)


def test_rain_of_nan_is_refused_by_event() -> None:
    module = NowcastingModule(
        function(last_frame), {"pixel_km": 2.0, "has_truth": False}, "mine", steps=0
    )
    module.net.function = lambda batch: last_frame(batch) * float("inf")  # 0 · inf is NaN
    with pytest.raises(UserError, match=rf"rain of sample {RAIN.sample_id[0].item()} "):
        module(RAIN)


def test_a_function_predicts_fields_in_the_unit_of_the_data() -> None:
    """One that blows up is counted as such."""
    shape, info = (2, 1, 1, 4), {"channels": ["u"], "grid": [4], "parameters": [], "history": 1}
    info |= {"mean": [5.0], "std": [3.0], "parameter_mean": [], "parameter_std": []}
    module = FieldDynamicsModule(function(next_frames), info, "mine", steps=0)
    observed = torch.arange(8.0).reshape(shape)
    batch = FieldBatch(
        IDS[:2], observed, torch.zeros(2, 3, 1, 4), torch.zeros(2, 0), torch.ones(2), 1.0
    )
    expected = observed * torch.tensor([2.0, 4.0, 8.0]).view(1, 3, 1, 1)
    assert torch.equal(module(batch), expected)
    grown = FieldDynamicsModule(function(next_frames, growth=float("inf")), info, "mine", steps=0)
    assert not grown(batch).isfinite().all()
    short = FieldDynamicsModule(function(next_frames, leads=2), info, "mine", steps=0)
    with pytest.raises(UserError, match=r"fields.*\(2, 3, 1, 4\)"):
        short(batch)


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"sample_id": np.zeros(0, int), "score": np.zeros(0)}, "'sample_id' is empty"),
        ({"sample_id": np.arange(3), "score": np.float64(0.5)}, "'score' is one number"),
    ],
)
def test_predictions_without_rows(tmp_path: Path, arrays: dict[str, Any], words: str) -> None:
    np.savez(tmp_path / "p.npz", **arrays)
    target = "saibench.models.external.predictions.Predictions"
    with pytest.raises(UserError, match=rf"p\.npz: {words}"):
        tagger({"_target_": target, "file": str(tmp_path / "p.npz"), "name": "mine"})(JETS)


def test_a_damaged_program_and_one_that_asserts(tmp_path: Path) -> None:
    path = tmp_path / "net.pt"
    torch.jit.save(torch.jit.script(Sums()), path)
    module = tagger(torch_file(path))
    error = AssertionError()
    module.net._programs = {torch.device("cpu"): lambda *_: (_ for _ in ()).throw(error)}
    with pytest.raises(UserError, match=r"net\.pt fails .*AssertionError"):
        module(JETS)
    content = path.read_bytes()
    directory = content.index(b"PK\x01\x02")
    path.write_bytes(content[:directory] + b"xxxx" + content[directory + 4 :])
    with pytest.raises(UserError, match=r"net\.pt"):
        tagger(torch_file(path))


def test_a_function_of_rain_returns_a_single_tensor() -> None:
    module = NowcastingModule(
        function(last_frame), {"pixel_km": 2.0, "has_truth": False}, "mine", steps=0
    )
    assert torch.equal(module(RAIN), last_frame({"observed": RAIN.observed}))


def test_other_outputs_are_refused_by_name() -> None:
    with pytest.raises(UserError, match=r"nothing.*scores.*logits.*score"):
        tagger(function(nothing)).test_step(JETS, 0)


@pytest.mark.parametrize("from_file", [False, True])
def test_a_force_field_gets_atomic_numbers_and_computes_gradients(
    tmp_path: Path, from_file: bool
) -> None:
    node = function(springs)
    if from_file:
        torch.jit.save(torch.jit.script(Springs()), tmp_path / "net.pt")
        node = torch_file(tmp_path / "net.pt", gradients=True)
    positions = torch.rand(2, 3, 3)
    batch = MoleculeBatch(
        IDS[:2], positions, torch.tensor([0, 1, 1]), torch.zeros(2).double(),
        torch.zeros(2, 3, 3), 0.0,
    )  # fmt: skip
    with torch.no_grad():
        energy, forces = force_field(node, [0, 1, 1], energy_mean=70.0)(batch)
    assert torch.allclose(forces, -2 * positions.double())
    assert torch.allclose(energy, positions.double().square().sum((1, 2)) + 10 * 8 - 70)


def test_gradients_without_the_setting_name_it(tmp_path: Path) -> None:
    torch.jit.save(torch.jit.script(Springs()), tmp_path / "net.pt")
    batch = MoleculeBatch(
        IDS[:2], torch.rand(2, 1, 3), torch.tensor([0]), torch.zeros(2).double(),
        torch.zeros(2, 1, 3), 0.0,
    )  # fmt: skip
    module = force_field(torch_file(tmp_path / "net.pt"), [0], energy_mean=0.0)
    with torch.no_grad(), pytest.raises(UserError, match=r"net\.pt.*gradients=true"):
        module(batch)


def test_weights_alone_are_no_program(tmp_path: Path) -> None:
    torch.save(nn.Linear(1, 1).state_dict(), tmp_path / "net.pt")
    with pytest.raises(UserError, match=r"net\.pt.*torch\.jit\.save"):
        tagger(torch_file(tmp_path / "net.pt"))


def test_zero_of_energies_of_several_molecules_is_fitted_per_element() -> None:
    random = np.random.default_rng(0)
    counts = random.integers(0, 4, (20, 2))
    counts[:, 0] += 1
    species = np.full((20, 7), -1)
    for row, (carbon, hydrogen) in zip(species, counts, strict=True):
        row[: carbon + hydrogen] = [0] * carbon + [1] * hydrogen
    difference = counts @ [-3.0, 0.5] + 0.01 * random.normal(size=20)
    batch = MoleculeBatch(
        torch.arange(20), torch.zeros(20, 7, 3), torch.from_numpy(species),
        torch.zeros(20).double(), torch.zeros(20, 7, 3), 0.0,
    )  # fmt: skip
    shift = EnergyShift.fitted(torch.from_numpy(difference), batch, 2)
    expected = np.linalg.lstsq(counts, difference, rcond=None)[0]
    assert shift.constants.numpy() == pytest.approx(expected, rel=1e-9)
    assert shift.of(batch).numpy() == pytest.approx(counts @ expected, rel=1e-9)
