"""Errors of the same net on a random split and on a split in time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars

from saibench.analysis.blocks import block_columns, blocks_of
from saibench.analysis.bootstrap import (
    Cumulants,
    Interval,
    block_bootstrap,
    mean_cumulants,
    mean_interval,
)
from saibench.analysis.leak_audit.of_evidence import audits_of
from saibench.analysis.learning_curve.reading import CurveConfig, curve_config
from saibench.analysis.seeds import with_seeds
from saibench.analysis.trusted_range.records import Quantity
from saibench.errors import UserError
from saibench.evidence.audit_record import Audit
from saibench.evidence.reader import StudyEvidence
from saibench.evidence.selection import (
    Variant,
    compared_points,
    differing,
    min_seeds,
    rows_of,
    variants,
)

SPLIT = "split"
RANDOM, TIME = "random", "time"


@dataclass(frozen=True, eq=False)
class TestedSplit:
    """The net of one split on one test partition.

    Args:
        split: `random` or `time`.
        partition: its name.
        is_held_out: whether it is the partition that training must not use.
        error: mean over seeds, with its interval.
        cumulants: of the error, from blocks of this partition.
        audit: of the first run, if there is one.
        of_seeds: the error of each run alone.
    """

    split: str
    partition: str
    is_held_out: bool
    error: Interval
    cumulants: Cumulants
    audit: Audit | None
    of_seeds: tuple[float, ...] = ()

    @property
    def label(self) -> str:
        return f"{self.split} split, {self.partition}"


@dataclass(frozen=True, eq=False)
class SplitStudy:
    """The runs of one variant; `label` is what they share.

    Args:
        seeds: smallest number of seeds of a split.
    """

    label: str
    statistic: Quantity
    tested: tuple[TestedSplit, ...]
    seeds: int

    def held_out(self, split: str) -> TestedSplit | None:
        return next((t for t in self.tested if t.split == split and t.is_held_out), None)

    def between(self) -> TestedSplit | None:
        """The net split in time, on samples between its training samples."""
        return next((t for t in self.tested if t.split == TIME and not t.is_held_out), None)


def split_studies(evidence: StudyEvidence) -> list[SplitStudy]:
    """The splits by variant.

    Raises:
        UserError: the study does not vary the split, or its samples lack the statistic.
    """
    points = compared_points(evidence).filter(polars.col("point").is_in(list(evidence.metrics)))
    if SPLIT not in points.columns or points[SPLIT].n_unique() < 2:
        raise UserError("The study has no runs with both split=random and split=time.")
    config = curve_config(evidence)
    field = next((f for f in evidence.fields("samples") if f.name == config.statistic), None)
    if field is None:
        raise UserError(f"The samples have no {config.statistic}.")
    statistic = Quantity(field.name, field.unit, field.per, field.describe)
    follows = [name for name in differing(points) if _follows(points, name)]
    return [
        SplitStudy(
            variant.label,
            statistic,
            tuple(_tested(evidence, variant, config)),
            min_seeds(variant.cells),
        )
        for variant in variants(points, follows, by=[SPLIT])
    ]


def _follows(points: polars.DataFrame, name: str) -> bool:
    """Whether a setting has one value per split, such as the sampler of the training data."""
    return points.select({SPLIT, name}).n_unique() == points[SPLIT].n_unique()


def difference(first: TestedSplit, second: TestedSplit) -> Interval:
    """Error of the first minus error of the second, on independent test samples."""
    blocks = min(first.error.num_blocks, second.error.num_blocks)
    count = first.error.count + second.error.count
    estimate = first.error.estimate - second.error.estimate
    found = mean_interval(estimate, first.cumulants - second.cumulants, blocks, count)
    of_first = [one - second.error.estimate for one in first.of_seeds]
    of_second = [first.error.estimate - one for one in second.of_seeds]
    return with_seeds(found, [of_first, of_second])


def audited_tests(evidence: StudyEvidence, point: str) -> list[TestedSplit]:
    """One net on all audited partitions, by descending score."""
    config = curve_config(evidence)
    if config.statistic not in evidence.samples.columns:
        return []
    found = _of_points(evidence, [point], "", config)
    audited = [(one.audit.score.estimate, one) for one in found if one.audit is not None]
    return [one for _, one in sorted(audited, key=lambda pair: -pair[0])]


def _tested(evidence: StudyEvidence, variant: Variant, config: CurveConfig) -> list[TestedSplit]:
    found = [
        one
        for cell in variant.cells
        for one in _of_points(evidence, cell.points, str(cell.shared[SPLIT]), config)
    ]
    return sorted(found, key=lambda one: (one.split != RANDOM, one.is_held_out))


def _of_points(
    evidence: StudyEvidence, points: Sequence[str], split: str, config: CurveConfig
) -> list[TestedSplit]:
    """Runs that differ only in their seed, on each of their partitions."""
    audits = {
        one.audit.partition: one.audit for one in audits_of(evidence) if one.point == points[0]
    }
    held_out = evidence.records[points[0]]["settings"].get("held_out")
    found = []
    for partition in evidence.metrics[points[0]]:
        rows = rows_of(evidence.samples, points, partition)
        error, cumulants = _mean(rows, config)
        of_seeds = tuple(_mean(rows.filter(point=point), config)[0].estimate for point in points)
        error = with_seeds(error, [of_seeds])
        audit = audits.get(partition)
        found.append(
            TestedSplit(split, partition, partition == held_out, error, cumulants, audit, of_seeds)
        )
    return found


def _mean(rows: polars.DataFrame, config: CurveConfig) -> tuple[Interval, Cumulants]:
    keys = ["sample_id", *block_columns(rows)]
    error = (polars.col(config.statistic).cast(polars.Float64) - config.ideal).abs().fill_nan(None)
    samples = rows.group_by(keys).agg(error.mean().alias("error")).drop_nulls().sort("sample_id")
    values = samples["error"].to_numpy()
    blocks = blocks_of(samples, values)
    return block_bootstrap(values, blocks), mean_cumulants(values, blocks)
