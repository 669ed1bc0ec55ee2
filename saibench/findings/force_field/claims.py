"""The paper's findings on force fields (§4), asked of a study's own evidence.

Each question is answered with a number, its block-bootstrap interval and a verdict: `supported` or
`contradicted` when the interval decides, `inconclusive` when it allows both. It is asked of points
that have everything in common but what the question is about; seeds alone are averaged.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from itertools import pairwise

import numpy as np
import polars

from saibench.analysis.bootstrap import Floats, Interval
from saibench.analysis.cell_errors import CellErrors, axis_errors, cell_errors
from saibench.analysis.force_field.window_similarity import similarity_correlation
from saibench.errors import UserError
from saibench.evidence.reader import StudyEvidence
from saibench.evidence.selection import (
    WINDOW,
    Variant,
    fewest_seeds,
    tested,
    variants,
    windows_of_equal_count,
)
from saibench.findings.finding import CONTRADICTED, INCONCLUSIVE, SUPPORTED, Answer, Finding, ask
from saibench.findings.verdict import decided, verdict, verdict_of_several
from saibench.formatting import fixed, short

TURN = 1000
"""Samples beyond which the paper sees gains shrink (§4.1)."""
MIN_WINDOWS = 5
"""Fewer windows fall into the order of their similarity by chance too often to say anything."""
CHARGE_RATIO = 8 / 6
"""Nuclear charge of oxygen over that of carbon."""
SIZES = ["subset.count", "subset.fraction"]

GAINS_SHRINK = f"gains from more training samples shrink beyond {TURN:,} (§4.1, fig. 2)"
HYDROGEN_LEAST = "hydrogen errs least (§4.1, fig. 2a)"
OXYGEN_SHORT = (
    "errors of oxygen fall short of the proportion of its charge to carbon's (§4.1, fig. 2a)"
)
WIDER_BETTER = "at an equal start, wider windows are better (§4.2, fig. 3)"
ZIG_ZAG = (
    "windows of equal width do not improve steadily towards the test: a zig-zag (§4.2, fig. 3)"
)
SIMILAR_BETTER = "windows more similar to the test err less (§4.2, fig. 4)"


def findings(evidence: StudyEvidence) -> list[Finding]:
    """The findings that this study's points can speak to, in the paper's order."""
    points = tested(evidence)
    if not points.height or not {"force_mae", "time"} <= set(evidence.samples.columns):
        return []
    return [
        *_of_sizes(evidence, points),
        *_of_species(evidence, points),
        *_of_windows(evidence, points),
    ]


def _of_sizes(evidence: StudyEvidence, points: polars.DataFrame) -> list[Finding]:
    found: list[Finding] = []
    for variant in variants(points, SIZES, by=["train_count"]):
        found += ask(
            GAINS_SHRINK,
            variant.label,
            partial(_gains_shrink, evidence, variant),
            fewest_seeds(variant.cells),
        )
    return found


def _of_species(evidence: StudyEvidence, points: polars.DataFrame) -> list[Finding]:
    if "species" not in evidence.table("by_species").columns:
        return []
    window = [name for name in WINDOW if name in points.columns]
    found: list[Finding] = []
    for variant in variants(points, ["window", *SIZES], by=["train_count", *window]):
        found += ask(HYDROGEN_LEAST, variant.label, partial(_hydrogen_least, evidence, variant))
        found += ask(OXYGEN_SHORT, variant.label, partial(_oxygen_short, evidence, variant))
    return found


def _of_windows(evidence: StudyEvidence, points: polars.DataFrame) -> list[Finding]:
    found: list[Finding] = []
    for variant in windows_of_equal_count(points):
        seeds = fewest_seeds(variant.cells)
        found += ask(WIDER_BETTER, variant.label, partial(_wider_better, evidence, variant), seeds)
        found += ask(ZIG_ZAG, variant.label, partial(_zig_zag, evidence, variant), seeds)
        found += ask(
            SIMILAR_BETTER, variant.label, partial(_similar_better, evidence, variant), seeds
        )
    return found


def _gains_shrink(evidence: StudyEvidence, variant: Variant) -> Answer | None:
    counts = np.array([cell.shared["train_count"] for cell in variant.cells], dtype=float)
    if counts.min() >= TURN or counts.max() <= TURN or TURN not in counts:
        return None
    errors = cell_errors(evidence, variant.cells, "force_mae")
    doublings = np.log2(counts)
    turn = int(np.flatnonzero(counts == TURN)[0])

    def gain(means: Floats, first: int, last: int) -> Floats:
        return -np.log2(means[:, last] / means[:, first]) / (doublings[last] - doublings[first])

    before = errors.interval(lambda means: gain(means, 0, turn))
    after = errors.interval(lambda means: gain(means, turn, -1))
    change = errors.interval(lambda means: gain(means, 0, turn) - gain(means, turn, -1))
    return (
        verdict(change),
        f"halvings of the force MAE a doubling of the samples: {short(before)} from "
        f"{counts.min():,.0f} to {TURN:,}, {short(after)} from {TURN:,} to {counts.max():,.0f}; "
        f"difference {short(change)}.",
    )


def _hydrogen_least(evidence: StudyEvidence, variant: Variant) -> Answer | None:
    errors = axis_errors(evidence, variant.cells, "species", "force_mae")
    columns = _columns_by_species(errors)
    if "H" not in columns or len(columns) < 2:
        return None
    hydrogen = columns["H"]
    others = np.array([columns[name] for name in columns if name != "H"])

    def margins(means: Floats) -> Floats:
        """(resamplings, training cells)"""
        return means[:, others].min(axis=1) - means[:, hydrogen]

    margin = errors.interval(lambda means: margins(means).mean(axis=1))
    single = [
        errors.interval(lambda means, number=number: margins(means)[:, number])  # type: ignore[misc]
        for number in range(len(hydrogen))
    ]
    least, not_least = decided(single)
    of_species = ", ".join(f"{name} {short(_mean(errors, columns[name]))}" for name in columns)
    each = (
        f", which has the smallest error in {least} of {len(single)}, not in {not_least}, "
        f"inconclusive in {len(single) - least - not_least}"
        if len(single) > 1
        else ""
    )
    return (
        verdict_of_several(margin, least, not_least),
        f"force MAE{_averaged(variant)}: {of_species} meV/Å; the next best species errs by "
        f"{short(margin)} meV/Å more than hydrogen{each}.",
    )


def _oxygen_short(evidence: StudyEvidence, variant: Variant) -> Answer | None:
    errors = axis_errors(evidence, variant.cells, "species", "force_mae")
    columns = _columns_by_species(errors)
    if not {"C", "O"} <= set(columns):
        return None
    carbon, oxygen = columns["C"], columns["O"]
    if not errors.values[:, carbon].mean(axis=0).all():
        raise UserError("The force error of carbon is 0, so that oxygen's has no ratio to it.")
    ratio = errors.interval(lambda means: (means[:, oxygen] / means[:, carbon]).mean(axis=1))
    lacking = errors.interval(
        lambda means: CHARGE_RATIO - (means[:, oxygen] / means[:, carbon]).mean(axis=1)
    )
    return (
        verdict(lacking),
        f"force MAE of oxygen over carbon's{_averaged(variant)} is {short(ratio)}; the charges' "
        f"ratio is {CHARGE_RATIO:.2f}.",
    )


def _wider_better(evidence: StudyEvidence, variant: Variant) -> Answer | None:
    starts = [cell.shared["window_start"] for cell in variant.cells]
    pairs = [(n, w) for n, w in pairwise(range(len(starts))) if starts[n] == starts[w]]
    if not pairs:
        return None
    errors = cell_errors(evidence, variant.cells, "force_mae")
    better, worse = decided(_difference(errors, narrow, wide) for narrow, wide in pairs)
    narrow, wide = (list(side) for side in zip(*pairs, strict=True))
    mean = errors.interval(lambda means: (means[:, narrow] - means[:, wide]).mean(axis=1))
    return (
        verdict_of_several(mean, better, worse),
        f"the next wider window lowers the force MAE by {short(mean)} meV/Å on average over "
        f"{len(pairs)} pairs; it is better in {better}, worse in {worse}, inconclusive in "
        f"{len(pairs) - better - worse}.",
    )


def _zig_zag(evidence: StudyEvidence, variant: Variant) -> Answer | None:
    bounds = np.array([[cell.shared[bound] for bound in WINDOW] for cell in variant.cells])
    widths = np.round(bounds[:, 1] - bounds[:, 0], 9)
    narrow = np.flatnonzero(widths == widths.min()).tolist()
    if len(narrow) < 3:
        return None
    errors = cell_errors(evidence, variant.cells, "force_mae")
    steps = [_difference(errors, later, earlier) for earlier, later in pairwise(narrow)]
    up, down = decided(steps)
    zig_zag = (
        SUPPORTED if up and down else (INCONCLUSIVE if up + down < len(steps) else CONTRADICTED)
    )
    by_start = ", ".join(
        f"{100 * bounds[number, 0]:g} %: {errors.values[:, number].mean():.1f}" for number in narrow
    )
    return (
        zig_zag,
        f"force MAE of {100 * widths.min():g} % windows by start [meV/Å]: {by_start}; of "
        f"{len(steps)} steps towards the test {up} raise and {down} lower it beyond doubt.",
    )


def _similar_better(evidence: StudyEvidence, variant: Variant) -> Answer | None:
    count = len(variant.cells)
    if count < MIN_WINDOWS:
        return None
    rho = similarity_correlation(evidence, variant.cells)
    opposite = replace(rho, low=-rho.high, estimate=-rho.estimate, high=-rho.low)
    return (
        verdict(opposite),
        f"Spearman's ρ between centred SOAP similarity and force MAE is {fixed(rho)} over {count} "
        "windows, which overlap.",
    )


def _columns_by_species(errors: CellErrors) -> dict[str, list[int]]:
    """By species, its columns in the order of the training cells."""
    columns: dict[str, list[int]] = {}
    for number, cell in enumerate(errors.cells):
        columns.setdefault(cell["species"], []).append(number)
    return columns


def _mean(errors: CellErrors, columns: list[int]) -> Interval:
    return errors.interval(lambda means: means[:, columns].mean(axis=1))


def _averaged(variant: Variant) -> str:
    count = len(variant.cells)
    return f" (averaged over {count} training sets)" if count > 1 else ""


def _difference(errors: CellErrors, first: int, second: int) -> Interval:
    return errors.interval(lambda means: means[:, first] - means[:, second])
