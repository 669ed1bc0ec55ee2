"""The limit: a bare PyTorch loop on features that are already on the device.

python -m benchmarks.jets.bare_loop TASK.json TIMES.json
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from benchmarks.jets.task import RANGER, SEED, Task, load_jets
from benchmarks.step_timer import StepClock, device_synchronizer
from saibench.models.jet_tagging.module import decay_groups
from saibench.models.jet_tagging.nets.features import constituent_features, vectors
from saibench.models.jet_tagging.nets.particle_transformer import ParticleTransformer
from saibench.models.optim.ranger import Ranger


def train(task: Task, clock: StepClock) -> None:
    device = torch.device(task.device)
    momenta, label = (torch.tensor(values, device=device) for values in load_jets(task.folder))
    mask = momenta[..., 0] > 0
    features, four_momenta = constituent_features(momenta, mask, "kinematic"), vectors(momenta)
    lengths = mask.sum(dim=1)
    del momenta
    model = ParticleTransformer(**task.net, seed=SEED).mod.to(device).train()
    optimizer = Ranger(decay_groups(model), **RANGER)
    batches = shuffled_batches(len(label), task.batch_size)
    for step in range(task.total_steps):
        rows = next(batches)
        longest = int(lengths[rows].max())
        if step == 0:
            clock.begin_first_step()
        with torch.autocast(task.device, dtype=torch.bfloat16, enabled=task.mixed):
            logits = model(
                features[rows, :, :longest],
                v=four_momenta[rows, :, :longest],
                mask=mask[rows, None, :longest],
            )
        loss = cross_entropy(logits.float(), 1 - label[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        clock.end_step()


def shuffled_batches(jets: int, batch_size: int) -> Iterator[Tensor]:
    """Rows `(batch_size,)` of the jets, in a new permutation for each pass."""
    generator = torch.Generator().manual_seed(SEED)
    while True:
        order = torch.randperm(jets, generator=generator)
        yield from (rows for rows in order.split(batch_size) if len(rows) == batch_size)


def bare_loop_command(task: Task, folder: Path, times_file: Path) -> list[str]:
    task.save(folder / "task.json")
    return [sys.executable, "-m", __name__, str(folder / "task.json"), str(times_file)]


def main() -> None:
    task_file, times_file = map(Path, sys.argv[1:])
    torch.set_num_threads(1)
    task = Task.load(task_file)
    synchronize = device_synchronizer(torch.device(task.device))
    train(task, StepClock(times_file, task.warm_up_steps, task.total_steps, synchronize))


if __name__ == "__main__":
    main()
