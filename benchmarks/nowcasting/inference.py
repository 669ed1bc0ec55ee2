"""Timing of one contestant's predictions, run in a process of its own.

python -m benchmarks.nowcasting.inference TASK.json RESULT.json
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import grid_sample

from benchmarks.measurement import Usage, peak_megabytes, task_main
from benchmarks.step_timer import device_synchronizer
from saibench.models.nowcasting.nets.nowcastnet import NowcastNet
from saibench.models.nowcasting.nets.nowcastnet.spade import Guide

OBSERVED, LEADS = 9, 20


@dataclass(frozen=True)
class InferenceTask:
    """The predictions to be timed.

    Args:
        contestant: `bare` or `saibench`.
        base_channels: width of the net.
        size: height and width of a field in pixels.
        events: timed events, after one for warm-up.
        draws: predictions per event.
        device: `cpu` or `cuda`.
    """

    contestant: str
    base_channels: int
    size: int
    events: int
    draws: int
    device: str


def bare_predictions(net: NowcastNet, observed: Tensor, draws: int) -> Iterator[Tensor]:
    """Predict like the published code: every draw from the start, lead time by lead time."""
    batch, _, height, width = observed.shape
    for _ in range(draws):
        motion, intensity = net.evo_net(observed)
        frame, frames = observed[:, -1:], []
        for lead in range(LEADS):
            rows, columns = torch.meshgrid(
                torch.arange(height, device=observed.device),
                torch.arange(width, device=observed.device),
                indexing="ij",
            )
            x = 2 * (columns + motion[:, lead, 0]) / (width - 1) - 1
            y = 2 * (rows + motion[:, lead, 1]) / (height - 1) - 1
            place = torch.stack((x, y), dim=-1)
            frame = grid_sample(
                frame, place, mode="nearest", padding_mode="border", align_corners=True
            )
            frame = frame + intensity[:, lead, None]
            frames.append(frame)
        evolved = torch.cat(frames, dim=1) / 128
        features = net.gen_enc(torch.cat((observed, evolved), dim=1))
        noise = torch.randn(
            batch, net.noise_channels, height // 32, width // 32, device=observed.device
        )
        features = torch.cat((features, net.proj(noise)), dim=1)
        yield net.gen_dec(features, Guide(evolved))


def saibench_predictions(net: NowcastNet, observed: Tensor, draws: int) -> Iterator[Tensor]:
    """Predict as in an evaluation."""
    return iter([net(observed)]) if draws == 1 else net.draws(observed, draws)


CONTESTANTS: dict[str, Callable[[NowcastNet, Tensor, int], Iterator[Tensor]]] = {
    "bare": bare_predictions,
    "saibench": saibench_predictions,
}


def predict(task: InferenceTask) -> Usage:
    device = torch.device(task.device)
    synchronize = device_synchronizer(device)
    net = NowcastNet(task.base_channels).to(device).eval()
    predictions = CONTESTANTS[task.contestant]
    generator = torch.Generator().manual_seed(0)
    with torch.inference_mode():
        for event in range(task.events + 1):
            if event == 1:
                synchronize()
                began, cpu_began = time.perf_counter(), time.process_time()
            observed = 20 * torch.rand(1, OBSERVED, task.size, task.size, generator=generator)
            for predicted in predictions(net, observed.to(device), task.draws):
                assert predicted.shape == (1, LEADS, task.size, task.size)
        synchronize()
    return Usage(
        seconds=time.perf_counter() - began,
        cpu_seconds=time.process_time() - cpu_began,
        peak_megabytes=peak_megabytes(device),
    )


if __name__ == "__main__":
    task_main(InferenceTask, predict)
