"""The limit: a bare PyTorch loop on frames that are already on the device.

python -m benchmarks.force_field.bare_loop TASK.json TIMES.json
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor, nn

from benchmarks.force_field.task import (
    ADAM,
    EMA_DECAY,
    ENERGY_WEIGHT,
    FORCE_WEIGHT,
    R_MAX,
    SEED,
    Frames,
    Task,
    load_frames,
    model_arguments,
)
from benchmarks.step_timer import StepClock, device_synchronizer


def build_model(task: Task, frames: Frames, device: torch.device) -> nn.Module:
    """NequIP as nequip builds it, with the default dtype restored."""
    from nequip.model import NequIPGNNModel
    from nequip.utils.global_state import set_global_state

    set_global_state(allow_tf32=False)
    torch.set_default_dtype(torch.float32)
    return NequIPGNNModel(**model_arguments(task, frames)).to(device).train()


def train(task: Task, frames: Frames, clock: StepClock) -> None:
    device = torch.device(task.device)
    model = build_model(task, frames, device)
    dtype = getattr(torch, task.model_dtype)
    weights: list[Tensor] = list(model.parameters())
    averages = [weight.detach().clone() for weight in weights]
    optimizer = torch.optim.Adam(weights, **ADAM)
    schedule = torch.optim.lr_scheduler.PolynomialLR(optimizer, total_iters=task.total_steps)

    positions = torch.tensor(frames.positions, dtype=dtype, device=device)
    forces = torch.tensor(frames.forces, dtype=dtype, device=device)
    energies = torch.tensor(frames.energies, device=device)  # eV; float32 is too coarse for these
    batch_size, num_atoms = task.batch_size, len(frames.atomic_numbers)
    # one molecule and full batches: only the edges of the graph differ between steps
    atom_types = torch.tensor(frames.atom_types, device=device).repeat(batch_size)
    frame_of_atom = torch.arange(batch_size, device=device).repeat_interleave(num_atoms)
    atoms_of_frame = torch.full((batch_size,), num_atoms, device=device)
    other_atoms = ~torch.eye(num_atoms, dtype=torch.bool, device=device)

    batches = shuffled_batches(task, device)
    for step in range(task.total_steps):
        rows = next(batches)
        if step == 0:
            clock.begin_first_step()
        molecules = positions[rows]
        graph = {
            "pos": molecules.reshape(-1, 3),
            "edge_index": edges(molecules, other_atoms),
            "atom_types": atom_types,
            "batch": frame_of_atom,
            "num_atoms": atoms_of_frame,
        }
        with torch.autocast(task.device, dtype=torch.bfloat16, enabled=task.mixed):
            predicted = model(graph)
        energy_part = (predicted["total_energy"].reshape(-1) - energies[rows]).square().mean()
        force_part = (predicted["forces"] - forces[rows].reshape(-1, 3)).square().mean()
        optimizer.zero_grad()
        (ENERGY_WEIGHT * energy_part + FORCE_WEIGHT * force_part).backward()
        optimizer.step()
        schedule.step()
        average(averages, weights, step)
        clock.end_step()


def shuffled_batches(task: Task, device: torch.device) -> Iterator[Tensor]:
    """Rows `(batch_size,)` of the frames, in a new permutation for each pass."""
    generator = torch.Generator().manual_seed(SEED)
    while True:
        order = torch.randperm(task.num_frames, generator=generator).to(device)
        yield from order.split(task.batch_size)


def edges(positions: Tensor, other_atoms: Tensor) -> Tensor:
    """Directed edges `(2, E)` within `R_MAX`, of all molecules `(B, A, 3)` of a batch."""
    num_atoms = positions.shape[1]
    distances = (positions[:, :, None] - positions[:, None]).square().sum(-1)
    near = (distances < R_MAX**2) & other_atoms
    frame, center, neighbor = near.nonzero(as_tuple=True)
    return torch.stack((frame * num_atoms + center, frame * num_atoms + neighbor))


@torch.no_grad()
def average(averages: list[Tensor], weights: list[Tensor], step: int) -> None:
    """Update the moving averages of the weights, with nequip's warm-up of the decay."""
    decay = min(EMA_DECAY, (1 + step) / (10 + step))
    torch._foreach_lerp_(averages, weights, 1 - decay)


def bare_loop_command(task: Task, folder: Path, times_file: Path) -> list[str]:
    task_file = folder / "task.json"
    task.save(task_file)
    return [sys.executable, "-m", __name__, str(task_file), str(times_file)]


def main() -> None:
    task_file, times_file = map(Path, sys.argv[1:])
    torch.set_num_threads(1)
    task = Task.load(task_file)
    synchronize = device_synchronizer(torch.device(task.device))
    clock = StepClock(times_file, task.warm_up_steps, task.total_steps, synchronize)
    train(task, load_frames(task), clock)


if __name__ == "__main__":
    main()
