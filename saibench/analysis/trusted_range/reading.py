"""Reads a study's evidence as the errors, features and blocks that a trusted range is fitted to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from importlib.metadata import version

import numpy as np
import polars
from numpy.typing import NDArray

from saibench.analysis.block_numbers import block_numbers
from saibench.analysis.bootstrap import Floats
from saibench.analysis.checks import refuse_failed
from saibench.analysis.exchangeability.of_evidence import reference_of_runs
from saibench.analysis.exchangeability.reference import Reference
from saibench.analysis.trusted_range.config import TrustConfig
from saibench.analysis.trusted_range.records import Quantity, Source
from saibench.analysis.trusted_range.rows import (
    ERROR,
    default_partitions,
    known_features,
    rows_of,
)
from saibench.analysis.trusted_range.stretches import sample_blocks
from saibench.errors import UserError
from saibench.evidence.known import known_system
from saibench.evidence.reader import StudyEvidence
from saibench.evidence.selection import short_names
from saibench.formatting import are, counted, joined

_NONE = np.empty(0)


class NoSamples(UserError):
    """No sample is left that a range could be fitted to or checked on."""


@dataclass(frozen=True, eq=False)
class ErrorSamples:
    """Errors and features of a study's samples; all arrays have one row per sample.

    Args:
        features: `(samples, features)`.
        errors: `(samples,)`, not negative.
        blocks: stretches of time, or groups of events; the same for all runs and lead times of a
            sample.
        groups: a number for each combination of run and partition.
        runs: a number for each run.
        quantities: of the features.
        statistic: of the errors.
        source: study, runs and partitions.
        independent: whether the samples within a block are independent.
        raw_blocks: number of independent blocks of the errors themselves; those of `blocks`, which
            know the features, may be more.
        estimated_blocks: number of independent blocks by the residuals given the features, of which
            `blocks` has another number only if one is requested; 0 if unknown.
        skipped: the workload's features that are not used, each with its reason.
        group_names: run, partition, or both, whichever differ between the groups.
        reference: of the samples of one run; None of several runs.
    """

    features: Floats
    errors: Floats
    blocks: NDArray[np.int64]
    groups: NDArray[np.int64]
    runs: NDArray[np.int64]
    quantities: tuple[Quantity, ...]
    statistic: Quantity
    source: Source
    independent: bool = False
    group_names: tuple[str, ...] = ()
    reference: Reference | None = None
    raw_blocks: int = 0
    estimated_blocks: int = 0
    skipped: tuple[str, ...] = ()

    @property
    def num_blocks(self) -> int:
        return block_numbers(self.blocks)[1]

    def feature(self, name: str) -> Floats:
        """The values of one feature, `(samples,)`."""
        return self.features[:, [one.name for one in self.quantities].index(name)]

    @property
    def content(self) -> str:
        """Hash of what a range is fitted to: all but the numbers of blocks, and `skipped`."""
        of_arrays = sha256()
        for values in (self.features, self.errors, self.blocks, self.groups, self.runs):
            of_arrays.update(np.ascontiguousarray(values).data)
        labels = _NONE.astype(np.int64)
        fitted = replace(
            self, features=_NONE, errors=_NONE, blocks=labels, groups=labels, runs=labels,
            raw_blocks=0, estimated_blocks=0, skipped=(),
        )  # fmt: skip
        of_arrays.update(repr((self.features.shape, fitted)).encode())
        return of_arrays.hexdigest()


def read_samples(
    evidence: StudyEvidence,
    points: Sequence[str],
    config: TrustConfig,
    *,
    without: Sequence[str] = (),
    exactly: bool = False,
) -> ErrorSamples:
    """The samples of these runs together, without those that a run was trained on.

    Args:
        without: partitions whose samples are excluded too.
        exactly: whether all features are used, even constant ones.

    Runs of which no sample is left are not in the `source`.

    Raises:
        NoSamples: no sample is left.
        UserError: a name is unknown.
    """
    statistic = config.statistic
    features, skipped = list(config.features), list[str]()
    if not exactly:
        features, skipped = _in_evidence(evidence, config)
    partitions = config.partitions or default_partitions(evidence)
    _, field, rows, quantities = rows_of(
        evidence, statistic, features, points, partitions, config.ideal
    )
    if without:
        others = evidence.samples.filter(polars.col("partition").is_in(list(without)))
        rows = rows.join(
            others.select("point", "sample_id").unique(), ["point", "sample_id"], "anti"
        )
    unseen = rows.filter(~polars.col("seen_in_training").fill_null(False))
    if not exactly:
        features, without_values = _varying(unseen, features, config.from_card)
        skipped += without_values
        quantities = tuple(one for one in quantities if one.name in features)
    defined = unseen.drop_nulls([ERROR, *features])
    names = ", ".join(partitions)
    if defined.is_empty():
        trained = evidence.points.filter(polars.col("point").is_in(points))["train_count"].sum() > 0
        raise NoSamples(_why_none(rows, unseen, names, statistic, quantities, trained))
    refuse_failed(defined[ERROR], statistic, names, "no bound holds")
    count = defined["sample_id"].n_unique()
    if config.num_blocks is not None and config.num_blocks > count:
        raise UserError(
            f"--blocks {config.num_blocks} is more than the {counted(count, 'sample')} of {names}. "
            "Use fewer, or omit it for the number of independent ones."
        )
    group = defined.select(polars.struct("point", "partition").rank("dense") - 1).to_series()
    blocks = sample_blocks(
        defined,
        ERROR,
        features,
        num_blocks=config.num_blocks,
        similar=features[0],
        mean_of=config.mean_of,
    )
    quantity = Quantity(statistic, field.unit, field.per, field.describe)
    left = set(defined["point"].unique())
    points = [point for point in points if point in left]
    rows, unseen = (one.filter(polars.col("point").is_in(points)) for one in (rows, unseen))
    record = evidence.records[points[0]]
    found = ErrorSamples(
        features=np.ascontiguousarray(defined.select(features).to_numpy(), np.float64),
        errors=defined[ERROR].to_numpy(),
        blocks=blocks.labels,
        groups=group.to_numpy().astype(np.int64),
        runs=(defined["point"].rank("dense") - 1).to_numpy().astype(np.int64),
        quantities=quantities,
        statistic=quantity.distance_from(config.ideal) if config.ideal else quantity,
        source=Source(
            study=evidence.study,
            workload=str(record.get("workload") or ""),
            data=str((record.get("data") or {}).get("hash") or ""),
            points=tuple(points),
            partitions=tuple(partitions),
            seen_in_training=rows.height - unseen.height,
            undefined=unseen.height - defined.height,
            saibench=version("saibench"),
            system=system_of(evidence, points[0]),
        ),
        independent=blocks.independent,
        group_names=_group_names(evidence, defined, group),
        reference=reference_of_runs(evidence, points, defined, features, ERROR),
        raw_blocks=blocks.raw,
        estimated_blocks=blocks.estimated,
        skipped=tuple(skipped),
    )
    return _averaged(found, config.mean_of) if config.mean_of > 1 else found


def _why_none(
    rows: polars.DataFrame,
    unseen: polars.DataFrame,
    names: str,
    statistic: str,
    quantities: Sequence[Quantity],
    trained: bool,
) -> str:
    """Why no sample of these partitions is left."""
    if rows.is_empty():
        return f"not tested on {names}."
    if unseen.is_empty():
        return f"all samples of {names} are in the training partition."
    titles = {ERROR: statistic} | {one.name: one.name for one in quantities}
    lacking = [name for name in titles if unseen[name].null_count() == unseen.height]
    if not lacking:
        return f"no sample of {names} has both {statistic} and {joined(list(titles)[1:])}."
    compared = [one.name for one in quantities if one.name in lacking and one.training]
    undefined = joined([titles[name] for name in lacking])
    if compared and not trained:
        return (
            f"{undefined} {are(len(lacking))} undefined on {names}: without training there are no "
            "samples to compare with."
        )
    return f"{undefined} {are(len(lacking))} undefined for every sample of {names}."


def _in_evidence(evidence: StudyEvidence, config: TrustConfig) -> tuple[list[str], list[str]]:
    """The features, of the workload's only those that the evidence has, and the others' reasons."""
    features = list(config.features)
    if not config.from_card or len(features) == 1:
        return features, []
    axis = config.statistic.rpartition("/")[0]
    known = known_features(evidence, f"by_{axis}" if axis else "samples")
    missing = [name for name in features if name not in known]
    if len(missing) == len(features):
        return features[:1], []  # which is refused by its name
    return (
        [name for name in features if name in known],
        [f"{name} is not in the evidence" for name in missing],
    )


def _varying(
    rows: polars.DataFrame, features: list[str], from_card: bool
) -> tuple[list[str], list[str]]:
    """Of several features those that vary between the samples, and the others' reasons.

    Of the workload's features, those that most samples lack are skipped too.
    """
    reasons = {}
    for name in features:
        defined = rows[name].drop_nulls()
        if from_card and 2 * len(defined) < rows.height:
            reasons[name] = f"{name} is undefined for {rows.height - len(defined):,} samples"
        elif defined.n_unique() == 1:
            reasons[name] = f"{name} is {defined[0]:g} for every sample"
    if len(reasons) == len(features):
        return features, []
    return [name for name in features if name not in reasons], list(reasons.values())


def _group_names(
    evidence: StudyEvidence, rows: polars.DataFrame, group: polars.Series
) -> tuple[str, ...]:
    """Names of the groups, in the order of their numbers."""
    pairs = rows.select("point", "partition", group=group).unique().sort("group")
    short = short_names(evidence)
    columns = [[short[point] for point in pairs["point"]], pairs["partition"].to_list()]
    differing = [column for column in columns if len(set(column)) > 1]
    return tuple(", ".join(parts) for parts in zip(*differing, strict=True))


def system_of(evidence: StudyEvidence, point: str) -> str:
    """The modelled system, such as a substance, as named by the data; empty if they do not."""
    named = (evidence.records[point].get("data") or {}).get("system")
    return str(named or known_system(evidence, point))


def _averaged(single: ErrorSamples, mean_of: int) -> ErrorSamples:
    """Means over about `mean_of` samples of one group and block with a similar first feature."""
    order = np.lexsort((single.features[:, 0], single.blocks, single.groups))
    cells = np.stack([single.groups, single.blocks], axis=1)[order]
    starts = np.flatnonzero(np.any(np.diff(cells, axis=0, prepend=-1) != 0, axis=1))
    pieces = [
        piece
        for cell in np.split(order, starts[1:])
        for piece in np.array_split(cell, max(1, len(cell) // mean_of))
    ]
    first = np.array([piece[0] for piece in pieces])
    described = replace(
        single.statistic,
        describe=f"{single.statistic.describe}, mean over {mean_of} similar samples",
        mean_of=mean_of,
    )
    return replace(
        single,
        features=np.array([single.features[piece].mean(axis=0) for piece in pieces]),
        errors=np.array([single.errors[piece].mean() for piece in pieces]),
        blocks=single.blocks[first],
        groups=single.groups[first],
        runs=single.runs[first],
        statistic=described,
    )
