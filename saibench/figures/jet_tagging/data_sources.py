"""Distributions of pT, mass, constituents and energy in two data sets, by class."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.stats import ks_2samp

from saibench.analysis.blocks import stratified_blocks
from saibench.analysis.classification.scores import interval, mean_score
from saibench.analysis.jet_tagging.tested_jets import why_no_jets
from saibench.evidence.once import once
from saibench.evidence.reader import StudyEvidence
from saibench.evidence.selection import rows_of, tested
from saibench.figures.captions import row_text
from saibench.figures.jet_tagging.panels import interval_row
from saibench.figures.questions import FAIR
from saibench.figures.style import PALETTE, axis_label, legend_below, panel_title, panels, styled

title = "Two sources of jets"
paper = ""
question = FAIR

FEATURES = {
    "jet_pt": ("pT", "GeV"),
    "jet_mass": ("mass", "GeV"),
    "num_constituents": ("constituents", ""),
    "jet_energy": ("energy", "GeV"),
}
"""Name and unit of each column."""
CLASSES = {1: "top", 0: "QCD"}
NUM_BINS = 40
WITHIN = (0.002, 0.998)
"""Quantiles of both sources that limit the bins."""


@dataclass(frozen=True, eq=False)
class Source:
    """The held-out jets of one data set."""

    name: str
    describe: str
    jets: polars.DataFrame

    def values(self, feature: str, label: int) -> np.ndarray:
        return self.jets.filter(label=label)[feature].cast(polars.Float64).to_numpy()


def needs(evidence: StudyEvidence) -> str | None:
    if reason := why_no_jets(evidence):
        return reason
    missing = [name for name in FEATURES if name not in evidence.samples.columns]
    if missing:
        return f"The samples have no column {missing[0]}."
    sources = _sources(evidence)[:2]
    if len(sources) < 2:
        return "It takes runs on two data sets. Use data=simulated_jets,top_landscape."
    for source in sources:
        for label, name in CLASSES.items():
            if not source.jets.filter(label=label).height:
                return f"It takes jets of both classes: {source.name} has no {name} jet."
    return None


@once
def table(evidence: StudyEvidence) -> polars.DataFrame:
    """One row per (class, feature, source): mean with its interval, median, spread.

    `ks` is the largest distance of the source's distribution function from the first source's.
    """
    sources = _sources(evidence)[:2]
    rows = []
    for label, of_class in CLASSES.items():
        for feature in FEATURES:
            first = sources[0].values(feature, label)
            for source in sources:
                values = source.values(feature, label)
                low, median, high = np.quantile(values, (0.16, 0.5, 0.84))
                labels = np.full(len(values), label)
                mean = mean_score(values, labels, stratified_blocks(labels))
                rows.append(
                    {"class": of_class, "feature": feature, "source": source.name}
                    | {"jets": len(values), **interval_row(interval([mean]))}
                    | {"p16": low, "median": median, "p84": high}
                    | {"ks": float(ks_2samp(first, values).statistic)}
                )
    return polars.DataFrame(rows, infer_schema_length=None)


@styled
def draw(evidence: StudyEvidence) -> Figure:
    sources, numbers = _sources(evidence)[:2], table(evidence)
    figure, axes = panels(len(CLASSES), len(FEATURES), 5.2, sharex="col")
    letters = iter("abcdefgh")
    for row, (label, of_class) in zip(axes, CLASSES.items(), strict=True):
        for panel, (feature, named) in zip(row, FEATURES.items(), strict=True):
            edges = _edges([s.values(feature, one) for s in sources for one in CLASSES])
            for position, source in enumerate(sources):
                _draw_source(panel, source, feature, label, edges, PALETTE[position])
            far = numbers.filter(
                polars.col("class") == of_class, feature=feature, source=sources[1].name
            )["ks"].item()
            panel.set_yticks([])
            panel_title(panel, next(letters), f"{of_class} jets, distance {far:.2f}")
            if label == 0:
                panel.set_xlabel(axis_label(*named))
        row[0].set_ylabel("fraction of jets")
    legend_below(figure, axes[0, 0])
    return figure


def reading(evidence: StudyEvidence) -> str:
    """The feature and class in which the second source differs most from the first."""
    numbers = table(evidence)
    first, second = (source.name for source in _sources(evidence)[:2])
    most = numbers.filter(source=second).sort("ks").row(-1, named=True)
    where = {"class": most["class"], "feature": most["feature"]}
    (other,) = numbers.filter(source=first, **where).rows(named=True)
    name, unit = FEATURES[most["feature"]]
    return (
        f"The sources differ most in the {name} of {most['class']} jets: mean {row_text(other)} in "
        f"{first} and {row_text(most, unit)} in {second} (distance of the distributions "
        f"{most['ks']:.2f})."
    )


def caption(evidence: StudyEvidence) -> str:
    sources = _sources(evidence)
    numbers = table(evidence)
    described = "; ".join(f"{source.name}: {source.describe.rstrip('.')}" for source in sources[:2])
    means = "; ".join(
        f"{of_class} {FEATURES[feature][0]} "
        + " and ".join(f"{value:.0f}" for value in of_feature["estimate"])
        for (of_class, feature), of_feature in numbers.group_by(
            "class", "feature", maintain_order=True
        )
    )
    counts = " and ".join(f"{source.jets.height:,}" for source in sources[:2])
    return (
        f"Distributions of {evidence.held_out}'s jets, {counts} of them ({described}); lines: "
        f"means, in this order {means}. Distance: the largest between both distribution functions "
        "(Kolmogorov–Smirnov)."
    )


def _sources(evidence: StudyEvidence) -> list[Source]:
    """The first run on each data set, in the study's order."""
    found: dict[str, Source] = {}
    for point in tested(evidence)["point"]:
        record = evidence.records[point]
        data = record.get("data") or {}
        key = str(data.get("hash") or "")
        if key and key not in found:
            name = str(record["settings"].get("data._target_") or key[:8]).rpartition(".")[2]
            same = sum(source.name.partition(" (")[0] == name for source in found.values())
            label = f"{name} ({key[:8]})" if same else name
            rows = rows_of(evidence.samples, [point], evidence.held_out)
            found[key] = Source(label, str(data.get("describe") or ""), rows)
    return list(found.values())


def _edges(columns: list[np.ndarray]) -> np.ndarray:
    values = np.concatenate(columns)
    low, high = np.quantile(values, WITHIN)
    count = int(np.clip(2 * len(values) ** (1 / 3), 8, NUM_BINS))
    if (values == values.round()).all():  # equally many whole numbers per bin
        step = max(1, round((high - low) / count))
        return np.arange(np.floor(low), high + step, step) - 0.5
    return np.linspace(low, max(high, low + 1e-9), count + 1)


def _draw_source(
    axes: Axes, source: Source, feature: str, label: int, edges: np.ndarray, colour: str
) -> None:
    values = source.values(feature, label)
    counts = np.histogram(values, edges)[0] / max(1, len(values))
    axes.stairs(counts, edges, color=colour, fill=True, alpha=0.18)
    axes.stairs(counts, edges, color=colour, linewidth=1.5, label=source.name)
    axes.axvline(values.mean(), color=colour, linewidth=1.1, linestyle="--")
