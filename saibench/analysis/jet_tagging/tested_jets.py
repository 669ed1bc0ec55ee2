"""The jets that points of a study were tested on, and what each of them made of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

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
"""Settings of how many jets are trained on."""
FEATURES = "model.net.features"
COLUMNS = ("score", "label", "jet_energy")
BY_ANGLE = "by_angle"

Chosen = NDArray[np.bool_] | None


@dataclass(frozen=True, eq=False)
class ScoredJets:
    """N jets of a partition, ascending by sample_id, and their scores by point.

    Args:
        label: (N,) 1 for a top jet, 0 for a QCD jet.
        energy: (N,) GeV.
        scores: by point, (N,), above 0 where the jet is taken for a top jet.
        stratified: whether resampled jets have the same share of top jets, which is chosen, not
            found; what asks for that share itself takes the jets `unstratified`.
        samples: `sample_id` and `block_columns`; independent jets where None.
    """

    label: NDArray[np.int64]
    energy: Floats
    scores: Mapping[str, Floats]
    stratified: bool = True
    samples: polars.DataFrame | None = None

    @cached_property
    def blocks(self) -> NDArray[np.int64]:
        """(N,) labels of the blocks that are resampled."""
        return self._found.labels

    @cached_property
    def _found(self) -> Blocks:
        samples = self.samples
        if samples is None:
            samples = polars.DataFrame({"sample_id": np.arange(len(self.label))})
        strata = self.label if self.stratified else np.zeros_like(self.label)
        of_class = polars.Series(STRATUM_COLUMN, strata).cast(polars.String)
        right = [(score > 0) == (self.label == 1) for score in self.scores.values()]
        errors = np.stack(right, axis=1).astype(np.float64)
        return find_blocks(samples.with_columns(of_class), errors, replicates=True)

    @cached_property
    def unstratified(self) -> ScoredJets:
        """The same jets in blocks that do not fix the classes' shares."""
        return replace(self, stratified=False)

    @cached_property
    def bins(self) -> NDArray[np.int64]:
        """(N,) the paper's bin of energy."""
        return energy_bin(self.energy)

    def accuracy(self, cell: Cell, chosen: Chosen = None) -> ClassScore:
        """Share of the jets that are taken for what they are, the mean over seeds."""
        return self._over_seeds(
            cell, lambda right: mean_score(right, self.label, self.blocks, chosen, share=True)
        )

    def class_accuracy(self, cell: Cell, label: int, chosen: Chosen = None) -> ClassScore:
        """The same of the jets of one class."""
        factors = (1.0, 0.0) if label else (0.0, 1.0)
        return self._over_seeds(
            cell,
            lambda right: class_mean_score(
                right, self.label, self.blocks, chosen, factors, share=True
            ),
        )

    def balanced_accuracy(self, cell: Cell, chosen: Chosen = None) -> ClassScore:
        """The accuracy if both classes were as frequent."""
        return self._over_seeds(
            cell, lambda right: class_mean_score(right, self.label, self.blocks, chosen, share=True)
        )

    def signal_ratio(self, chosen: Chosen = None) -> ClassScore:
        """Share of top jets."""
        labels = self.label.astype(np.float64)
        score = mean_score(labels, self.label, self.blocks, chosen, share=True)
        return replace(score, bundled=not self._found.correlated)

    def auc(self, cell: Cell, chosen: Chosen = None) -> ClassScore:
        """Area under the ROC curve, the mean over seeds."""
        used = np.ones(len(self.label), dtype=bool) if chosen is None else chosen
        of_seeds = []
        for point in cell.points:
            components = np.full(len(self.label), np.nan)
            components[used] = auc_components(self.scores[point][used], self.label[used])
            of_seeds.append(auc_score(components, self.label, self.blocks, used))
        return replace(average(of_seeds), points=cell.points)

    def _over_seeds(self, cell: Cell, score: Callable[[Floats], ClassScore]) -> ClassScore:
        """The mean over seeds of a score of which jets are taken for what they are."""
        label = self.label == 1
        rights = [((self.scores[point] > 0) == label).astype(np.float64) for point in cell.points]
        bundled = not self._found.correlated
        return replace(
            average([score(right) for right in rights]), points=cell.points, bundled=bundled
        )


def why_no_jets(evidence: StudyEvidence) -> str | None:
    """One sentence if no point has scores of jets, else None."""
    return why_untested(evidence, COLUMNS)


def tested_jets(
    evidence: StudyEvidence, cells: Sequence[Cell], partition: str | None = None
) -> ScoredJets:
    """The jets of a partition, by default the held-out one.

    Raises:
        UserError: the cells' points were tested on other jets.
    """
    partition = partition or evidence.held_out
    points = [point for cell in cells for point in cell.points]
    rows = rows_of(evidence.samples, points, partition).sort("point", "sample_id")
    tables = {str(key[0]): own for key, own in rows.partition_by("point", as_dict=True).items()}
    missing = [point for point in points if point not in tables]
    if missing:
        raise UserError(f"Not every point was tested on the partition {partition}.")
    first = tables[points[0]]
    if not same_data(evidence, points):
        raise UserError(f"{partition} is of different data sets; those of one data set compare.")
    identity = ["sample_id", "label", "jet_energy"]
    if any(not tables[point].select(identity).equals(first.select(identity)) for point in points):
        raise UserError(f"{partition} is not the same jets for all points; those of one data set "
                        "compare.")  # fmt: skip
    return ScoredJets(
        label=first["label"].cast(polars.Int64).to_numpy(),
        energy=first["jet_energy"].cast(polars.Float64).to_numpy(),
        scores={point: _log_odds(tables[point]) for point in points},
        samples=first.select("sample_id", *block_columns(first)),
    )


def rotated_jets(
    evidence: StudyEvidence, cell: Cell, partition: str
) -> tuple[list[str], list[ScoredJets]]:
    """Angles about the beam as the table has them, in its order, and the jets turned by each.

    Raises:
        UserError: a point has no scores by angle on this partition.
    """
    upright = tested_jets(evidence, [cell], partition)
    scores: dict[str, Floats] = {}
    angles: list[str] = []
    for point in cell.points:
        rows = _of_point(evidence, point, partition)
        if not rows.height:
            raise UserError(f"{point} has no scores by angle on {partition}.")
        angles = [str(angle) for angle in rows["angle"].unique(maintain_order=True)]
        # the writer has a jet's angles in order, which text would not keep
        rows = rows.sort("sample_id", maintain_order=True)
        scores[point] = _log_odds(rows).reshape(-1, len(angles))
    return angles, [
        replace(upright, scores={point: s[:, n] for point, s in scores.items()})
        for n in range(len(angles))
    ]


def rotated_variants(evidence: StudyEvidence) -> list[Variant]:
    """Points with turned jets, in groups that differ in inputs and size alone."""
    partition = rotated_partition(evidence)
    points = tested(evidence)
    if partition is None or FEATURES not in points.columns:
        return []
    turned = evidence.samples.filter(polars.col("partition") == partition)["point"].unique()
    chosen = points.filter(polars.col("point").is_in(turned.to_list()))
    return variants(chosen, [*SIZES, FEATURES], by=[FEATURES, "train_count"])


def rotated_partition(evidence: StudyEvidence) -> str | None:
    """The first partition whose jets were scored by angle, or None."""
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
    """Scores by angle of one point alone: those of a study may not fit into memory."""
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
    """Log-odds, which differ where scores near 1 are equal; without them the score less a half."""
    if "logit" in rows.columns and not rows["logit"].is_null().any():
        return rows["logit"].cast(polars.Float64).to_numpy()
    return rows["score"].cast(polars.Float64).to_numpy() - 0.5
