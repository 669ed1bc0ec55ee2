"""Coverage of a trusted range on new series with a trend and correlated residuals, by simulation.

    python -m benchmarks.coverage_of_trusted_range [--simulations 10] [--print]

A series of n errors depends on a feature that drifts from its start to its end; what the feature
does not explain is an AR(1) series. A second feature depends on the first, a third is noise, and
further ones are slow AR(1) series by themselves. The blocks, the features and the error model are
those that `TrustedRange.fit` and `saibench.analysis.trusted_range.stretches` find. The coverage is
that of new series of the same process, inside the range; nominal is 90 %. Each of these has an
interval of its coverage from resampling blocks, which should hold the mean over all of them.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars
from numpy.typing import NDArray

from benchmarks.simulation import ar1, markdown_table, page_command
from saibench.analysis.bootstrap import Floats, Interval, block_bootstrap
from saibench.analysis.trusted_range import TooFewBlocks, TrustedRange
from saibench.analysis.trusted_range.stretches import sample_blocks
from saibench.evidence.independence import Independence, marked_index
from saibench.evidence.stretches import memory, number_of_stretches

TARGET = Path(__file__).resolve().parents[1] / "docs/results/statistics/trusted_range.md"
COVERAGE = 0.9
NEW = 10
"""Series that a bound is checked on."""
NAMES = ["first", "second", "noise"]
SLOW = 0.95
"""AR(1) coefficient of the features that drift by themselves."""
Row = tuple[int, float, float, int]
"""n, AR(1) coefficient, drift, and number of features that drift by themselves."""
ROWS: list[Row] = [
    *((500, of_error, drift, 0) for of_error in (0.0, 0.5, 0.8) for drift in (0.0, 3.0)),
    (1500, 0.8, 3.0, 0),
    *((1500, of_error, drift, 8) for of_error in (0.8, 0.95) for drift in (0.0, 3.0)),
]


def series(rng: np.random.Generator, row: Row) -> tuple[Floats, Floats, Floats]:
    """Features `(n, 3 + slow)`, errors `(n,)`, and what the features do not explain of them."""
    count, of_error, drift, slow = row
    first = np.linspace(0, drift, count) + 0.5 * rng.standard_normal(count)
    second = 0.7 * first + 0.5 * rng.standard_normal(count)
    drifting = [ar1(rng, count, SLOW) for _ in range(slow)]
    features = np.column_stack([first, second, rng.standard_normal(count), *drifting])
    left = ar1(rng, count, of_error)
    return features, np.exp(0.4 * (first + second) + 0.4 * left), left


def names_of(features: Floats) -> list[str]:
    return [*NAMES, *(f"slow {number}" for number in range(features.shape[1] - len(NAMES)))]


def rows_of(features: Floats, errors: Floats) -> polars.DataFrame:
    """The samples as a time series of one run."""
    ids = np.arange(len(errors))
    timed = polars.DataFrame({"sample_id": ids, "time": ids.astype(float)})
    keys = (polars.lit("run").alias("point"), polars.lit("test").alias("partition"))
    columns = {name: features[:, at] for at, name in enumerate(names_of(features))}
    return marked_index(timed, Independence("time", "time")).with_columns(
        *keys, error=polars.Series(errors), **{k: polars.Series(v) for k, v in columns.items()}
    )


def measured(row: Row, simulations: int) -> list[str]:
    """One row of the table."""
    count, of_error, drift, slow = row
    rng = np.random.default_rng([count, int(10 * of_error), int(drift), slow])
    numbers, covered, widths, noisy, refused = [], [], [], 0, 0
    held: list[bool] = []
    for _ in range(simulations):
        features, errors, left = series(rng, row)
        names = names_of(features)
        blocks = sample_blocks(rows_of(features, errors), "error", names)
        true = number_of_stretches(memory(left[:, None]), count)
        numbers.append((blocks.raw, true, len(np.unique(blocks.labels))))
        try:
            trusted = TrustedRange.fit(
                features, errors, blocks.labels, names=names, coverage=COVERAGE, splits=3
            )
        except TooFewBlocks:
            refused += 1
            continue
        noisy += not {*trusted.chosen} <= {*NAMES[:2]}
        each = [_covered(trusted, blocks.labels, *series(rng, row)[:2]) for _ in range(NEW)]
        covered.append(float(np.mean([one.estimate for one in each])))
        held += [one.low <= covered[-1] <= one.high for one in each]
        widths.append(trusted.mean_bound / trusted.unconditional_bound)
    fitted = len(covered)
    error = np.std(covered, ddof=1) / np.sqrt(fitted) if fitted > 1 else np.nan
    return [
        *(str(count), f"{of_error:g}", f"{drift:g}", str(slow)),
        *(f"{number:g}" for number in np.median(numbers, axis=0)),
        f"{100 * np.mean(covered):.1f} ± {100 * error:.1f}" if fitted else "–",
        f"{100 * np.mean(held):.0f}" if fitted else "–",
        f"{np.mean(widths):.2f}" if fitted else "–",
        f"{100 * noisy / fitted:.0f}" if fitted else "–",
        f"{100 * refused / simulations:.0f}",
    ]


def _covered(
    trusted: TrustedRange, blocks: NDArray[np.int64], features: Floats, errors: Floats
) -> Interval:
    """Coverage of a series inside the range, with its interval from blocks of this length."""
    check = trusted.check(features)
    below = (errors <= check.upper)[check.inside].astype(np.float64)
    return block_bootstrap(below, blocks[check.inside], share=True)


def page(simulations: int) -> str:
    rows = [measured(row, simulations) for row in ROWS]
    header = [
        *("n", "AR(1)", "drift", "slow features", "blocks of errors", "of what is unexplained"),
        *("used", "coverage [%]", "interval holds [%]", "mean bound / without features"),
        *("useless ones chosen [%]", "refused [%]"),
    ]
    return (
        "# Coverage of a trusted range whose features and blocks are found\n\n"
        f"`python -m benchmarks.coverage_of_trusted_range --simulations {simulations}`: "
        f"{simulations} simulated series per row. The error depends on two correlated features, of "
        "which the first drifts by the given amount over the series, with a standard deviation of "
        "0.5 around it; the third feature is noise; what they do not explain is an AR(1) series. "
        f"Slow features are AR(1) series (a = {SLOW}) that predict nothing. "
        "Blocks (medians): five correlation times of the errors, of the series that the features "
        "do not explain, which only a simulation knows, and those used: of the residuals given the "
        "features. Features and error model compete on held-out blocks of the series. "
        "Coverage: of a bound for "
        f"{100 * COVERAGE:g} % of new samples, on {NEW} new series of the same process, with its "
        "standard error. Interval holds: how often the 95 % interval of the coverage of one new "
        "series, from resampling its blocks, holds the mean of all of them. Refused: too few "
        "blocks.\n\n"
        f"{markdown_table(header, ['---:'] * len(header), rows)}\n\n"
        "The mean coverage with K calibration blocks is at most 90 % + 2 / (K + 1) if blocks are "
        "independent. Blocks can be too many, by up to a quarter, where features that drift by "
        "themselves explain a part of a long memory by chance. With about 20 blocks an interval "
        "holds the coverage less often than nominal.\n"
    )


if __name__ == "__main__":
    page_command(page, TARGET, 10, __doc__)
