"""Whether a study's test can be believed: leakage, seeds, independent blocks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import polars

from saibench.analysis.answers.answer import Answer
from saibench.analysis.answers.best_run import compared_models
from saibench.analysis.answers.tested import tested_points
from saibench.analysis.leak_audit.of_evidence import audits_of
from saibench.analysis.leak_audit.sentences import MAX_SCORE_WITHOUT_LEAK
from saibench.analysis.tested_models import fewest_trainings, tested_models
from saibench.errors import UserError
from saibench.evidence.audit_record import Audit
from saibench.evidence.reader import StudyEvidence
from saibench.evidence.titles import titled
from saibench.formatting import counted, percent

MIN_BLOCKS = 20
"""Independent blocks below which intervals of means are wide; bounds have blocks of their own."""


@dataclass(frozen=True)
class FairnessNumbers:
    """What a test rests on.

    Args:
        partition: the held-out one, or the first tested.
        test, training: smallest and largest number of samples over the runs.
        error: title of the models' error; empty if they cannot be compared.
        blocks: fewest and most independent blocks of that error over the models, or else those
            decided for all errors.
        seeds: fewest seeds of a trained model; None if no model was trained.
        audit: that of the largest leak into the partition; None if none is recorded.
        seen: largest share of the test samples that a run was trained on.
    """

    partition: str
    test: tuple[int, int]
    training: tuple[int, int] | None
    error: str
    blocks: tuple[int, int]
    seeds: int | None
    audit: Audit | None
    seen: float


def fairness(evidence: StudyEvidence, question: str) -> Answer[FairnessNumbers]:
    """Sizes, independent blocks, seeds and recorded leakage of the test, with cautions.

    Raises:
        UserError: no run was tested.
    """
    numbers = _numbers(evidence)
    return Answer(question, _sentence(numbers), numbers, tuple(_cautions(numbers)))


def _numbers(evidence: StudyEvidence) -> FairnessNumbers:
    partition, points = tested_points(evidence)
    rows = evidence.samples.filter(polars.col("partition") == partition)
    seen = "seen_in_training" if "seen_in_training" in rows.columns else None
    is_seen = polars.lit(False) if seen is None else polars.col(seen).fill_null(False)
    by_run = rows.group_by("point").agg(polars.len(), seen=is_seen.mean())
    runs = by_run["point"].to_list()
    error, blocks = _blocks(evidence, partition)
    audits = [one.audit for one in audits_of(evidence) if one.audit.partition == partition]
    training = [count for record in (evidence.records[run] for run in runs)
                if (count := _training_count(record)) is not None]  # fmt: skip
    return FairnessNumbers(
        partition=partition,
        test=_span(by_run["len"].to_list()),
        training=_span(training) if training else None,
        error=error,
        blocks=blocks,
        seeds=fewest_trainings(tested_models(points)),
        audit=max(audits, key=lambda one: one.score.estimate, default=None),
        seen=max(by_run["seen"].to_list()),
    )


def _blocks(evidence: StudyEvidence, partition: str) -> tuple[str, tuple[int, int]]:
    """`error` and `blocks` of `FairnessNumbers`."""
    try:
        compared = compared_models(evidence)
    except UserError:
        decided = [one for one in evidence.dependence if one.partition == partition]
        return "", _span([one.dependence.num_blocks for one in decided] or [0])
    error = titled(compared.statistic.error_name, evidence)
    return error, _span([model.mean.num_blocks for model in compared.models])


def _training_count(record: Any) -> int | None:
    count = ((record.get("partitions") or {}).get("train") or {}).get("count")
    return int(count) if count else None


def _span(counts: Sequence[int]) -> tuple[int, int]:
    return min(counts), max(counts)


def _text(span: tuple[int, int]) -> str:
    low, high = span
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def _sentence(numbers: FairnessNumbers) -> str:
    few, most = numbers.blocks
    of = f" (of {numbers.error}{', by run' if few < most else ''})" if numbers.error else ""
    blocks = (
        counted(few, "independent block")
        if few == most
        else (f"{_text(numbers.blocks)} independent blocks")
    )
    parts = [f"{numbers.partition} has {_text(numbers.test)} samples in {blocks}{of}"]
    if numbers.training is not None:
        parts.append(f"{_text(numbers.training)} training samples")
    if numbers.seeds is not None:
        parts.append(counted(numbers.seeds, "seed"))
    audit = numbers.audit
    if audit is None:
        parts.append("no leakage audit is recorded")
    else:
        parts.append(f"{percent(audit.score)} of the test leak from training")
    return f"{', '.join(parts)}."


def _cautions(numbers: FairnessNumbers) -> list[str]:
    found = []
    if numbers.seeds == 1:
        found.append("A single seed: the numbers hold for this trained net alone.")
    few, most = numbers.blocks
    if few < MIN_BLOCKS:
        only = "Only" if few == most else "A run has only"
        found.append(
            f"{only} {counted(few, 'independent block')}: intervals of mean errors are wide."
        )
    if numbers.seen:
        seen = f"{100 * numbers.seen:.3g} % of the test samples were trained on"
        found.append(f"{seen}, and are left out of these answers.")
    audit = numbers.audit
    if audit is not None and audit.score.low > MAX_SCORE_WITHOUT_LEAK:
        found.append(f"{percent(audit.score)} of the test samples leak from training.")
    return found
