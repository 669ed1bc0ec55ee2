"""Seconds of the training of one FNO by each contestant."""

from __future__ import annotations

import contextlib
import io
import time
from collections.abc import Callable
from typing import Any

import torch

from benchmarks.step_timer import device_synchronizer
from saibench.datamodules.field_dynamics.module import FieldDynamicsDataModule
from saibench.models.field_dynamics.module import FieldDynamicsModule
from saibench.models.field_dynamics.nets.inputs import stacked

CPU = torch.device("cpu")


def bare_seconds(
    module: FieldDynamicsModule, data: FieldDynamicsDataModule, steps: int, device: torch.device
) -> float:
    """Steps on one batch on the device."""
    batch = data.batch_of(data.split[0].rows[: data.batch_size])
    fields, target = (module._standardised(one) for one in (batch.observed, batch.target[:, :1]))
    mu = module._conditions(batch)
    fields, target, mu = (one.to(device) for one in (fields, target, mu))
    optimizer = module.to(device).configure_optimizers()

    def loop() -> None:
        for _ in range(steps):
            optimizer.zero_grad()
            frame = fields[:, -1] + module.net(fields, mu)
            (frame - target[:, 0]).square().mean().backward()
            optimizer.step()

    found = seconds_of(loop, device)
    module.cpu()
    return found


def lightning_seconds(
    module: FieldDynamicsModule, data: FieldDynamicsDataModule, steps: int, device: torch.device
) -> float:
    """Steps of Lightning's loop on batches of the data module."""
    from lightning import Trainer

    trainer = Trainer(
        max_steps=steps,
        limit_val_batches=0,
        accelerator="gpu" if device.type == "cuda" else "cpu",
        devices=1,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    found = seconds_of(lambda: trainer.fit(module, data), device)
    module.cpu()
    return found


def trainer_seconds(
    module: FieldDynamicsModule,
    data: FieldDynamicsDataModule,
    steps: int,
    device: torch.device,
    optimizer: Any = None,
) -> float:
    """Steps of neuraloperator's Trainer, as in its examples, on pairs of frames in memory.

    Args:
        module: whose net is trained.
        data: of the pairs.
        steps: of one epoch.
        device: of the net.
        optimizer: class; None for neuraloperator's.
    """
    from neuralop import Trainer
    from neuralop.losses import LpLoss
    from neuralop.training import AdamW as NeuralOperatorAdamW

    pairs = data.batch_of(data.split[0].rows[: steps * data.batch_size])
    fields = module._standardised(pairs.observed)
    inputs = stacked(fields, module._conditions(pairs))
    target = module._standardised(pairs.target[:, :1])[:, 0]
    dataset = [{"x": x, "y": y} for x, y in zip(inputs, target, strict=True)]
    repeats = -(-steps * data.batch_size // len(dataset))
    loader = torch.utils.data.DataLoader(
        (dataset * repeats)[: steps * data.batch_size], data.batch_size, shuffle=True
    )
    net = module.net.mod.to(device)
    chosen = (optimizer or NeuralOperatorAdamW)(net.parameters(), lr=0.001)
    schedule = torch.optim.lr_scheduler.StepLR(chosen, 100)
    trainer = Trainer(model=net, n_epochs=1, device=device)
    with contextlib.redirect_stdout(io.StringIO()):
        found = seconds_of(
            lambda: trainer.train(loader, {}, chosen, schedule, training_loss=LpLoss(d=1, p=2)),
            device,
        )
    module.cpu()
    return found


def seconds_of(task: Callable[[], Any], device: torch.device = CPU) -> float:
    before = time.perf_counter()
    task()
    device_synchronizer(device)()
    return time.perf_counter() - before
