"""`python -m saibench guard <run folder>`: molecular dynamics within a trusted range."""

from __future__ import annotations

import argparse
from pathlib import Path

from saibench.commands.config_dir import add_config_dir, add_data_root
from saibench.commands.ranges import check_range


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "guard",
        help="run molecular dynamics with a trained force field and its trusted range",
        description="Runs Langevin dynamics with a trained run. At intervals it computes the "
        "features of the trusted range, and says whether the frame is in that range, and since "
        "when the simulation no longer resembles the calibration of the range. If a calculator "
        "made the data, it also gives the true error. Writes dynamics.csv and a figure "
        "of error and bound over time.",
    )
    parser.add_argument("point", type=Path, help="folder of a trained force field")
    parser.add_argument(
        "--range",
        type=Path,
        required=True,
        metavar="FILE",
        help="trusted range saved by trust --save; its features may be SOAP distances and "
        "similarities, distances in the net's latent space, disagreement of a committee, "
        "uncertainty of the last layer, and predicted energy",
    )
    parser.add_argument(
        "--tolerance", type=float, help="largest acceptable error (default: the range's)"
    )
    parser.add_argument("--steps", type=int, default=4000, help="steps to run (default: 4000)")
    parser.add_argument("--every", type=int, default=4, help="steps between checks (default: 4)")
    parser.add_argument("--temperature", type=float, default=500.0, help="K (default: 500)")
    parser.add_argument("--timestep", type=float, default=0.5, help="fs (default: 0.5)")
    parser.add_argument("--friction", type=float, default=2.0, help="1/ps (default: 2)")
    parser.add_argument(
        "--start", type=int, default=0, help="training frame to start from (default: 0)"
    )
    parser.add_argument(
        "--seed", type=int, default=0, help="seed of velocities and thermostat (default: 0)"
    )
    parser.add_argument(
        "--false-alarm",
        type=float,
        default=0.05,
        help="largest probability of a false alarm that the simulation no longer resembles the "
        "calibration (default: 0.05)",
    )
    parser.add_argument("--out", type=Path, help="target folder (default: <run folder>/guard)")
    add_data_root(parser)
    add_config_dir(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print sentences and write the run's files; return the exit code."""
    check_range(args, "tolerance", "temperature", "timestep", "friction", above=0)
    check_range(args, "false_alarm", above=0, below=1)
    check_range(args, "steps", "every", at_least=1)
    check_range(args, "start", "seed", at_least=0)
    from saibench.analysis.exchangeability.monitor import WITHOUT_REFERENCE
    from saibench.analysis.trusted_range import TrustedRange
    from saibench.analysis.trusted_range.suitable import mismatch_warnings
    from saibench.datamodules.force_field.langevin import Thermostat
    from saibench.figures.force_field import guarded_dynamics as figure
    from saibench.runs.force_field import GuardedCalculator, TrainedForceField
    from saibench.runs.force_field.dynamics import Dynamics, guarded_dynamics, write_run
    from saibench.runs.force_field.summary import sentences

    trusted = TrustedRange.load(args.range)
    force_field = TrainedForceField.load(args.point, args.data_root)
    calculator = GuardedCalculator(
        force_field,
        trusted,
        tolerance=args.tolerance,
        every=args.every,
        action="record",
        timestep=args.timestep,
        false_alarm=args.false_alarm,
    )
    for doubt in mismatch_warnings(trusted, force_field.model):
        print(doubt)
    make_reference = getattr(force_field.data.source, "calculator", None)
    plan = Dynamics(
        Thermostat(args.temperature, args.friction, args.timestep),
        steps=args.steps,
        start=args.start,
        seed=args.seed,
    )
    found = guarded_dynamics(calculator, plan, make_reference and make_reference())
    drawn = figure.draw(found, trusted, calculator.tolerance, args.false_alarm)
    folder = write_run(args.out or args.point / "guard", found, drawn)
    if found.height < plan.steps // calculator.every + 1:
        print(
            f"The run ends after {found['time'][-1]:.3g} ps: the molecule is broken, or the "
            "reference did not converge."
        )
    print("\n".join(sentences(found, trusted, calculator.tolerance)))
    print(calculator.monitor.sentence() if calculator.monitor else WITHOUT_REFERENCE)
    print(folder)
    return 0
