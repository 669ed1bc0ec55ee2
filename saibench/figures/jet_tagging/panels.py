"""Shared by panels and captions of jet tagging figures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars
from matplotlib.axes import Axes

from saibench.analysis.bootstrap import Interval
from saibench.analysis.classification.scores import MIN_SAMPLES, ClassScore, Reduce, interval
from saibench.analysis.jet_tagging.energy_decay import bin_text
from saibench.analysis.jet_tagging.tested_jets import ScoredJets
from saibench.datamodules.jet_tagging.energy_bins import NUM_BINS, START, WIDTH
from saibench.evidence.jet_tagging.class_names import ClassNames
from saibench.evidence.reader import StudyEvidence
from saibench.evidence.stretches import MAX_BLOCKS
from saibench.figures.style import PALETTE, count_axis, error_bars

FEATURE_NAMES = {
    "kinematic": "kinematic features",
    "raw": "four-momenta",
    "raw_no_pair": "four-momenta, no pairs",
}
"""Names of a tagger's inputs in figures."""
JETS_TRAINED_ON = "jets trained on (log scale)"
LABEL_WIDTH = 0.17
"""Width of a tick label as a fraction of an axis of a third of the page."""
ENERGY_BIN = "bin of the jet's energy"
PERCENT = 100.0
PALE = 0.3
"""Opacity of values with few jets."""
INTERVALS = "Error bars and bands: 95 % intervals from resampling jets"


def class_names(evidence: StudyEvidence) -> ClassNames:
    return ClassNames.recorded(evidence.records.values())


def jets_text(evidence: StudyEvidence, jets: ScoredJets, partition: str) -> str:
    """`404,000 jets of held_out (202,104 top, 201,896 QCD; samples whose split is test)`."""
    tops = int((jets.label == 1).sum())
    described = (
        (record.get("partitions") or {}).get(partition) or {}
        for record in evidence.records.values()
    )
    describe = next((str(found["describe"]) for found in described if found.get("describe")), "")
    names = class_names(evidence)
    classes = f"{tops:,} {names.signal}, {len(jets.label) - tops:,} {names.background}"
    details = "; ".join(filter(None, [classes, describe]))
    return f"{len(jets.label):,} jets of {partition} ({details})"


def intervals_text(jets: ScoredJets) -> str:
    """A sentence on the intervals, with a warning if there are few jets."""
    grouped = len(jets.label) > MAX_BLOCKS
    groups = f", in {MAX_BLOCKS} stratified groups" if grouped else ""
    few = min(int((jets.label == one).sum()) for one in (0, 1)) < MIN_SAMPLES
    warning = f" Fewer than {MIN_SAMPLES} jets of a class: too few for a verdict." if few else ""
    return f"{INTERVALS}{groups}.{warning}"


def gaps_text(jets: ScoredJets, names: ClassNames, few_label: str = "Pale") -> str:
    """Sentences on empty bins, bins with one class, and bins with few jets."""
    tops, qcds = (
        np.bincount(jets.bins[(jets.label == one) & (jets.bins >= 0)], minlength=NUM_BINS)
        for one in (1, 0)
    )
    empty = [n for n in range(NUM_BINS) if not tops[n] + qcds[n]]
    single = [n for n in range(NUM_BINS) if bool(tops[n]) != bool(qcds[n])]
    few = [n for n in range(NUM_BINS) if 0 < min(tops[n], qcds[n]) < MIN_SAMPLES]
    outside = int((jets.bins < 0).sum())
    text = []
    if empty:
        text.append(f"No jet in {' and '.join(map(bin_text, empty))}.")
    if single:
        absent = {n: names.of(0 if tops[n] else 1) for n in single}
        missing = ", ".join(f"{bin_text(n)} has no {name} jet" for n, name in absent.items())
        text.append(f"Gaps: {missing}; the AUC is undefined.")
    if few:
        counts = ", ".join(
            f"{n}: {tops[n]} {names.signal} and {qcds[n]} {names.background}" for n in few
        )
        text.append(f"{few_label}: fewer than {MIN_SAMPLES} jets of a class (bin {counts}).")
    if outside:
        text.append(f"{outside:,} jets are outside all bins.")
    return " ".join(text)


def score_row(
    scores: Sequence[ClassScore], reduce: Reduce | None = None
) -> dict[str, float | int | None]:
    """A score with its interval and counts as columns of a table; null if undefined."""
    return interval_row(interval(scores, reduce)) | {
        "top_jets": min(score.num_signal for score in scores),
        "qcd_jets": min(score.num_background for score in scores),
    }


def interval_row(found: Interval) -> dict[str, float | int | None]:
    numbers = {"estimate": found.estimate, "low": found.low, "high": found.high}
    return {name: None if np.isnan(value) else value for name, value in numbers.items()}


def feature_colours(features: Sequence[str]) -> dict[str, str]:
    """The colour of each input, the same in every figure."""
    known = [*FEATURE_NAMES, *(name for name in features if name not in FEATURE_NAMES)]
    return {name: PALETTE[known.index(name) % len(PALETTE)] for name in features}


def feature_name(features: str) -> str:
    return FEATURE_NAMES.get(features, features)


def draw_curve(
    axes: Axes, rows: polars.DataFrame, x: str, colour: Any, scale: float = 1.0, **style: Any
) -> None:
    """Draw `estimate` with its interval against column `x`; pale where jets of a class are few."""
    usual: dict[str, Any] = {"marker": "o", "markersize": 4.5, "capsize": 3, "linewidth": 1.6}
    style = usual | style
    few = few_jets(rows)
    for pale in (False, True):
        columns = [
            np.where(few == pale, scale * rows[name].cast(polars.Float64).fill_null(np.nan), np.nan)
            for name in ("estimate", "low", "high")
        ]
        if not np.isnan(columns[0]).all() or not pale:
            if pale:
                style |= {"alpha": PALE, "linestyle": "", "label": None}
            axes.errorbar(rows[x], columns[0], yerr=error_bars(*columns), color=colour, **style)


def few_jets(rows: polars.DataFrame) -> np.ndarray:
    """Mask of the rows with too few jets of a class."""
    if "top_jets" not in rows.columns:
        return np.zeros(rows.height, dtype=bool)
    fewest = polars.min_horizontal("top_jets", "qcd_jets").fill_null(MIN_SAMPLES)
    return rows.select(few=fewest < MIN_SAMPLES)["few"].to_numpy()


def jets_axis(axes: Axes, counts: Sequence[int]) -> None:
    """Set the x axis to the training set sizes, in a panel of a third of the page."""
    count_axis(axes, counts, LABEL_WIDTH, _short_count)
    axes.set_xlabel(JETS_TRAINED_ON)


def bin_axis(axes: Axes, label: bool = True) -> None:
    """Set the x axis to the 8 energy bins, with the lower edge of every second."""
    axes.set_xlim(-0.6, NUM_BINS - 0.4)
    edges = [START + WIDTH * number for number in range(NUM_BINS)]
    names = [f"{n}\n{edge:.0f}" if n % 2 == 0 else f"{n}" for n, edge in enumerate(edges)]
    axes.set_xticks(range(NUM_BINS), names)
    if label:
        axes.set_xlabel(f"{ENERGY_BIN}, begins at [GeV]")


def _short_count(count: float) -> str:
    """`980`, `12.1k`, `1.21M`."""
    for size, unit in ((1e6, "M"), (1e3, "k")):
        if count >= size:
            return f"{count / size:.3g}{unit}"
    return f"{count:.0f}"
