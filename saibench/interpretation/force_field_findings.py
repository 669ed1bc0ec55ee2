"""The paper's findings on force fields (§4), asked of a study's own evidence.

Each question is answered with a number, its block-bootstrap interval and a verdict: `seen` or
`not seen` when the interval decides, `undecided` when it holds both answers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import polars
from scipy.stats import rankdata

from saibench.evidence.reader import StudyEvidence
from saibench.evidence.selection import tested
from saibench.interpretation.bootstrap import Floats, Interval, block_bootstrap
from saibench.interpretation.estimates import blocks_of
from saibench.interpretation.finding import NOT_SEEN, SEEN, UNDECIDED, Finding

TURN = 1000
"""Samples beyond which the paper sees gains shrink (§4.1)."""
FEWEST_WINDOWS = 5
"""Fewer windows fall into the order of their similarity by chance too often to say anything."""
CHARGE_RATIO = 8 / 6
"""Nuclear charge of oxygen over that of carbon."""


@dataclass(frozen=True)
class _Errors:
    """A statistic of the test samples by training cell, averaged over seeds.

    cells: the settings that tell the columns apart
    values: (samples, cells)
    blocks: (samples,) stretches of time
    """

    cells: list[tuple[Any, ...]]
    values: Floats
    blocks: np.ndarray

    def interval(self, reduce: Callable[[Floats], Floats]) -> Interval:
        """Interval of a function of the cells' means: `(resamplings, cells)` → one each."""

        def statistic(values: Floats, weights: Floats) -> Floats:
            return reduce(weights @ values / weights.sum(axis=1, keepdims=True))

        return block_bootstrap(self.values, self.blocks, statistic)


def findings(evidence: StudyEvidence, partition: str = "last_tenth") -> list[Finding]:
    """The findings that this study's points can speak to, in the paper's order."""
    points = tested(evidence, partition)
    if not {"subset.count", "window"} <= set(points.columns) or not points.height:
        return []
    if not {"force_mae", "time"} <= set(evidence.samples.columns):
        return []
    found: list[Finding | None] = []
    sizes = points.filter(polars.col("window_start") == 0, polars.col("window_end") == 0.9)
    if sizes["subset.count"].n_unique() > 1:
        found.append(_gains_shrink(_by(evidence, partition, sizes, ["subset.count"])))
    if "species" in evidence.by_species.columns:
        found += [_hydrogen_least(evidence, points), _oxygen_by_charge(evidence, points)]
    windows = points.filter(polars.col("subset.count") == points["subset.count"].mode().max())
    if windows["window"].n_unique() > 1:
        key = ["window_start", "window_end"]
        errors = _by(evidence, partition, windows, key)
        found += [_wider_is_better(errors), _zig_zag(errors)]
        if len(errors.cells) >= FEWEST_WINDOWS:
            near = _by(evidence, partition, windows, key, "soap_similarity_window_centred")
            found.append(_similarity_tracks(errors, near))
    return [finding for finding in found if finding is not None]


def _by(
    evidence: StudyEvidence,
    partition: str,
    points: polars.DataFrame,
    settings: list[str],
    statistic: str = "force_mae",
) -> _Errors:
    rows = evidence.samples.filter(
        polars.col("partition") == partition, polars.col("point").is_in(points["point"].to_list())
    ).join(points.select("point", *settings), on="point")
    means = rows.group_by("sample_id", "time", *settings).agg(polars.col(statistic).mean())
    keys = means.select(settings).unique().sort(settings).rows()
    columns = [
        means.filter(*(polars.col(n) == v for n, v in zip(settings, key, strict=True))).sort("time")
        for key in keys
    ]
    values = np.stack([column[statistic].to_numpy() for column in columns], axis=1)
    return _Errors(keys, values, blocks_of(columns[0]))


def _gains_shrink(errors: _Errors) -> Finding | None:
    counts = np.array([key[0] for key in errors.cells], dtype=float)
    if counts.min() >= TURN or counts.max() <= TURN or TURN not in counts:
        return None
    doublings = np.log2(counts)
    turn = int(np.flatnonzero(counts == TURN)[0])

    def gain(means: Floats, first: int, last: int) -> Floats:
        return -np.log2(means[:, last] / means[:, first]) / (doublings[last] - doublings[first])

    before = errors.interval(lambda means: gain(means, 0, turn))
    after = errors.interval(lambda means: gain(means, turn, -1))
    change = errors.interval(lambda means: gain(means, 0, turn) - gain(means, turn, -1))
    return Finding(
        f"gains from more training samples shrink beyond {TURN:,} (§4.1, fig. 2)",
        _verdict(change),
        f"halvings of the force MAE a doubling of the samples: {_text(before)} from "
        f"{counts.min():,.0f} to {TURN:,}, {_text(after)} from {TURN:,} to {counts.max():,.0f}; "
        f"difference {_text(change)}.",
    )


def _hydrogen_least(evidence: StudyEvidence, points: polars.DataFrame) -> Finding | None:
    errors = _by_species(evidence, points)
    names = [key[0] for key in errors.cells]
    if "H" not in names or len(names) < 2:
        return None
    hydrogen = names.index("H")
    others = [number for number in range(len(names)) if number != hydrogen]
    margin = errors.interval(lambda means: means[:, others].min(axis=1) - means[:, hydrogen])
    return Finding(
        "hydrogen errs least (§4.1, fig. 2a)",
        _verdict(margin),
        f"force MAE over all points: {_species_text(errors)}; the next best species errs by "
        f"{_text(margin)} meV/Å more than hydrogen.",
    )


def _oxygen_by_charge(evidence: StudyEvidence, points: polars.DataFrame) -> Finding | None:
    errors = _by_species(evidence, points)
    names = [key[0] for key in errors.cells]
    if not {"C", "O"} <= set(names):
        return None
    carbon, oxygen = names.index("C"), names.index("O")
    ratio = errors.interval(lambda means: means[:, oxygen] / means[:, carbon])
    short = Interval(
        CHARGE_RATIO - ratio.high,
        CHARGE_RATIO - ratio.estimate,
        CHARGE_RATIO - ratio.low,
        ratio.num_blocks,
        ratio.count,
    )
    return Finding(
        "errors of oxygen fall short of the proportion of its charge to carbon's (§4.1, fig. 2a)",
        _verdict(short),
        f"force MAE of oxygen over carbon's is {_text(ratio)}; the charges' ratio is "
        f"{CHARGE_RATIO:.2f}.",
    )


def _wider_is_better(errors: _Errors) -> Finding | None:
    pairs = [
        (narrow, wide)
        for narrow, wide in pairwise(range(len(errors.cells)))
        if errors.cells[narrow][0] == errors.cells[wide][0]
    ]
    if not pairs:
        return None
    gains = [_difference(errors, narrow, wide) for narrow, wide in pairs]
    narrow, wide = (list(side) for side in zip(*pairs, strict=True))
    mean = errors.interval(lambda means: (means[:, narrow] - means[:, wide]).mean(axis=1))
    better, worse = _decided(gains)
    verdict = _verdict(mean) if not worse else (UNDECIDED if better >= worse else NOT_SEEN)
    return Finding(
        "at an equal start, wider windows are better (§4.2, fig. 3)",
        verdict,
        f"the next wider window lowers the force MAE by {_text(mean)} meV/Å on average over "
        f"{len(pairs)} pairs; it is better in {better}, worse in {worse}, undecided in "
        f"{len(pairs) - better - worse}.",
    )


def _zig_zag(errors: _Errors) -> Finding | None:
    widths = np.round([end - start for start, end in errors.cells], 9)
    narrow = [number for number in range(len(widths)) if widths[number] == widths.min()]
    if len(narrow) < 3:
        return None
    steps = [_difference(errors, later, earlier) for earlier, later in pairwise(narrow)]
    up, down = _decided(steps)
    verdict = SEEN if up and down else (UNDECIDED if up + down < len(steps) else NOT_SEEN)
    shown = ", ".join(
        f"{100 * errors.cells[number][0]:g} %: {errors.values[:, number].mean():.1f}"
        for number in narrow
    )
    return Finding(
        "windows of equal width do not improve steadily towards the test: a zig-zag (§4.2, fig. 3)",
        verdict,
        f"force MAE of {100 * widths.min():g} % windows by start [meV/Å]: {shown}; of "
        f"{len(steps)} steps towards the test {up} raise and {down} lower it beyond doubt.",
    )


def _similarity_tracks(errors: _Errors, near: _Errors) -> Finding:
    both = _Errors(errors.cells, np.hstack([errors.values, near.values]), errors.blocks)
    count = len(errors.cells)

    def spearman(means: Floats) -> Floats:
        ranks = rankdata(means[:, :count], axis=1), rankdata(means[:, count:], axis=1)
        first, second = (rank - rank.mean(axis=1, keepdims=True) for rank in ranks)
        norm = np.sqrt((first**2).sum(axis=1) * (second**2).sum(axis=1))
        return (first * second).sum(axis=1) / norm

    rho = both.interval(spearman)
    opposite = Interval(-rho.high, -rho.estimate, -rho.low, rho.num_blocks, rho.count)
    return Finding(
        "windows more similar to the test err less (§4.2, fig. 4)",
        _verdict(opposite),
        f"Spearman's ρ between centred SOAP similarity and force MAE is {_text(rho)} over {count} "
        "windows, which overlap.",
    )


def _by_species(evidence: StudyEvidence, points: polars.DataFrame) -> _Errors:
    """Force MAE of each species, averaged over all points."""
    times = evidence.samples.select("sample_id", "time").unique()
    rows = (
        evidence.by_species.filter(
            polars.col("point").is_in(points["point"].to_list()),
            polars.col("sample_id").is_in(times["sample_id"].to_list()),
            polars.col("partition") == "last_tenth",
        )
        .group_by("sample_id", "species")
        .agg(polars.col("force_mae").cast(polars.Float64).mean())
        .join(times, on="sample_id")
        .pivot(on="species", index=["sample_id", "time"], values="force_mae")
        .sort("time")
    )
    names = sorted(set(rows.columns) - {"sample_id", "time"})
    return _Errors([(name,) for name in names], rows.select(names).to_numpy(), blocks_of(rows))


def _species_text(errors: _Errors) -> str:
    parts = []
    for number, key in enumerate(errors.cells):
        one = errors.interval(lambda means, number=number: means[:, number])  # type: ignore[misc]
        parts.append(f"{key[0]} {_text(one)}")
    return ", ".join(parts) + " meV/Å"


def _difference(errors: _Errors, first: int, second: int) -> Interval:
    return errors.interval(lambda means: means[:, first] - means[:, second])


def _decided(differences: Iterable[Interval]) -> tuple[int, int]:
    """How many are positive and how many negative beyond doubt."""
    differences = list(differences)
    return sum(d.low > 0 for d in differences), sum(d.high < 0 for d in differences)


def _verdict(difference: Interval) -> str:
    """Whether a difference that the claim says is positive is."""
    if difference.low > 0:
        return SEEN
    return NOT_SEEN if difference.high < 0 else UNDECIDED


def _text(interval: Interval) -> str:
    digits = 1 if abs(interval.estimate) >= 1 else 2
    shown = (f"{value:.{digits}f}" for value in (interval.estimate, interval.low, interval.high))
    return "{} [{}, {}]".format(*shown).replace("-", "−")
