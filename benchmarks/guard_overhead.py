"""CPU time of the guard in molecular dynamics.

    python -m saibench trust <point> --partition whole_trajectory --save range.json
    python -m benchmarks.guard_overhead <point> range.json

Runs the same dynamics with readings at every step, every second step, …, and with only the first
reading, in turn, in one process on one thread. Prints the CPU time per step and its ratio to the
last. Only ratios within one run are reliable.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

import torch
from ase import Atoms, units
from ase.md.verlet import VelocityVerlet

from saibench.analysis.trusted_range import TrustedRange
from saibench.runs.force_field import GuardedCalculator, TrainedForceField

NEVER = sys.maxsize


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("point", type=Path, help="a trained force field")
    parser.add_argument("range", type=Path, help="a range of its SOAP similarity")
    parser.add_argument("--every", type=int, nargs="+", default=[1, 2, 4, 8])
    parser.add_argument("--steps", type=int, default=100, help="of one run")
    parser.add_argument("--repeats", type=int, default=7)
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    force_field = TrainedForceField.load(options.point)
    trusted = TrustedRange.load(options.range)
    seconds: dict[int, list[float]] = {every: [] for every in (NEVER, *options.every)}
    for _ in range(options.repeats + 1):
        for every, measured in seconds.items():
            measured.append(_seconds_per_step(force_field, trusted, every, options.steps))
    none = median(seconds[NEVER][1:])  # the first round is a warm-up
    print(f"{'reading every':>16} {'ms/step':>10} {'ratio':>6}")
    for every, measured in seconds.items():
        name = "never" if every == NEVER else f"{every} steps"
        per_step = median(measured[1:])
        print(f"{name:>16} {1000 * per_step:10.2f} {per_step / none:6.3f}")
    return 0


def _seconds_per_step(
    force_field: TrainedForceField, trusted: TrustedRange, every: int, steps: int
) -> float:
    """CPU time, which depends less on other load than wall time."""
    data = force_field.data
    atoms = Atoms(force_field.symbols, data.trajectory.positions[data.split[0].rows[0]])
    atoms.calc = GuardedCalculator(force_field, trusted, every=every, action="record")
    dynamics = VelocityVerlet(atoms, 0.5 * units.fs)
    dynamics.run(1)
    start = time.process_time()
    dynamics.run(steps)
    return (time.process_time() - start) / steps


if __name__ == "__main__":
    sys.exit(main())
