"""What a force field is trained and tested on: frames, batches, and how ranks share them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from command_line import TRAJECTORY
from lightning import Trainer

from saibench.config.compose import compose_command
from saibench.datamodules.force_field.module import ForceFieldDataModule
from saibench.errors import UserError
from saibench.imports.targets import build


def made(*overrides: str, step: int = 0, rank: int = 0, ranks: int = 1) -> ForceFieldDataModule:
    """The data of a point on 300 frames of ethanol, as a rank at some step of it has them."""
    small = ("test=[last_tenth]", "window.size=null", "subset.count=20", "trainer.val_every=10")
    (config,) = compose_command("train", (*TRAJECTORY, *small, *overrides)).points
    data = build(config.datamodule, "datamodule")
    data.trainer = SimpleNamespace(
        fit_loop=Trainer(logger=False, enable_checkpointing=False, accelerator="cpu").fit_loop,
        global_rank=rank,
        world_size=ranks,
        strategy=SimpleNamespace(root_device=torch.device("cpu")),
    )
    data.trainer.fit_loop.epoch_loop.batch_progress.total.ready = step
    return data


def ids(batches: Any) -> list[list[int]]:
    return [batch.sample_id.tolist() for batch in batches]


@pytest.fixture(scope="module")
def data() -> ForceFieldDataModule:
    return made()


def test_training_validation_and_test_share_no_frame(data: ForceFieldDataModule) -> None:
    train, validation = (set(part.sample_ids.tolist()) for part in data.split)
    test = set(data.tests["last_tenth"].sample_ids.tolist())
    assert (len(train), len(validation), len(test)) == (20, 50, 30)
    assert test == set(range(270, 300))
    assert not train & validation
    assert not (train | validation) & test


def test_frames_that_weights_have_seen_elsewhere_are_learned_and_not_trained_on() -> None:
    before = made()
    further = made("seen=[280, 281, 3]")
    assert further.split[0].hash == before.split[0].hash
    train, validation = (part.rows.tolist() for part in further.split)
    assert further.learned_rows.tolist() == sorted({*train, 280, 281, 3})
    assert further.seen_rows.tolist() == sorted({*train, *validation, 280, 281, 3})
    rows = np.arange(270, 300)
    far, near = (data.features(rows)["soap_distance"].to_numpy() for data in (before, further))
    assert (near <= far + 1e-12).all() and near[10] < far[10]
    assert further.energy_mean == before.energy_mean
    with pytest.raises(UserError, match="seen"):
        made("seen=[5000]").check()


def test_untrained_model_is_given_means_of_what_is_not_held_out() -> None:
    data = made("trainer=none")
    assert [part.count for part in data.split] == [0, 0]
    energies = data.trajectory.energies
    assert data.energy_mean == pytest.approx(energies[:270].mean(), rel=1e-12)
    assert np.isfinite(
        list(data.dataset_info()[key] for key in ("force_rms", "avg_num_neighbors"))
    ).all()


def test_larger_training_set_holds_the_smaller_one() -> None:
    small, large = (
        set(made(f"subset.count={count}").split[0].sample_ids.tolist()) for count in (20, 100)
    )
    assert small < large


def test_batches_hold_the_trajectory_in_the_units_of_the_net(data: ForceFieldDataModule) -> None:
    trajectory = data.trajectory
    row_of = {sample: row for row, sample in enumerate(trajectory.sample_id.tolist())}
    batch = next(iter(data.train_dataloader()))
    rows = [row_of[sample] for sample in batch.sample_id.tolist()]
    assert (batch.positions.dtype, batch.energy.dtype) == (torch.float32, torch.float64)
    np.testing.assert_allclose(batch.positions, trajectory.positions[rows], atol=1e-5)
    np.testing.assert_allclose(batch.forces, trajectory.forces[rows], atol=1e-5)
    mean = trajectory.energies[data.split[0].rows].mean()
    np.testing.assert_allclose(batch.energy, trajectory.energies[rows] - mean, rtol=0, atol=1e-12)
    symbols = [data.type_names[kind] for kind in batch.species.tolist()]
    assert tuple(symbols) == trajectory.symbols


def test_a_batch_can_be_had_elsewhere_than_the_trainer_works() -> None:
    """Once a test has ended Lightning has moved the module from the GPU to the CPU."""
    data = made()
    data.trainer.strategy.root_device = torch.device("meta")
    batch = data.batch_of(np.array([7, 3]), torch.device("cpu"))
    np.testing.assert_allclose(batch.forces, data.trajectory.forces[[7, 3]], atol=1e-5)
    assert next(iter(data.val_dataloader())).forces.is_meta


def test_held_out_frames_are_reported_or_else_those_that_are_not_rotated() -> None:
    data = made()
    assert data.reported_partition(["whole_trajectory", "last_tenth"]) == "last_tenth"
    assert data.reported_partition(["last_tenth_rotated", "whole_trajectory"]) == "whole_trajectory"
    assert data.reported_partition(["last_tenth_rotated"]) == "last_tenth_rotated"


def test_dataset_info_is_of_the_training_frames_alone(data: ForceFieldDataModule) -> None:
    from ase import Atoms
    from ase.neighborlist import neighbor_list

    rows, trajectory, info = data.split[0].rows, data.trajectory, data.dataset_info()
    neighbors = [
        len(neighbor_list("i", Atoms(trajectory.symbols, trajectory.positions[row]), 4.0))
        for row in rows
    ]
    assert info["avg_num_neighbors"] == pytest.approx(np.mean(neighbors) / 9)
    assert info["force_rms"] == pytest.approx(np.sqrt((trajectory.forces[rows] ** 2).mean()))
    assert info["energy_mean"] == pytest.approx(trajectory.energies[rows].mean(), rel=1e-14)
    assert info["type_names"] == ["C", "H", "O"]
    assert [type(value) for value in info.values()] == [list, list, float, float, float]


def test_every_frame_is_seen_once_a_pass_in_another_order() -> None:
    rounds = ids(made("trainer.val_every=12").train_dataloader())  # 60 draws of 20 frames
    seen = np.concatenate(rounds).reshape(3, 20)
    training = sorted(made().split[0].sample_ids.tolist())
    assert all(sorted(one.tolist()) == training for one in seen)
    assert len({tuple(one.tolist()) for one in seen}) == 3


def test_order_depends_on_the_seed() -> None:
    one, again, other = (
        ids(made(seed).train_dataloader()) for seed in ("seed=1", "seed=1", "seed=2")
    )
    assert one == again
    assert one != other


@pytest.mark.parametrize("steps", [3, 8, 10])
def test_stream_that_resumes_goes_on_where_it_stopped(steps: int) -> None:
    whole = ids(made("trainer.val_every=40").train_dataloader())
    rounds = [
        ids(made(f"trainer.val_every={steps}", step=step).train_dataloader())
        for step in (0, 3 * steps, 2 * steps + 1)
    ]
    assert rounds == [whole[first : first + steps] for first in (0, 3 * steps, 2 * steps + 1)]


@pytest.mark.parametrize("ranks", [2, 3, 5])
def test_ranks_share_each_batch_and_weight_its_frames_equally(ranks: int) -> None:
    alone = made().train_dataloader()
    shared = [made(rank=rank, ranks=ranks).train_dataloader() for rank in range(ranks)]
    for whole, *parts in zip(alone, *shared, strict=True):
        assert sorted(np.concatenate(ids(parts)).tolist()) == sorted(whole.sample_id.tolist())
        assert whole.sample_weight == pytest.approx(1 / 5)
        # DDP averages the gradients of the ranks: together each frame has the weight 1 / 5
        assert [part.sample_weight / ranks for part in parts] == [pytest.approx(1 / 5)] * ranks


@pytest.mark.parametrize("ranks", [1, 2, 3, 7])
def test_ranks_share_a_test_without_repeating_or_losing_a_frame(ranks: int) -> None:
    dealt = []
    for rank in range(ranks):
        data = made("datamodule.evaluation_batch_size=4", rank=rank, ranks=ranks)
        loader = data.test_dataloader()
        batches = ids(loader)
        assert len(loader) == len(batches)
        assert all(len(batch) <= 4 for batch in batches)
        dealt += np.concatenate(batches).tolist()
    assert sorted(dealt) == list(range(270, 300))


def test_rank_without_a_frame_has_no_batch() -> None:
    late = (
        "+partitions.late={samplers: [{_target_: saibench.datamodules.samplers.Tail, size: 0.005}]}"
    )
    loader = made(late, "test=[late]", rank=2, ranks=3).test_dataloader()
    assert (len(loader), list(loader)) == (0, [])


def test_partitions_of_one_transform_share_one_evaluation_pass() -> None:
    """A model sees each test sample once per transform."""
    data = made("test=[last_tenth,whole_trajectory,last_tenth_rotated]")
    plain, rotated = data.passes()
    assert [partition.name for partition in plain.partitions] == ["last_tenth", "whole_trajectory"]
    assert plain.rows.tolist() == list(range(300))
    assert [partition.name for partition in rotated.partitions] == ["last_tenth_rotated"]
    batch = next(iter(data.evaluation_loader(rotated)))
    torch.testing.assert_close(batch.original.positions.norm(dim=-1), batch.positions.norm(dim=-1))
    assert (batch.positions - batch.original.positions).abs().max() > 0.1


def test_similarity_to_the_training_frames_is_the_mean_of_all_cosines(
    data: ForceFieldDataModule,
) -> None:
    from ase import Atoms
    from dscribe.descriptors import SOAP
    from scipy.spatial.distance import cdist

    soap = SOAP(species=["C", "H", "O"], r_cut=5.0, n_max=8, l_max=6, sigma=0.5, average="inner")
    trajectory = data.trajectory
    every = soap.create([Atoms(trajectory.symbols, at) for at in trajectory.positions])
    every /= np.linalg.norm(every, axis=1, keepdims=True)
    rows = data.tests["last_tenth"].rows
    found = data.features(rows)
    window = np.arange(270)
    for name, near in (("", data.split[0].rows), ("_window", window)):
        expected = (every[rows] @ every[near].T).mean(axis=1)
        np.testing.assert_allclose(found[f"soap_similarity{name}"], expected, rtol=1e-5)
    apart = np.sort(cdist(every[rows], every[data.split[0].rows]), axis=1)
    np.testing.assert_allclose(found["soap_distance"], apart[:, :5].mean(axis=1), rtol=1e-4)
    assert found["time"].to_list() == pytest.approx(trajectory.time[rows].tolist())
    assert set(found.columns) == {"sample_id"} | {field.name for field in data.feature_fields()}


def test_test_partition_that_is_not_defined_is_refused() -> None:
    with pytest.raises(
        UserError, match=r"'early'.* last_tenth, last_tenth_rotated, whole_trajectory"
    ):
        made("test=[early]")
