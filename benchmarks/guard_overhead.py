"""What it costs to know at each step of molecular dynamics whether the net can be trusted.

    python -m saibench trust <point> --partition whole_trajectory --save range.json
    python -m benchmarks.guard_overhead <point> range.json

Runs the same dynamics with readings at every step, at every second, …, and with none but the first,
in turn, in one process on one thread, and prints a step's processor time and the ratio to none.
Only ratios within one run are to be trusted.
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
        for every, taken in seconds.items():
            taken.append(_seconds_a_step(force_field, trusted, every, options.steps))
    none = median(seconds[NEVER][1:])  # the first round warms up
    print(f"{'a reading every':>16} {'ms a step':>10} {'ratio':>6}")
    for every, taken in seconds.items():
        name = "never" if every == NEVER else f"{every} steps"
        of_step = median(taken[1:])
        print(f"{name:>16} {1000 * of_step:10.2f} {of_step / none:6.3f}")
    return 0


def _seconds_a_step(
    force_field: TrainedForceField, trusted: TrustedRange, every: int, steps: int
) -> float:
    """Processor time, which suffers less from neighbours than the clock."""
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
