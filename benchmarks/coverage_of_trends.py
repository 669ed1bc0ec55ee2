"""Intervals of a trend over regions, and of a bound's usefulness, by simulation.

python -m benchmarks.coverage_of_trends [--simulations 150] [--print]
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchmarks.simulation import ar1, markdown_table, page_command
from saibench.analysis.bootstrap import Floats, contiguous_blocks
from saibench.analysis.ranking import auroc, risk_coverage
from saibench.analysis.region_trend.regions import trend_over
from saibench.analysis.trusted_range.conditional import conditional_coverage
from saibench.analysis.trusted_range.held_out import held_out_bounds
from saibench.analysis.trusted_range.reading import ErrorSamples
from saibench.analysis.trusted_range.records import Quantity, Source

TARGET = Path(__file__).resolve().parents[1] / "docs/results/statistics/region_trend.md"
FORMS = {
    "linear": lambda at: 2 + at,
    "exponential": lambda at: 2 * np.exp(0.35 * at),
    "quadratic": lambda at: 2 + 0.15 * at**2,
}
TRENDS = [
    (form, regions, scatter, blocks)
    for form in FORMS
    for regions in (5, 8)
    for scatter in (0.0, 0.05)
    for blocks in (3, 20)
]
"""Form, fitted regions, relative scatter between regions, and blocks of each region."""
NOISE = 0.3
"""Relative deviation of a block's mean error."""
RANKINGS = [(blocks, memory) for blocks in (20, 50) for memory in (0.0, 0.8)]
"""Blocks of 20 samples, and the AR(1) coefficient of score and error."""
NULL = [(blocks, memory) for blocks in (24, 60) for memory in (0.0, 0.6)]
"""Blocks of 10 samples, and the AR(1) coefficient of the logarithm of the error."""


def trend_holds(
    rng: np.random.Generator, form: str, regions: int, scatter: float, blocks: int
) -> tuple[bool, bool, float]:
    """Whether the true and the measured mean error of the next region are in their intervals.

    Returns:
        both, and the width of the first interval over the true error.
    """
    at = np.arange(regions + 1.0)
    true = FORMS[form](at) * (1 + scatter * rng.standard_normal(len(at)))
    noise = 1 + NOISE * rng.standard_normal((len(at), blocks))
    errors = (true[:, None] * np.maximum(noise, 0)).ravel()
    feature = np.repeat(at, blocks)
    labels, region_of = np.arange(feature.size), feature.astype(np.int64)
    others = region_of < regions
    fitted = trend_over(feature[others], errors[others], region_of[others], labels[others])
    low, high = fitted.trend.interval(at[-1:])
    measured = trend_over(feature, errors, region_of, labels).left_out.holds
    return bool(low[0] <= true[-1] <= high[0]), measured, float((high - low)[0] / true[-1])


def ranked(rng: np.random.Generator, count: int, memory: float) -> tuple[Floats, Floats]:
    """A score and an error that follows it."""
    score, rest = ar1(rng, count, memory), ar1(rng, count, memory)
    return score, np.exp(0.5 * score + 0.5 * rest)


def ranking_holds(
    rng: np.random.Generator, blocks: int, memory: float, true: tuple[float, float, float]
) -> tuple[bool, bool]:
    """Whether the intervals of AUROC and of the normalised area hold the true values."""
    score, error = ranked(rng, 20 * blocks, memory)
    labels = contiguous_blocks(np.arange(len(score)), blocks)
    worst, of_roc, of_area = true
    found = auroc(score, error > worst, labels), risk_coverage(score, error, labels).area
    pairs = zip(found, (of_roc, of_area), strict=True)
    return tuple(one.low <= value <= one.high for one, value in pairs)  # type: ignore[return-value]


def true_ranking(memory: float) -> tuple[float, float, float]:
    """The error that starts the worst tenth, AUROC and area of 100,000 samples."""
    score, error = ranked(np.random.default_rng(1), 100_000, memory)
    labels = np.arange(len(score)) // 10_000
    worst = float(np.quantile(error, 0.9))
    area = risk_coverage(score, error, labels).area.estimate
    return worst, auroc(score, error > worst, labels).estimate, area


def false_alarms(rng: np.random.Generator, blocks: int, memory: float) -> tuple[bool, float, float]:
    """A feature without information: whether a part is called failing, and the coverages.

    Returns:
        whether any part fails, the coverage of the worst slab, and that of all samples.
    """
    count = 10 * blocks
    samples = ErrorSamples(
        features=rng.uniform(size=(count, 1)),
        errors=np.exp(0.5 * ar1(rng, count, memory)),
        blocks=contiguous_blocks(np.arange(count), blocks),
        groups=np.zeros(count, dtype=np.int64),
        runs=np.zeros(count, dtype=np.int64),
        quantities=(Quantity("feature"),),
        statistic=Quantity("error"),
        source=Source(),
    )
    held = held_out_bounds(samples, 0.8, seed=int(rng.integers(2**31)), splits=3)
    found = conditional_coverage(held)
    slab = found.worst_slab
    own = held.covered()[held.inside]
    return bool(found.failing), slab.coverage.estimate if slab else np.nan, float(own.mean())


def trend_rows(simulations: int) -> list[list[str]]:
    rows = []
    for number, (form, regions, scatter, blocks) in enumerate(TRENDS):
        rng = np.random.default_rng([1, number])
        drawn = [trend_holds(rng, form, regions, scatter, blocks) for _ in range(simulations)]
        true, measured, width = np.array(drawn, dtype=float).T
        shares = [f"{100 * one.mean():.1f}" for one in (true, measured)]
        setting = form, str(regions), f"{100 * scatter:g} %", str(blocks)
        rows.append([*setting, *shares, f"{np.median(width):.2f}"])
    return rows


def ranking_rows(simulations: int) -> list[list[str]]:
    rows = []
    for number, (blocks, memory) in enumerate(RANKINGS):
        rng, true = np.random.default_rng([2, number]), true_ranking(memory)
        drawn = [ranking_holds(rng, blocks, memory, true) for _ in range(simulations)]
        shares = [f"{100 * one:.1f}" for one in np.mean(drawn, axis=0)]
        rows.append([str(blocks), f"{memory:g}", *shares])
    return rows


def null_rows(simulations: int) -> list[list[str]]:
    rows = []
    for number, (blocks, memory) in enumerate(NULL):
        rng = np.random.default_rng([3, number])
        drawn = [false_alarms(rng, blocks, memory) for _ in range(simulations)]
        alarm, slab, own = np.nanmean(np.array(drawn, dtype=float), axis=0)
        rows.append(
            [str(blocks), f"{memory:g}", *(f"{100 * one:.1f}" for one in (alarm, slab, own))]
        )
    return rows


def page(simulations: int) -> str:
    trends = markdown_table(
        ("trend", "regions", "scatter", "blocks a region", "true mean", "measured", "width"),
        ("---", "---:", "---:", "---:", "---:", "---:", "---:"),
        trend_rows(simulations),
    )
    rankings = markdown_table(
        ("blocks", "AR(1) a", "AUROC", "area"),
        ("---:", "---:", "---:", "---:"),
        ranking_rows(simulations),
    )
    nulls = markdown_table(
        ("blocks", "AR(1) a", "a part fails", "worst slab", "all samples"),
        ("---:", "---:", "---:", "---:", "---:"),
        null_rows(max(1, simulations // 4)),
    )
    return f"""\
# Trends over regions, and the usefulness of a bound

Simulated again by `python -m benchmarks.coverage_of_trends`, {simulations:,} draws a row, and a
quarter of them in the last table.

## The next region

A trend is fitted to 5 or 8 regions at positions 0, 1, …, and predicts the next one. Blocks of a
region deviate by {100 * NOISE:g} % from its mean, regions from the trend by the scatter. Share of
intervals (95 % nominal) that hold the true and the measured mean error of the next region, in per
cent, and their median width over that error. The quadratic trend is of neither fitted form:
extrapolation is only as good as its form, which is why the last region is always predicted from
the others and compared.

{trends}

## The ranking of errors

Share of 95 % intervals of the AUROC for the worst tenth, and of the area of the risk–coverage
curve, that hold the value of 100,000 samples; blocks are 20 neighbours of a series, which at
a = 0.8 are about five correlation times, as in `saibench.analysis.blocks`.

{rankings}

## Parts of the range

A feature without information, bounds for 80 % fitted and held out as in a validation: share of
validations in which any part (ten bins and the worst slab) is called failing, in per cent
(nominal: at most 2.5), and the coverage in the worst slab, which is measured on blocks that it was
not chosen on, and of all samples inside.

{nulls}
"""


if __name__ == "__main__":
    page_command(page, TARGET, 150, __doc__)
