"""Force and energy errors against plain loops, nequip's own metrics, and what must be refused."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import chain

import numpy as np
import pytest
import torch
from torch import Tensor
from torchmetrics import Metric, MetricCollection

from saibench.metrics.conformance import assert_metric_conforms
from saibench.metrics.force_field import EnergyError, PerAtomEnergyError, PerAtomForceError
from saibench.metrics.force_field.functional import (
    by_species,
    energy_error,
    force_component_error,
    force_norm_error,
)

NUM_SPECIES = 4
ABSENT = 3


def forces(num_atoms: int, seed: int) -> tuple[Tensor, Tensor, Tensor]:
    """Predicted and reference forces and species, species `ABSENT` never among them."""
    generator = torch.Generator().manual_seed(seed)
    target = torch.randn(num_atoms, 3, generator=generator, dtype=torch.float64)
    preds = target + 0.05 * torch.randn(num_atoms, 3, generator=generator, dtype=torch.float64)
    return preds, target, torch.randint(ABSENT, (num_atoms,), generator=generator)


def energies(num_frames: int, seed: int) -> tuple[Tensor, Tensor, Tensor]:
    """Predicted and reference energies in eV, as large as aspirin's, and atoms per frame."""
    generator = torch.Generator().manual_seed(seed)
    target = -17000 + torch.randn(num_frames, generator=generator, dtype=torch.float64)
    preds = target + 0.1 * torch.randn(num_frames, generator=generator, dtype=torch.float64)
    return preds, target, torch.randint(1, 30, (num_frames,), generator=generator)


def force_error_by_loop(kind: str) -> Callable[[Tensor, Tensor, Tensor], dict]:
    def reference(preds: Tensor, target: Tensor, species: Tensor) -> dict:
        per_species: dict[int, list[float]] = {index: [] for index in range(NUM_SPECIES)}
        for atom in range(len(species)):
            x, y, z = (float(preds[atom, k]) - float(target[atom, k]) for k in range(3))
            if kind == "component":
                error = (abs(x) + abs(y) + abs(z)) / 3
            else:
                error = math.sqrt(x * x + y * y + z * z)
            per_species[int(species[atom])].append(error)
        every_atom = list(chain.from_iterable(per_species.values()))
        counts = [len(errors) for errors in per_species.values()]
        return {"all": mean(every_atom), "count": len(every_atom), "counts": counts} | {
            index: mean(errors) for index, errors in per_species.items()
        }

    return reference


def energy_error_by_loop(preds: Tensor, target: Tensor, num_atoms: Tensor | int = 1) -> dict:
    atoms = np.broadcast_to(np.asarray(num_atoms), len(preds))
    errors = [(float(p) - float(t)) / int(n) for p, t, n in zip(preds, target, atoms, strict=True)]
    return {
        "all": mean([abs(error) for error in errors]),
        "bias": mean(errors),
        "count": len(errors),
    }


def mean(values: list[float]) -> float:
    return math.fsum(values) / len(values) if values else math.nan


@pytest.mark.parametrize("kind", ["component", "norm"])
def test_force_error_conforms(kind):
    assert_metric_conforms(
        lambda: PerAtomForceError(NUM_SPECIES, kind=kind),
        batches=[forces(21, seed=0), forces(42, seed=1), forces(7, seed=2)],
        reference=force_error_by_loop(kind),
    )


@pytest.mark.parametrize(
    ("metric", "batches"),
    [
        (PerAtomEnergyError, [energies(5, seed=0), energies(11, seed=1), energies(1, seed=2)]),
        (PerAtomEnergyError, [(*energies(5, seed=0)[:2], 21), (*energies(11, seed=1)[:2], 21)]),
        (EnergyError, [energies(5, seed=0)[:2], energies(11, seed=1)[:2]]),
    ],
    ids=["atoms of each frame", "one number of atoms", "per frame"],
)
def test_energy_errors_conform(metric, batches):
    assert_metric_conforms(metric, batches, reference=energy_error_by_loop)


def test_component_and_norm_of_a_known_error():
    preds, target = torch.tensor([[3.0, -4.0, 0.0]]), torch.zeros(1, 3)
    assert force_component_error(preds, target).item() == pytest.approx(7 / 3)
    assert force_norm_error(preds, target).item() == 5


def test_statistics_keep_frames_and_atoms_apart():
    preds, target, _ = forces(6, seed=3)
    frames = preds.reshape(2, 3, 3), target.reshape(2, 3, 3)
    expected = np.abs((preds - target).numpy()).mean(axis=-1).reshape(2, 3)
    np.testing.assert_allclose(force_component_error(*frames), expected, rtol=1e-14)
    expected = np.linalg.norm((preds - target).numpy(), axis=-1).reshape(2, 3)
    np.testing.assert_allclose(force_norm_error(*frames), expected, rtol=1e-14)


def test_norm_is_the_same_in_a_rotated_frame_and_component_is_not():
    preds, target, _ = forces(21, seed=4)
    rotation, _ = torch.linalg.qr(torch.randn(3, 3, dtype=torch.float64))
    rotated = preds @ rotation, target @ rotation
    torch.testing.assert_close(force_norm_error(*rotated), force_norm_error(preds, target))
    assert not torch.allclose(force_component_error(*rotated), force_component_error(preds, target))


def test_energy_error_is_predicted_minus_reference():
    assert energy_error(torch.tensor([1.0]), torch.tensor([3.0])).item() == -2


def test_nan_of_an_atom_stays_with_this_atom():
    preds, target, _ = forces(3, seed=5)
    preds[1, 0] = math.nan
    assert force_component_error(preds, target).isnan().tolist() == [False, True, False]


def test_by_species_equals_a_loop_over_frames_and_atoms():
    values = torch.rand(5, 4, dtype=torch.float64)
    species = torch.tensor([2, 0, 2, 1])
    means, counts = by_species(values, species, NUM_SPECIES)
    for frame in range(5):
        for index in range(NUM_SPECIES):
            chosen = [float(values[frame, atom]) for atom in range(4) if species[atom] == index]
            np.testing.assert_allclose(float(means[frame, index]), mean(chosen), rtol=1e-14)
    assert counts.tolist() == [1, 1, 2, 0]


@pytest.mark.parametrize("species", [[0, 1, 4], [0, 1, -1]])
def test_by_species_refuses_an_atom_of_no_species(species):
    with pytest.raises(ValueError, match=r"by_species .* species .*\(1 found"):
        by_species(torch.zeros(2, 3), torch.tensor(species), NUM_SPECIES)


def test_force_error_equals_nequips_own_per_type_mae():
    train = pytest.importorskip("nequip.train")
    nequip_metric = train.MetricsManager(
        [
            {"field": "forces", "metric": train.MeanAbsoluteError(), "name": "mae"},
            {
                "field": "forces",
                "metric": train.MeanAbsoluteError(),
                "per_type": True,
                "name": "by",
            },
        ],
        type_names=["H", "C", "O"],
    )
    metric = PerAtomForceError(num_species=3)
    for seed in range(3):
        preds, target, species = forces(21, seed)
        nequip_metric({"forces": preds, "atom_types": species}, {"forces": target})
        metric.update(preds, target, species)
    expected, ours = nequip_metric.compute(), metric.compute()
    torch.testing.assert_close(ours["all"], expected["mae"], rtol=1e-12, atol=0)
    for index, name in enumerate("HCO"):
        torch.testing.assert_close(ours[index], expected[f"by_{name}"], rtol=1e-12, atol=0)


def test_absent_species_is_nan_and_the_others_are_not():
    metric = PerAtomForceError(NUM_SPECIES)
    metric.update(*forces(21, seed=7))
    error = metric.compute()
    assert math.isnan(error[ABSENT])
    assert all(math.isfinite(error[name]) for name in ("all", 0, 1, 2))


def test_no_atoms_give_nan_and_a_count_of_zero():
    metric = PerAtomForceError(NUM_SPECIES)
    metric.update(*forces(0, seed=0))
    error = metric.compute()
    assert math.isnan(error["all"])
    assert error["count"] == 0


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_long_sums_of_low_precision_forces_lose_nothing(dtype):
    preds, target = torch.full((100_000, 3), 0.1).to(dtype), torch.zeros(100_000, 3, dtype=dtype)
    metric = PerAtomForceError(1)
    for _ in range(3):
        metric.update(preds, target, torch.zeros(100_000, dtype=torch.int64))
    assert metric.compute()["all"].item() == pytest.approx(float(preds[0, 0]), rel=1e-12)


def test_metrics_in_one_collection_stay_apart_after_a_perfect_first_batch():
    preds, target, species = forces(21, seed=8)
    together = MetricCollection(
        {
            "component": PerAtomForceError(NUM_SPECIES, kind="component"),
            "norm": PerAtomForceError(NUM_SPECIES, kind="norm"),
        }
    )
    for predicted in (target, preds):
        together.update(predicted, target, species)
    for kind in ("component", "norm"):
        expected = force_error_by_loop(kind)(
            torch.cat([target, preds]), torch.cat([target, target]), torch.cat([species, species])
        )
        assert together[kind].compute()["all"].item() == pytest.approx(expected["all"], rel=1e-12)


def test_energies_per_atom_and_per_frame_in_one_collection_stay_apart():
    preds, target, num_atoms = energies(5, seed=8)
    together = MetricCollection({"atom": PerAtomEnergyError(), "frame": EnergyError()})
    for predicted in (target, preds):
        together.update(preds=predicted, target=target, num_atoms=num_atoms)
    both = torch.cat([target, preds]), torch.cat([target, target])
    atoms_of_both = torch.cat([num_atoms, num_atoms])
    for name, atoms in {"atom": atoms_of_both, "frame": torch.ones_like(atoms_of_both)}.items():
        expected = energy_error_by_loop(*both, atoms)["all"]
        assert together[name].compute()["all"].item() == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize(("argument", "named"), [(0, "predicted"), (1, "target")])
@pytest.mark.parametrize(
    ("metric", "batch"),
    [
        (PerAtomForceError(NUM_SPECIES), forces(5, seed=9)),
        (PerAtomEnergyError(), energies(5, seed=9)),
        (EnergyError(), energies(5, seed=9)[:2]),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Metric) else "",
)
def test_values_that_are_not_finite_are_refused_at_once_on_a_cpu(
    metric, batch, argument, named, value
):
    metric.reset()
    batch = [tensor.clone() for tensor in batch]
    batch[argument][2] = value
    with pytest.raises(ValueError, match=f"{named} .* NaN or infinite"):
        metric.update(*batch)


def test_a_refused_metric_gives_no_number_until_reset():
    preds, target, species = forces(5, seed=10)
    metric = PerAtomForceError(NUM_SPECIES)
    with pytest.raises(ValueError, match="15 found"):
        metric.update(preds * math.nan, target, species)
    metric.update(preds, target, species)
    with pytest.raises(ValueError, match=r"PerAtomForceError .* predicted force"):
        metric.compute()
    metric.reset()
    metric.update(preds, target, species)
    assert math.isfinite(metric.compute()["all"])


@pytest.mark.parametrize("wrong", [-1, NUM_SPECIES])
def test_species_out_of_range_is_refused(wrong):
    preds, target, species = forces(5, seed=11)
    species[3] = wrong
    with pytest.raises(ValueError, match=r"species .*num_species - 1 \(1 found\)"):
        PerAtomForceError(NUM_SPECIES).update(preds, target, species)


def test_frame_without_atoms_is_refused():
    preds, target, num_atoms = energies(3, seed=11)
    num_atoms[0] = 0
    with pytest.raises(ValueError, match=r"frames .*atom \(1 found\)"):
        PerAtomEnergyError().update(preds, target, num_atoms)


@pytest.mark.parametrize(
    ("preds", "target", "species", "named"),
    [
        (torch.zeros(4, 3), torch.zeros(5, 3), torch.zeros(4).long(), r"\(4, 3\) .*\(5, 3\)"),
        (torch.zeros(4, 2), torch.zeros(4, 2), torch.zeros(4).long(), r"\(\.\.\., 3\)"),
        (torch.zeros(2, 4, 3), torch.zeros(2, 4, 3), torch.zeros(4).long(), r"\(n_atoms, 3\)"),
        (torch.zeros(4, 3), torch.zeros(4, 3), torch.zeros(5).long(), r"species .*\(4,\)"),
        (torch.zeros(4, 3), torch.zeros(4, 3), torch.zeros(4, 1).long(), r"species .*\(4,\)"),
        (torch.zeros(4, 3), torch.zeros(4, 3), torch.zeros(4), r"species .*torch\.float32"),
        (torch.zeros(4, 3).long(), torch.zeros(4, 3), torch.zeros(4).long(), r"torch\.int64"),
    ],
)
def test_forces_of_wrong_shape_or_dtype_are_refused(preds, target, species, named):
    with pytest.raises(ValueError, match=named):
        PerAtomForceError(NUM_SPECIES).update(preds, target, species)


@pytest.mark.parametrize(
    ("preds", "target", "num_atoms", "named"),
    [
        (torch.zeros(4, 1), torch.zeros(4), 21, r"\(B,\)"),
        (torch.zeros(4), torch.zeros(4, 1), 21, r"\(4,\) .*\(4, 1\)"),
        (torch.zeros(4), torch.zeros(4), torch.ones(3).long(), r"num_atoms .*\(4,\)"),
        (torch.zeros(4), torch.zeros(4), torch.ones(4), r"num_atoms .*torch\.float32"),
        (torch.zeros(4), torch.zeros(4), 0, r"atom \(4 found\)"),
    ],
)
def test_energies_of_wrong_shape_or_dtype_are_refused(preds, target, num_atoms, named):
    with pytest.raises(ValueError, match=named):
        PerAtomEnergyError().update(preds, target, num_atoms)


def test_invalid_settings_of_a_force_error_are_refused():
    with pytest.raises(ValueError, match="'norm'"):
        PerAtomForceError(3, kind="norms")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="num_species"):
        PerAtomForceError(0)
