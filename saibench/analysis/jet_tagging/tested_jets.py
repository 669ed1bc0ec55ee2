"""The test jets of a study, with the scores that each run gave them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import polars
from numpy.typing import NDArray

from saibench.analysis.blocks import Blocks, block_columns, find_blocks
from saibench.analysis.bootstrap import Floats
from saibench.analysis.classification.scores import (
    ClassScore,
    auc_components,
    auc_score,
    average,
    class_mean_score,
    mean_score,
)
from saibench.datamodules.jet_tagging.energy_bins import energy_bin
from saibench.errors import UserError
from saibench.evidence.independence import STRATUM_COLUMN
from saibench.evidence.reader import StudyEvidence
from saibench.evidence.selection import (
    Cell,
    Variant,
    rows_of,
    same_data,
    tested,
    variants,
    why_untested,
)

SIZES = ["subset.count", "subset.fraction"]
"""Settings of the number of training jets."""
FEATURES = "model.net.features"
COLUMNS = ("score", "label", "jet_energy")
BY_ANGLE = "by_angle"

Chosen = NDArray[np.bool_] | None


@dataclass(frozen=True, eq=False)
class ScoredJets:
    """N jets of a partition, ascending by sample_id, and their scores by run.

    Args:
        label: (N,) 1 for a top jet, 0 for a QCD jet.
        energy: (N,) GeV.
        scores: by run, (N,), above 0 for jets that are classified as top jets.
        stratified: whether resampled jets keep the share of top jets, which the data set chose;
            to estimate that share itself, use `unstratified`.
        samples: `sample_id` and `block_columns`; None if the jets are independent.
    """

    label: NDArray[np.int64]
    energy: Floats
    scores: Mapping[str, Floats]
    stratified: bool = True
    samples: polars.DataFrame | None = None

    @cached_property
    def blocks(self) -> NDArray[np.int64]:
        """(N,) labels of the blocks that are resampled."""
        return self._blocks.labels

    @cached_property
    def _blocks(self) -> Blocks:
        samples = self.samples
        if samples is None:
            samples = polars.DataFrame({"sample_id": np.arange(len(self.label))})
        strata = self.label if self.stratified else np.zeros_like(self.label)
        of_class = polars.Series(STRATUM_COLUMN, strata).cast(polars.String)
        errors = np.stack([self._correct(point) for point in self.scores], axis=1)
        return find_blocks(samples.with_columns(of_class), errors, replicates=True)

    @cached_property
    def unstratified(self) -> ScoredJets:
        """The same jets in blocks whose shares of the classes differ."""
        return replace(self, stratified=False)

    @cached_property
    def bins(self) -> NDArray[np.int64]:
        """(N,) the paper's energy bin."""
        return energy_bin(self.energy)

    def accuracy(self, cell: Cell, chosen: Chosen = None) -> ClassScore:
        """Share of correctly classified jets, the mean over seeds."""
        return self._over_seeds(cell, mean_score, chosen)

    def class_accuracy(self, cell: Cell, label: int, chosen: Chosen = None) -> ClassScore:
        """Accuracy of the jets of one class."""
        factors = (1.0, 0.0) if label else (0.0, 1.0)
        return self._over_seeds(cell, class_mean_score, chosen, factors=factors)

    def balanced_accuracy(self, cell: Cell, chosen: Chosen = None) -> ClassScore:
        """Mean of the accuracies of both classes."""
        return self._over_seeds(cell, class_mean_score, chosen)

    def signal_ratio(self, chosen: Chosen = None) -> ClassScore:
        """Share of top jets."""
        labels = self.label.astype(np.float64)
        score = mean_score(labels, self.label, self.blocks, chosen, share=True)
        return replace(score, independent=not self._blocks.correlated)

    def auc(self, cell: Cell, chosen: Chosen = None) -> ClassScore:
        """Area under the ROC curve, the mean over seeds."""
        used = np.ones(len(self.label), dtype=bool) if chosen is None else chosen
        of_seeds = []
        for point in cell.points:
            components = np.full(len(self.label), np.nan)
            components[used] = auc_components(self.scores[point][used], self.label[used])
            of_seeds.append(auc_score(components, self.label, self.blocks, used))
        return replace(average(of_seeds), points=cell.points)

    def _over_seeds(
        self, cell: Cell, score: Callable[..., ClassScore], chosen: Chosen, **options: Any
    ) -> ClassScore:
        """The mean over seeds of a score of which jets are classified correctly."""
        own = [
            score(self._correct(point), self.label, self.blocks, chosen, share=True, **options)
            for point in cell.points
        ]
        return replace(average(own), points=cell.points, independent=not self._blocks.correlated)

    def _correct(self, point: str) -> Floats:
        return ((self.scores[point] > 0) == (self.label == 1)).astype(np.float64)


def why_no_jets(evidence: StudyEvidence) -> str | None:
    """Why no run has scores of jets; None if one has."""
    return why_untested(evidence, COLUMNS)


def tested_jets(
    evidence: StudyEvidence, cells: Sequence[Cell], partition: str | None = None
) -> ScoredJets:
    """The jets of a partition, by default the held-out one.

    Raises:
        UserError: the runs were not all tested on the same jets.
    """
    partition = partition or evidence.held_out
    points = [point for cell in cells for point in cell.points]
    rows = rows_of(evidence.samples, points, partition).sort("point", "sample_id")
    tables = {str(key[0]): own for key, own in rows.partition_by("point", as_dict=True).items()}
    missing = [point for point in points if point not in tables]
    if missing:
        raise UserError(f"These runs were not tested on {partition}: {', '.join(missing)}.")
    first, identity = tables[points[0]], ["sample_id", "label", "jet_energy"]
    if not same_data(evidence, points) or any(
        not tables[point].select(identity).equals(first.select(identity)) for point in points
    ):
        raise UserError(
            f"The runs were not tested on the same jets of {partition}. Compare one data set."
        )
    return ScoredJets(
        label=first["label"].cast(polars.Int64).to_numpy(),
        energy=first["jet_energy"].cast(polars.Float64).to_numpy(),
        scores={point: _log_odds(tables[point]) for point in points},
        samples=first.select("sample_id", *block_columns(first)),
    )


def rotated_jets(
    evidence: StudyEvidence, cell: Cell, partition: str
) -> tuple[list[str], list[ScoredJets]]:
    """Angles about the beam axis, in the order of the table, and the jets rotated by each.

    Raises:
        UserError: a run has no scores by angle on this partition.
    """
    upright = tested_jets(evidence, [cell], partition)
    scores: dict[str, Floats] = {}
    angles: list[str] = []
    for point in cell.points:
        rows = _of_point(evidence, point, partition)
        if not rows.height:
            raise UserError(f"Run {point} has no scores by angle on {partition}.")
        angles = [str(angle) for angle in rows["angle"].unique(maintain_order=True)]
        # the writer keeps a jet's angles in order; sorting them as text would not
        rows = rows.sort("sample_id", maintain_order=True)
        scores[point] = _log_odds(rows).reshape(-1, len(angles))
    return angles, [
        replace(upright, scores={point: s[:, n] for point, s in scores.items()})
        for n in range(len(angles))
    ]


def rotated_variants(evidence: StudyEvidence) -> list[Variant]:
    """Runs with rotated jets, in groups that differ only in inputs and training size."""
    partition = rotated_partition(evidence)
    points = tested(evidence)
    if partition is None or FEATURES not in points.columns:
        return []
    rotated = evidence.samples.filter(polars.col("partition") == partition)["point"].unique()
    chosen = points.filter(polars.col("point").is_in(rotated.to_list()))
    return variants(chosen, [*SIZES, FEATURES], by=[FEATURES, "train_count"])


def rotated_partition(evidence: StudyEvidence) -> str | None:
    """The first partition with scores by angle, or None."""
    if BY_ANGLE not in evidence.sources:
        return None
    names = dict.fromkeys(name for metrics in evidence.metrics.values() for name in metrics)
    found = {
        name
        for path in evidence.sources[BY_ANGLE]
        for name in polars.scan_parquet(path).select("partition").unique().collect()["partition"]
    }
    return next((name for name in names if name in found), None)


def _of_point(evidence: StudyEvidence, point: str, partition: str) -> polars.DataFrame:
    """Scores by angle of one run; those of a whole study may not fit into memory."""
    of_point = (polars.col("point") == point) & (polars.col("partition") == partition)
    parts = [
        polars.scan_parquet(path)
        .filter(of_point)
        .select(polars.col("sample_id", "angle", "score", "^logit$"))
        .collect()
        for path in evidence.sources[BY_ANGLE]
    ]
    return polars.concat([part for part in parts if part.height] or parts[:1])


def _log_odds(rows: polars.DataFrame) -> Floats:
    """Log-odds, which differ where scores round to 1; without them the score minus 0.5."""
    if "logit" in rows.columns and not rows["logit"].is_null().any():
        return rows["logit"].cast(polars.Float64).to_numpy()
    return rows["score"].cast(polars.Float64).to_numpy() - 0.5
