"""Whether a force field's forces turn with the molecule (paper table 3 and §7)."""

from __future__ import annotations

from functools import partial

import numpy as np
import polars

from saibench.analysis.blocks import block_columns, blocks_of
from saibench.analysis.bootstrap import Floats, Interval, block_bootstrap
from saibench.analysis.force_field.rotated_frames import rotated_pairs, rotated_partition
from saibench.evidence.reader import StudyEvidence
from saibench.evidence.selection import Variant, tested, variants
from saibench.findings.finding import CONTRADICTED, INCONCLUSIVE, SUPPORTED, Answer, Finding, ask
from saibench.formatting import bracketed, number

ROUNDING = 0.01
"""Change in meV/Å or meV below which it is rounding: float32 holds forces of 1 eV/Å to 1e-4 meV/Å,
and a net sums up some hundred numbers of that size."""
EQUIVARIANT = "but for rounding, forces of turned molecules are turned forces (§7)"
INVARIANT = "but for rounding, turned molecules have the same energy (§7)"
CLAIMS = {
    EQUIVARIANT: ("equivariance_error", "force_mae", "meV/Å", "force MAE"),
    INVARIANT: ("energy_change", "energy_mae", "meV", "energy MAE"),
}
"""By claim: what turning changes, the error that it is measured against, unit and its name."""


def findings(evidence: StudyEvidence) -> list[Finding]:
    """Of every model that was tested on turned molecules."""
    if rotated_partition(evidence) is None:
        return []
    pairs = rotated_pairs(evidence)
    return [
        finding
        for claim in CLAIMS
        for variant in variants(tested(evidence), [], by=["train_count"])
        for finding in ask(claim, variant.label, partial(_rounds, pairs, variant, claim))
    ]


def _rounds(pairs: polars.DataFrame, variant: Variant, claim: str) -> Answer | None:
    changed, error, unit, name = CLAIMS[claim]
    points = [point for cell in variant.cells for point in cell.points]
    rows = (
        pairs.filter(polars.col("point").is_in(points))
        .group_by("sample_id", *block_columns(pairs))
        .agg(polars.col(changed, error).mean())
        .sort("sample_id")
    )
    if not rows.height:
        return None
    values = rows.select(changed, error).to_numpy().astype(np.float64)
    share = block_bootstrap(values, blocks_of(rows, values), _ratio_of_means, of_means=True)
    change = block_bootstrap(values[:, 0], blocks_of(rows, values[:, 0]))
    return (
        _verdict(change),
        f"turning changes them by {_shown(change)} {unit} on average over {change.count:,} frames, "
        f"{_shown(share)} of the {name}; less than {ROUNDING:g} {unit} counts as rounding.",
    )


def _ratio_of_means(values: Floats, weights: Floats) -> Floats:
    """`(resamplings,)` of values `(samples, 2)` and weights `(resamplings, samples)`."""
    sums = weights @ values
    return sums[:, 0] / sums[:, 1]


def _verdict(change: Interval) -> str:
    if change.high < ROUNDING:
        return SUPPORTED
    return CONTRADICTED if change.low > ROUNDING else INCONCLUSIVE


def _shown(interval: Interval) -> str:
    return bracketed(interval, shown=partial(number, digits=2))
