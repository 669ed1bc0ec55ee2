"""How narrow a bound could be that knows the scale of each frame's force error, but not its noise.

    python docs/results/trusted_range/scale_limit.py <study folder> <partition>

A frame's force error is a mean over its atoms. Features can at best tell its expected value; what
is left is the noise of that mean. Its spread is estimated from the atoms' errors, relative to those
of the frame and of the same atom in other frames, as if the atoms of a frame were independent.
Atoms that depend on each other make the noise, and so the ratio, larger. Every frame has the same
coverage: a bound that covers some frames less than others may be narrower.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import polars

from saibench.evidence.reader import StudyEvidence
from saibench.evidence.selection import short_names

COVERAGE = 0.9
DRAWS = 100_000


def limits(errors: np.ndarray, seed: int = 0) -> tuple[float, float]:
    """Mean bound over the bound without features, at the same coverage.

    Args:
        errors: of each atom, `(frames, atoms)`.

    Returns:
        of a bound that is each frame's error; and of one that knows its expected value.
    """
    frame = errors.mean(axis=1)
    oracle = float(frame.mean() / np.quantile(frame, COVERAGE))
    typical = errors.mean(axis=0) / errors.mean()
    ratio = errors / (frame[:, None] * typical)
    ratio /= ratio.mean(axis=0)
    rng, count = np.random.default_rng(seed), errors.shape[1]
    drawn = [share * rng.choice(ratio[:, atom], DRAWS) for atom, share in enumerate(typical)]
    # ratios to the mean of their own frame lack a share 1 / count of the variance
    noise = 1 + (np.mean(drawn, axis=0) - 1) * np.sqrt(count / (count - 1))
    return oracle, oracle * float(np.quantile(noise, COVERAGE))


def atom_errors(evidence: StudyEvidence, point: str, partition: str) -> np.ndarray:
    """Force errors of the frames of a partition that were not trained on, `(frames, atoms)`."""
    keys = (polars.col("point") == point) & (polars.col("partition") == partition)
    unseen = evidence.samples.filter(keys & ~polars.col("seen_in_training")).select("sample_id")
    rows = evidence.table("by_atom").filter(keys).join(unseen, on="sample_id")
    ordered = rows.sort("sample_id", "atom")["force_mae"].to_numpy()
    return ordered.reshape(unseen.height, -1)


def main() -> int:
    folder, partition = Path(sys.argv[1]), sys.argv[2]
    evidence = StudyEvidence.load(folder)
    names = short_names(evidence)
    for point in evidence.metrics:
        oracle, scale = limits(atom_errors(evidence, point, partition))
        print(
            f"{names[point]}: at most {100 * (1 - scale):.1f} % narrower with the scale of each "
            f"frame's error, {100 * (1 - oracle):.1f} % with the error itself"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
