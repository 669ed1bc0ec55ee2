"""Traces one error of one run to features and components."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import polars

from saibench.analysis.bootstrap import Floats, Interval, block_bootstrap, block_bootstraps
from saibench.analysis.rank_correlation import partial_with_first, rank_correlations, ranks_of
from saibench.analysis.tracing.columns import axis_contributions, column_of
from saibench.analysis.tracing.components import (
    Contributions,
    binned,
    cause_shares,
    component_shares,
    of_classes,
)
from saibench.analysis.tracing.config import TraceConfig
from saibench.analysis.tracing.explained import explained_shares
from saibench.analysis.tracing.permutations import correlation_p_values
from saibench.analysis.tracing.ranges import feature_ranges
from saibench.analysis.tracing.reading import TracedSamples, traced_samples
from saibench.analysis.tracing.records import Association, Component, Part, ResponseTrace, Tested
from saibench.errors import UserError
from saibench.evidence.reader import StudyEvidence

NUM_RESAMPLES = 1000
MAX_SAMPLES = 10_000
"""Of correlations and shares; more samples are thinned evenly, with a note."""
FEW_CLASSES = 8


def trace_response(
    evidence: StudyEvidence, point: str, partition: str, response: str, config: TraceConfig
) -> ResponseTrace:
    """Trace one error of a run.

    Raises:
        UserError: a name is unknown, or there are too few samples.
    """
    ideal = config.ideal.get(response, 0.0)
    samples = traced_samples(evidence, point, partition, response, config.features, ideal)
    notes = samples.notes
    every = -(-len(samples.errors) // MAX_SAMPLES)
    if every > 1:
        used = len(samples.errors[::every])
        notes = (*notes, f"Correlations with features use {used:,} samples, 1 of {every}.")
    associations, together = associate(samples, every)
    parts, unknown = _parts(evidence, samples, config, response)
    of_axes, failed = _of_axes(evidence, samples, config, response, ideal)
    mean = block_bootstrap(
        samples.errors, samples.blocks, share=samples.share, independent=not samples.correlated
    )
    if samples.failures:  # a mean without the failures would be too small
        mean = replace(mean, low=math.nan, estimate=math.nan, high=math.nan)
    return ResponseTrace(
        response=samples.response,
        mean=mean,
        timed=samples.timed,
        associations=associations,
        together=together,
        components=_components(samples, [*of_axes, *_of_features(evidence, samples, config)]),
        parts=parts,
        notes=(*notes, *unknown, *failed),
    )


def associate(samples: TracedSamples, every: int = 1) -> tuple[tuple[Association, ...], Interval]:
    """Correlation of the errors with each feature, and the share that all explain.

    Data features come first, each group in order of its shares. They are not controlled for
    features of the model, which depend on them.
    """
    errors, features = samples.errors[::every], samples.features[::every]
    blocks = samples.blocks[::every]
    groups = None if samples.groups is None else samples.groups[::every]
    piece = max(1, round(samples.piece / every)) if groups is None else samples.piece
    count, num_data = features.shape[1], samples.num_data
    values = np.column_stack([errors, features])

    def correlations(values: Floats, weights: Floats) -> Floats:
        found = rank_correlations(values, weights)
        of_data = partial_with_first(found[:, : 1 + num_data, : 1 + num_data])
        of_model = partial_with_first(found)[:, num_data:]
        return np.hstack([found[:, 0, 1:], of_data, of_model])

    # each resampling needs a matrix of all columns in memory
    intervals = block_bootstraps(values, blocks, correlations, num_resamples=NUM_RESAMPLES)
    p_values, partial_p = correlation_p_values(
        ranks_of(values), piece, groups=groups, num_first=num_data
    )
    explained = explained_shares(features, errors, blocks, num_first=num_data)
    found = [
        Association(
            feature=samples.quantities[number],
            rho=Tested(intervals[number].within(-1, 1), float(p_values[number])),
            partial=(
                Tested(intervals[count + number].within(-1, 1), float(partial_p[number]))
                if (count if number >= num_data else num_data) > 1
                else None
            ),
            share=explained.shares[number],
            ranges=feature_ranges(
                samples.features[:, number],
                samples.errors,
                samples.blocks,
                samples.sample_ids,
                share=samples.share,
                independent=not samples.correlated,
            ),
            of_model=number >= num_data,
        )
        for number in range(count)
    ]
    found.sort(key=lambda one: (one.of_model, -one.share.estimate))
    return tuple(found), explained.together


def _components(samples: TracedSamples, kinds: Sequence[Contributions]) -> tuple[Component, ...]:
    return tuple(
        component
        for contributions in kinds
        if len(contributions.names) > 1
        for component in component_shares(
            contributions,
            samples.blocks,
            samples.piece,
            samples.groups,
            share=samples.share,
            independent=not samples.correlated,
        )
    )


def _of_axes(
    evidence: StudyEvidence,
    samples: TracedSamples,
    config: TraceConfig,
    response: str,
    ideal: float,
) -> tuple[list[Contributions], list[str]]:
    """Contributions along the response's axis, or along all axes with a statistic of its name.

    Axes along which the model failed have no contributions; a note reports each.
    """
    axis, _, column = response.rpartition("/")
    kept, notes = [], []
    for name in [axis] if axis else evidence.axes:
        if not axis and column not in (field.name for field in evidence.fields(f"by_{name}")):
            continue
        found = axis_contributions(evidence, samples.rows, name, column, ideal)
        failed = np.isinf(found.errors).any(axis=0)
        if failed.any():
            at = ", ".join(np.array(found.names)[failed])
            notes.append(
                f"Contributions by {name} are undefined: the model failed at {name} {at}, where "
                f"{column} is infinite."
            )
        elif found.sizes.any():
            kept.append(_in_bins(found, config.bins[name]) if name in config.bins else found)
    return kept, notes


def _in_bins(contributions: Contributions, edges: Sequence[float]) -> Contributions:
    names, member = binned(edges, np.array([float(name) for name in contributions.names]))
    summed = [
        np.stack([column[:, member == number].sum(axis=1) for number in range(len(names))], axis=1)
        for column in (contributions.errors, contributions.sizes)
    ]
    kept = np.flatnonzero(summed[1].any(axis=0))
    left = tuple(names[number] for number in kept)
    return replace(contributions, names=left, errors=summed[0][:, kept], sizes=summed[1][:, kept])


def _of_features(
    evidence: StudyEvidence, samples: TracedSamples, config: TraceConfig
) -> Iterator[Contributions]:
    """Contributions of classes (features of few integers or words) and of configured bins."""
    for field in evidence.fields("samples"):
        if field.role != "feature" or field.name not in samples.rows.columns:
            continue
        column = samples.rows[field.name]
        if field.name in config.bins and column.dtype.is_numeric():
            values = column.cast(polars.Float64).fill_null(float("nan")).to_numpy()
            names, member = binned(config.bins[field.name], values)
            yield of_classes(field.name, names, member, samples.errors)
        elif not column.dtype.is_float() and 1 < column.n_unique() <= FEW_CLASSES:
            names = [str(name) for name in column.unique().sort()]
            member = np.array([names.index(str(name)) for name in column], dtype=np.int64)
            yield of_classes(field.name, names, member, samples.errors)


def _parts(
    evidence: StudyEvidence, samples: TracedSamples, config: TraceConfig, response: str
) -> tuple[tuple[Part, ...], tuple[str, ...]]:
    """Contributions of causes whose truth is known for these samples; else a note."""
    named = config.parts.get(response) or {}
    if not named:
        return (), ()
    unknown = (f"The truth of {' and '.join(named)} is not known for these samples.",)
    try:
        columns = {
            name: column_of(evidence, samples.rows, column).values for name, column in named.items()
        }
    except UserError:  # measured data have no such truth, simulated ones do
        return (), unknown
    defined = np.isfinite(np.sum(list(columns.values()), axis=0))
    if not defined.any():
        return (), unknown
    alone = {name: values[defined] for name, values in columns.items()}
    return cause_shares(samples.errors[defined], alone, samples.blocks[defined]), ()
