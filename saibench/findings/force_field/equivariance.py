"""Whether a force field's forces rotate with the molecule (paper table 3 and §7)."""

from __future__ import annotations

from functools import partial

import numpy as np
import polars

from saibench.analysis.blocks import block_columns, blocks_of
from saibench.analysis.bootstrap import Floats, Interval, block_bootstrap
from saibench.analysis.force_field.rotated_frames import rotated_pairs, rotated_partition
from saibench.evidence.reader import StudyEvidence
from saibench.evidence.selection import Variant, tested, variants
from saibench.findings.finding import Answer, Finding, check_claim
from saibench.findings.verdict import verdict_below
from saibench.formatting import bracketed, number

ROUNDING = 0.01
"""Changes in meV/Å or meV below this are rounding: float32 represents forces of 1 eV/Å to
1e-4 meV/Å, and a net sums a few hundred numbers of that size."""
EQUIVARIANT = "forces rotate with the molecule, up to rounding (§7)"
INVARIANT = "the energy does not change when the molecule is rotated, up to rounding (§7)"
CLAIMS = {
    EQUIVARIANT: ("equivariance_error", "force_mae", "meV/Å", "force MAE"),
    INVARIANT: ("energy_change", "energy_mae", "meV", "energy MAE"),
}
"""By claim: columns of the change by rotation and of the error it is compared with, unit, name."""


def findings(evidence: StudyEvidence) -> list[Finding]:
    """The findings on every model that was tested on rotated molecules."""
    if rotated_partition(evidence) is None:
        return []
    pairs = rotated_pairs(evidence)
    return [
        finding
        for claim in CLAIMS
        for variant in variants(tested(evidence), [], by=["train_count"])
        for finding in check_claim(claim, variant.label, partial(_change, pairs, variant, claim))
    ]


def _change(pairs: polars.DataFrame, variant: Variant, claim: str) -> Answer | None:
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
        verdict_below(change, ROUNDING),
        f"rotation changes them by {_text(change)} {unit} on average over {change.count:,} frames, "
        f"{_text(share)} of the {name}; less than {ROUNDING:g} {unit} counts as rounding.",
    )


def _ratio_of_means(values: Floats, weights: Floats) -> Floats:
    """`(resamplings,)` of values `(samples, 2)` and weights `(resamplings, samples)`."""
    sums = weights @ values
    return sums[:, 0] / sums[:, 1]


def _text(interval: Interval) -> str:
    return bracketed(interval, shown=partial(number, digits=2))
