"""The paper's claims on force fields (§4), tested on a study's evidence.

Each finding has a number with its block-bootstrap interval and a verdict: `supported` or
`contradicted` if the interval decides, `inconclusive` if it allows both. Claims compare runs that
differ only in the setting in question; seeds are averaged.
"""

from __future__ import annotations

from functools import partial
from itertools import pairwise

import numpy as np
import polars

from saibench.analysis.bootstrap import Floats, Interval
from saibench.analysis.cell_errors import CellErrors, cell_errors
from saibench.analysis.force_field.window_similarity import similarity_correlation
from saibench.errors import UserError
from saibench.evidence.reader import StudyEvidence
from saibench.evidence.selection import (
    WINDOW,
    Variant,
    min_seeds,
    tested,
    variants,
    windows_of_equal_count,
)
from saibench.findings.finding import (
    CONTRADICTED,
    INCONCLUSIVE,
    SUPPORTED,
    Answer,
    Finding,
    check_claim,
)
from saibench.findings.verdict import count_significant, verdict, verdict_below, verdict_of_mean
from saibench.formatting import fixed, short

TURN = 1000
"""Samples beyond which the paper finds that gains shrink (§4.1)."""
MIN_WINDOWS = 5
"""With fewer windows, a perfect rank correlation is too likely by chance."""
CHARGE_RATIO = 8 / 6
"""Nuclear charge of oxygen over that of carbon."""
SIZES = ["subset.count", "subset.fraction"]

GAINS_SHRINK = f"gains from more training samples shrink beyond {TURN:,} (§4.1, fig. 2)"
HYDROGEN_LEAST = "hydrogen has the smallest force error (§4.1, fig. 2a)"
OXYGEN_SHORT = (
    "the force error of oxygen over carbon's is below the ratio of their charges (§4.1, fig. 2a)"
)
WIDER_BETTER = "at an equal start, wider windows are better (§4.2, fig. 3)"
ZIG_ZAG = (
    "errors of windows of equal width zig-zag instead of falling towards the test (§4.2, fig. 3)"
)
SIMILAR_BETTER = "windows more similar to the test have smaller errors (§4.2, fig. 4)"


def findings(evidence: StudyEvidence) -> list[Finding]:
    """The findings that this study's runs can test, in the paper's order."""
    points = tested(evidence)
    if not points.height or not {"force_mae", "time"} <= set(evidence.samples.columns):
        return []
    return [
        *_of_sizes(evidence, points),
        *_of_species(evidence, points),
        *_of_windows(evidence, points),
    ]


def _of_sizes(evidence: StudyEvidence, points: polars.DataFrame) -> list[Finding]:
    return [
        finding
        for variant in variants(points, SIZES, by=["train_count"])
        for finding in check_claim(
            GAINS_SHRINK,
            variant.label,
            partial(_gains_shrink, evidence, variant),
            min_seeds(variant.cells),
        )
    ]


def _of_species(evidence: StudyEvidence, points: polars.DataFrame) -> list[Finding]:
    if "species" not in evidence.table("by_species").columns:
        return []
    window = [name for name in WINDOW if name in points.columns]
    tests = {HYDROGEN_LEAST: _hydrogen_least, OXYGEN_SHORT: _oxygen_short}
    return [
        finding
        for variant in variants(points, ["window", *SIZES], by=["train_count", *window])
        for claim, test in tests.items()
        for finding in check_claim(claim, variant.label, partial(test, evidence, variant))
    ]


def _of_windows(evidence: StudyEvidence, points: polars.DataFrame) -> list[Finding]:
    tests = {WIDER_BETTER: _wider_better, ZIG_ZAG: _zig_zag, SIMILAR_BETTER: _similar_better}
    return [
        finding
        for variant in windows_of_equal_count(points)
        for claim, test in tests.items()
        for finding in check_claim(
            claim, variant.label, partial(test, evidence, variant), min_seeds(variant.cells)
        )
    ]


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
        f"halvings of the force MAE per doubling of the samples: {short(before)} from "
        f"{counts.min():,.0f} to {TURN:,}, {short(after)} from {TURN:,} to {counts.max():,.0f}; "
        f"difference {short(change)}.",
    )


def _hydrogen_least(evidence: StudyEvidence, variant: Variant) -> Answer | None:
    errors = cell_errors(evidence, variant.cells, "force_mae", "species")
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
    least, not_least = count_significant(single)
    of_species = ", ".join(f"{name} {short(_mean(errors, columns[name]))}" for name in columns)
    each = f", significantly for {least} of {len(single)}" if len(single) > 1 else ""
    each += f" and not the smallest for {not_least}" if not_least else ""
    return (
        verdict_of_mean(margin, least, not_least),
        f"force MAE{_averaged(variant)}: {of_species} meV/Å; the next best species has an error "
        f"{short(margin)} meV/Å larger than hydrogen{each}.",
    )


def _oxygen_short(evidence: StudyEvidence, variant: Variant) -> Answer | None:
    errors = cell_errors(evidence, variant.cells, "force_mae", "species")
    columns = _columns_by_species(errors)
    if not {"C", "O"} <= set(columns):
        return None
    carbon, oxygen = columns["C"], columns["O"]
    if not errors.values[:, carbon].mean(axis=0).all():
        raise UserError("The force MAE of carbon is 0: oxygen's ratio to it is undefined.")
    ratio = errors.interval(lambda means: (means[:, oxygen] / means[:, carbon]).mean(axis=1))
    return (
        verdict_below(ratio, CHARGE_RATIO),
        f"force MAE of oxygen over carbon's{_averaged(variant)} is {short(ratio)}; the ratio of "
        f"their charges is {CHARGE_RATIO:.2f}.",
    )


def _wider_better(evidence: StudyEvidence, variant: Variant) -> Answer | None:
    starts = [cell.shared["window_start"] for cell in variant.cells]
    pairs = [(n, w) for n, w in pairwise(range(len(starts))) if starts[n] == starts[w]]
    if not pairs:
        return None
    errors = cell_errors(evidence, variant.cells, "force_mae")
    better, worse = count_significant(_difference(errors, narrow, wide) for narrow, wide in pairs)
    narrow, wide = (list(side) for side in zip(*pairs, strict=True))
    mean = errors.interval(lambda means: (means[:, narrow] - means[:, wide]).mean(axis=1))
    return (
        verdict_of_mean(mean, better, worse),
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
    up, down = count_significant(steps)
    zig_zag = (
        SUPPORTED if up and down else (INCONCLUSIVE if up + down < len(steps) else CONTRADICTED)
    )
    by_start = ", ".join(
        f"{100 * bounds[number, 0]:g} %: {errors.values[:, number].mean():.1f}" for number in narrow
    )
    return (
        zig_zag,
        f"force MAE of {100 * widths.min():g} % windows by start [meV/Å]: {by_start}; of "
        f"{len(steps)} steps towards the test {up} increase and {down} decrease it significantly.",
    )


def _similar_better(evidence: StudyEvidence, variant: Variant) -> Answer | None:
    count = len(variant.cells)
    if count < MIN_WINDOWS:
        return None
    rho = similarity_correlation(evidence, variant.cells)
    return (
        verdict_below(rho),
        f"Spearman's ρ between centred SOAP similarity and force MAE is {fixed(rho)} over {count} "
        "overlapping windows.",
    )


def _columns_by_species(errors: CellErrors) -> dict[str, list[int]]:
    """The columns of each species, in the order of the training cells."""
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
