"""Traces as tables."""

from __future__ import annotations

from collections.abc import Sequence

import polars

from saibench.analysis.bootstrap import Interval
from saibench.analysis.tracing.records import PointTrace, ResponseTrace, Tested
from saibench.formatting import fixed, percent, probability

HEADER = ("", "share", "ρ", "partial ρ", "q of ρ")
COMPONENTS = ("", "share", "size", "times the mean", "q")


def printed(trace: ResponseTrace) -> list[str]:
    """Lines of the features' table, then of the components'."""
    rows = [
        (
            one.feature.name,
            percent(one.share),
            fixed(one.rho.interval),
            fixed(one.partial.interval) if one.partial else "–",
            probability(one.rho.q),
        )
        for one in trace.associations
    ]
    lines = _aligned([HEADER, *rows])
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
    return [*lines, *(_aligned([COMPONENTS, *components]) if components else [])]


def table(traces: Sequence[PointTrace]) -> polars.DataFrame:
    """One row per number: of features, components, causes and stretches of all runs."""
    rows: list[dict[str, object]] = []
    for trace in traces:
        for response in trace.responses:
            rows += [
                {"points": trace.label, "response": response.response.name, **row}
                for row in _of_response(response)
            ]
        for number, one in enumerate(trace.bias.stretches if trace.bias else ()):
            assert trace.bias is not None
            about = {"points": trace.label, "response": trace.bias.statistic.name}
            name = f"{trace.bias.along.name} {one.low:.6g} to {one.high:.6g}"
            for kind, interval in (("mean", one.mean), ("share of error", one.share_of_error)):
                rows.append(
                    {**about, "of": f"stretch {number}", "name": name, "number": kind}
                    | _interval(interval) | _test(one.change)
                )  # fmt: skip
    return polars.DataFrame(rows, infer_schema_length=None)


def _of_response(trace: ResponseTrace) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    for one in trace.associations:
        about = {"of": "feature", "name": one.feature.name}
        rows.append({**about, "number": "share"} | _interval(one.share))
        for name, test in (("rho", one.rho), ("partial rho", one.partial)):
            if test is not None:
                rows.append({**about, "number": name} | _interval(test.interval) | _test(test))
    for component in trace.components:
        about = {"of": component.of, "name": component.name}
        rows.append({**about, "number": "share"} | _interval(component.share))
        test = component.relative
        rows.append({**about, "number": "times the mean"} | _interval(test.interval) | _test(test))
    for part in trace.parts:
        rows.append({"of": "cause", "name": part.name, "number": "share"} | _interval(part.share))
    return rows


def _interval(interval: Interval) -> dict[str, object]:
    return {
        "estimate": interval.estimate,
        "low": interval.low,
        "high": interval.high,
        "samples": interval.count,
        "blocks": interval.num_blocks,
    }


def _test(test: Tested) -> dict[str, object]:
    return {"p": test.p, "q": test.q}


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.ljust(width) if number == 0 else cell.rjust(width)
            for number, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
