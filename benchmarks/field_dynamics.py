"""Speed of fields that evolve: solvers, training of an FNO, and the reader of The Well's layout.

    python -m benchmarks.field_dynamics
    python -m benchmarks.field_dynamics --parts solver reader
    python -m benchmarks.field_dynamics --parts training --device cuda

Contestants take turns in one process on one thread; only ratios within one run are reliable.

    solver    frames per second of ETDRK4 and of scipy's LSODA at the tolerance of equal error, and
              the largest Lyapunov exponent by the growth of a small difference
    training  steps per second of an FNO in Lightning's loop, against a bare loop on one batch and
              neuraloperator's Trainer on tensors in memory, with PyTorch's AdamW and its own
    reader    MB/s of random windows of frames through `TheWell`, against h5py alone
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from scipy.integrate import solve_ivp
from torch.optim import AdamW

from benchmarks.fields.training import bare_seconds, lightning_seconds, seconds_of, trainer_seconds
from benchmarks.measurement import write_json
from saibench.datamodules.field_dynamics.files.the_well import TheWell
from saibench.datamodules.field_dynamics.kuramoto_sivashinsky import (
    KuramotoSivashinsky,
    SpectralKS,
    initial_waves,
)
from saibench.datamodules.field_dynamics.module import FieldDynamicsDataModule
from saibench.datamodules.field_dynamics.samplers import TrajectoryWindow
from saibench.datamodules.samplers import Subset
from saibench.models.field_dynamics.module import FieldDynamicsModule

LENGTH = 32 * np.pi
REPEATS = 3


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--parts", nargs="+", default=[*PARTS], choices=[*PARTS])
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu", help="of the training")
    parser.add_argument("--steps", type=int, default=100, help="of each training")
    parser.add_argument("--json", type=Path, metavar="OUT", help="write steps per second to OUT")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    for name in options.parts:
        print(f"{name}\n" + "\n".join(f"  {line}" for line in PARTS[name](options)))
    return 0


def solver(_: argparse.Namespace) -> list[str]:
    """Frames of one trajectory and of 32 at once; the Lyapunov exponent."""
    lines = []
    for trajectories, points in ((1, 1024), (32, 256)):
        equation = SpectralKS(points, LENGTH, np.ones(trajectories))
        start = np.fft.rfft(initial_waves(np.ones(trajectories), points, seed=0))
        step = equation.stepper(0.025)
        seconds = timed(lambda step=step, start=start: advanced(step, start, 400)) / 400
        lines.append(
            f"{trajectories} x {points} points: {1e6 * seconds / trajectories:.1f} µs per frame of "
            f"0.025, {trajectories / seconds:,.0f} frames/s"
        )
    equation = SpectralKS(256, LENGTH, np.ones(1))
    start = advanced(equation.stepper(0.025), np.fft.rfft(initial_waves(np.ones(1), 256, 0)), 400)
    exact = by_scipy(equation, start, 1e-10)
    step, tolerance = 0.025, 1e-4
    etdrk4 = np.abs(advanced(equation.stepper(step), start, 200) - exact).max()
    while np.abs(by_scipy(equation, start, tolerance) - exact).max() > etdrk4:
        tolerance /= 4
    own = timed(lambda: advanced(equation.stepper(step), start, 200))
    theirs = timed(lambda: by_scipy(equation, start, tolerance))
    lines.append(f"against scipy's LSODA at an equal error of {etdrk4:.1e}: {theirs / own:.1f} x")
    return [*lines, f"largest Lyapunov exponent at μ = 1: {lyapunov_exponent():.3f}"]


def lyapunov_exponent(until: float = 600.0, every: float = 5.0) -> float:
    """Mean logarithmic growth of a small difference, after a transient, over 8 trajectories."""
    equation = SpectralKS(256, LENGTH, np.ones(8))
    step = equation.stepper(0.05)
    steps = round(every / 0.05)
    state = advanced(step, np.fft.rfft(initial_waves(np.ones(8), 256, 0)), 4000)
    noise = np.random.default_rng(0).normal(size=(8, 256))
    other, rates = state + 1e-7 * np.fft.rfft(noise), []
    for _ in range(round(until / every)):
        before = np.linalg.norm(other - state, axis=1)
        state, other = advanced(step, state, steps), advanced(step, other, steps)
        after = np.linalg.norm(other - state, axis=1)
        rates.append(np.log(after / before) / every)
        other = state + (other - state) * (before / after)[:, None]
    return float(np.mean(rates[len(rates) // 5 :]))


def training(options: argparse.Namespace) -> list[str]:
    """Training of an FNO by Lightning, and by a loop over the same batches in memory."""
    steps, batch_size, device = options.steps, 32, torch.device(options.device)
    with tempfile.TemporaryDirectory() as cache:
        data = FieldDynamicsDataModule(
            training=TrajectoryWindow(0, 0.8),
            subset=Subset(),
            held_out="held_out",
            partitions={"held_out": {"samplers": [TrajectoryWindow(0.8, 1)]}},
            test=["held_out"],
            source=KuramotoSivashinsky(trajectories=60, transient=20.0),
            cache=cache,
            batch_size=batch_size,
            steps_per_round=steps,
        )
        net = {"_target_": "saibench.models.field_dynamics.nets.fno.FNO", "width": 32, "layers": 4}
        module = FieldDynamicsModule(
            net, data.dataset_info(), "fno",
            optimizer={"_target_": "torch.optim.AdamW", "_partial_": False, "lr": 0.001},
        )  # fmt: skip
        contestants: dict[str, Callable[[], float]] = {
            "bare": lambda: bare_seconds(module, data, steps, device),
            "saibench": lambda: lightning_seconds(module, data, steps, device),
        }
        if find_spec("neuralop"):
            contestants |= {
                "Trainer": lambda: trainer_seconds(module, data, steps, device, AdamW),
                "Trainer with its AdamW": lambda: trainer_seconds(
                    module, data, steps, device, None
                ),
            }
        rates: dict[str, list[float]] = {}
        for _ in range(REPEATS):
            for name, seconds in contestants.items():
                rates.setdefault(name, []).append(steps / seconds())
                found = {name: median(values) for name, values in rates.items()}
                write_json(options.json, {"device": str(device), "steps_per_second": found})
    own = found.pop("saibench")
    return [f"saibench: {own:.1f} steps/s"] + [
        f"{name}: {rate:.1f} steps/s, saibench is {own / rate:.2f} x"
        for name, rate in found.items()
    ]


def reader(_: argparse.Namespace) -> list[str]:
    """Windows of 5 frames of 256 x 256 points, from a file of 64 MB."""
    import h5py

    frames, window, grid = 120, 5, (256, 256)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "flow.hdf5"
        with h5py.File(path, "w") as file:
            file["dimensions/time"] = np.arange(frames) / 10
            for name in "xy":
                file[f"dimensions/{name}"] = np.arange(256) / 256
            values = np.random.default_rng(0).normal(size=(2, frames, *grid)).astype("f4")
            file["t0_fields/density"] = values
        data = TheWell([str(path)]).load(Path(folder))
        starts = np.random.default_rng(1).integers(0, frames - window, 100)
        megabytes = len(starts) * window * np.prod(grid) * 4 / 1e6

        def own() -> None:
            for start in starts:
                data.values[1, start : start + window]

        def theirs() -> None:
            with h5py.File(path, "r") as file:
                for start in starts:
                    file["t0_fields/density"][1, start : start + window]

        rates = [megabytes / timed(one) for one in (own, theirs)]
    return [f"saibench {rates[0]:,.0f} MB/s, h5py {rates[1]:,.0f} MB/s: {rates[0] / rates[1]:.2f}"]


def advanced(step: Callable[[np.ndarray], np.ndarray], state: np.ndarray, steps: int) -> np.ndarray:
    for _ in range(steps):
        state = step(state)
    return state


def by_scipy(equation: SpectralKS, start: np.ndarray, tolerance: float) -> np.ndarray:
    """The state after 5 time units, by an explicit method of variable step."""

    def rate(_: float, values: np.ndarray) -> np.ndarray:
        spectrum = values.view(complex).reshape(start.shape)
        return (equation.linear * spectrum + equation.nonlinear(spectrum)).ravel().view(float)

    found = solve_ivp(
        rate, (0, 5), start.ravel().view(float), method="LSODA", rtol=tolerance, atol=tolerance
    )
    return found.y[:, -1].copy().view(complex).reshape(start.shape)


def timed(task: Callable[[], Any]) -> float:
    """Median seconds of a few repeats."""
    return median(seconds_of(task) for _ in range(REPEATS))


PARTS: dict[str, Callable[[argparse.Namespace], list[str]]] = {
    "solver": solver,
    "training": training,
    "reader": reader,
}

if __name__ == "__main__":
    raise SystemExit(main())
