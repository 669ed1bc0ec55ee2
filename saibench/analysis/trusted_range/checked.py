"""Checks tested samples against a trusted range, and compares trusted with other samples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from saibench.analysis.bootstrap import Interval, block_bootstrap
from saibench.analysis.trusted_range.records import Quantity
from saibench.analysis.trusted_range.rows import ERROR, KEYS, default_partitions, rows_of
from saibench.analysis.trusted_range.stretches import sample_blocks
from saibench.analysis.trusted_range.suitable import refuse_other_units
from saibench.analysis.trusted_range.trusted_range import TrustedRange
from saibench.errors import UserError
from saibench.evidence.known import is_binary
from saibench.evidence.reader import StudyEvidence
from saibench.formatting import bracketed, counted, percent


@dataclass(frozen=True)
class Checked:
    """A partition's samples, checked against a trusted range.

    Args:
        partition: its name.
        samples: `point`, `partition`, `sample_id`, a position on an axis if the statistic has
            one, the features, `expected`, `bound`, `inside`, `trusted` and the true `error`;
            `inside` and `trusted` are null where a feature is undefined.
        trusted: share of trusted samples among those with a defined error and defined features;
            None if there are none.
        unknown: number of samples with an undefined feature.
        error_if_trusted, error_if_not: mean error of trusted and of other samples; None without
            any.
    """

    partition: str
    samples: pl.DataFrame
    trusted: Interval | None
    unknown: int
    error_if_trusted: Interval | None
    error_if_not: Interval | None


def check_evidence(
    evidence: StudyEvidence,
    trusted: TrustedRange,
    partitions: Sequence[str] | None = None,
    tolerance: float | None = None,
) -> list[Checked]:
    """Check every sample of the evidence against a range.

    A sample is trusted if it is inside the fitted range and its bound is at most the tolerance.

    Args:
        evidence: of the runs that are checked together.
        trusted: a range of the same statistic.
        partitions: by default the held-out one.
        tolerance: by default the range's; without one, all samples inside are trusted.

    Raises:
        UserError: the evidence lacks the range's statistic or one of its features.
    """
    tolerance = trusted.tolerance if tolerance is None else tolerance
    names = default_partitions(evidence) if partitions is None else list(partitions)
    statistic = trusted.statistic.name
    features = [quantity.name for quantity in trusted.features]
    table, field, rows, _ = rows_of(
        evidence, statistic, features, list(evidence.metrics), names, trusted.statistic.ideal
    )
    given = rows.select(features).fill_null(float("nan")).to_numpy()
    known = pl.lit(pl.Series(np.isfinite(given).all(axis=1)))
    check = trusted.check(given)
    is_trusted = check.within(np.inf if tolerance is None else tolerance)
    rows = rows.with_columns(
        expected=pl.Series(check.expected),
        bound=pl.Series(check.upper),
        inside=pl.when(known).then(pl.Series(check.inside)),
        trusted=pl.when(known).then(pl.Series(is_trusted)),
    )
    is_share = is_binary(field) and trusted.statistic.ideal in (0.0, 1.0)
    axis = [table.removeprefix("by_")] if table != "samples" else []
    columns = [*KEYS, *axis, *(name for name in features if name not in axis)]
    columns += ["expected", "bound", "inside", "trusted", ERROR]
    return [
        _checked(name, rows.filter(pl.col("partition") == name), columns, trusted, is_share)
        for name in names
    ]


def refuse_unsuitable(evidence: StudyEvidence, trusted: TrustedRange) -> None:
    """Refuse a range that does not apply to the evidence.

    Raises:
        UserError: the evidence lacks the range's statistic or one of its features, or has them in
            other units.
    """
    statistic, features = trusted.statistic.name, [one.name for one in trusted.features]
    _, field, _, quantities = rows_of(
        evidence, statistic, features, list(evidence.metrics), default_partitions(evidence)
    )
    own = Quantity(statistic, field.unit)
    refuse_other_units(trusted, {one.name: one for one in (own, *quantities)})


def checked_sentence(found: Checked, trusted: TrustedRange, tolerance: float | None) -> str:
    """The share of trusted samples, and the mean errors of trusted and other samples."""
    tolerance = trusted.tolerance if tolerance is None else tolerance
    statistic, unit = trusted.statistic.error_name, trusted.statistic.unit
    limit = "" if tolerance is None else f" with a bound of at most {tolerance:g} {unit}".rstrip()
    names = ", ".join(one.name for one in trusted.features)
    parts = []
    if found.trusted is not None:
        parts.append(
            f"{percent(found.trusted)} of {found.trusted.count:,} samples are in the trusted range "
            f"({names}{limit})"
        )
    if found.unknown:
        parts.append(f"unknown for {counted(found.unknown, 'sample')} with undefined {names}")
    for whose, error in (("their", found.error_if_trusted), ("the others'", found.error_if_not)):
        if error is not None:
            mean = f"{bracketed(error)} {unit}".rstrip()
            parts.append(f"{whose} mean {statistic} is {mean} (n = {error.count:,})")
    return f"{found.partition}: {'; '.join(parts)}."


def _checked(
    name: str,
    rows: pl.DataFrame,
    columns: Sequence[str],
    trusted: TrustedRange,
    is_share: bool,
) -> Checked:
    if rows.is_empty():
        raise UserError(f"{name} has no sample with {trusted.statistic.name}.")
    known = rows.filter(pl.col(ERROR).is_not_null() & pl.col("trusted").is_not_null())
    blocks, independent = np.zeros(0, dtype=np.int64), False
    if known.height:
        found = sample_blocks(known, ERROR)
        blocks, independent = found.labels, found.independent
    errors, good = known[ERROR].to_numpy(), known["trusted"].to_numpy()

    def mean_error(chosen: np.ndarray) -> Interval | None:
        if not chosen.any():
            return None
        return block_bootstrap(
            errors[chosen], blocks[chosen], share=is_share, independent=independent
        )

    return Checked(
        partition=name,
        samples=rows.select(columns).rename({ERROR: "error"}),
        trusted=(
            block_bootstrap(good.astype(float), blocks, share=True, independent=independent)
            if known.height
            else None
        ),
        unknown=int(rows["trusted"].null_count()),
        error_if_trusted=mean_error(good),
        error_if_not=mean_error(~good),
    )
