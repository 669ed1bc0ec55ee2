"""Traces as tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import polars

from saibench.analysis.bootstrap import Interval
from saibench.analysis.tracing.records import PointTrace, ResponseTrace, Tested
from saibench.formatting import aligned, fixed, percent, probability

HEADER = ("", "share", "ρ", "partial ρ", "q of ρ")
COMPONENTS = ("", "share", "size", "times the mean", "q")


def printed(trace: ResponseTrace) -> list[str]:
    """Lines of the features' table, then of the components'."""
    rows = [
        (
            f"{one.feature.name} (model)" if one.of_model else one.feature.name,
            percent(one.share),
            fixed(one.rho.interval),
            fixed(one.partial.interval) if one.partial else "–",
            probability(one.rho.q),
        )
        for one in trace.associations
    ]
    lines = aligned([HEADER, *rows])
    components = [
        (
            f"{one.of} {one.name}",
            percent(one.share),
            f"{100 * one.size:.1f} %",
            fixed(one.relative.interval),
            probability(one.relative.q),
        )
        for one in trace.components
    ]
    return [*lines, *(aligned([COMPONENTS, *components]) if components else [])]


def table(traces: Sequence[PointTrace]) -> polars.DataFrame:
    """One row per number: of features, components, causes and stretches of all runs."""
    rows = [{"points": trace.label, **row} for trace in traces for row in _rows(trace)]
    return polars.DataFrame(rows, infer_schema_length=None)


def _rows(trace: PointTrace) -> Iterator[dict[str, object]]:
    for response in trace.responses:
        error = response.response.name
        for one in response.associations:
            feature, of = one.feature.name, one.kind
            yield _row(error, of, feature, "share", one.share)
            for number, test in (("rho", one.rho), ("partial rho", one.partial)):
                if test is not None:
                    yield _row(error, of, feature, number, test.interval, test)
        for component in response.components:
            of, name, relative = component.of, component.name, component.relative
            yield _row(error, of, name, "share", component.share)
            yield _row(error, of, name, "times the mean", relative.interval, relative)
        for part in response.parts:
            yield _row(error, "cause", part.name, "share", part.share)
    if trace.bias is not None:
        error = trace.bias.statistic.name
        for at, stretch in enumerate(trace.bias.stretches):
            name = f"{trace.bias.along.name} {stretch.low:.6g} to {stretch.high:.6g}"
            numbers = {"mean": stretch.mean, "share of error": stretch.share_of_error}
            for number, interval in numbers.items():
                yield _row(error, f"stretch {at}", name, number, interval, stretch.change)


def _row(
    response: str, of: str, name: str, number: str, interval: Interval, test: Tested | None = None
) -> dict[str, object]:
    about = {"response": response, "of": of, "name": name, "number": number}
    bounds = {"estimate": interval.estimate, "low": interval.low, "high": interval.high}
    counts = {"samples": interval.count, "blocks": interval.num_blocks}
    return {**about, **bounds, **counts, **({} if test is None else {"p": test.p, "q": test.q})}
