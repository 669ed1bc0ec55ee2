"""Findings on leaks in audited test partitions, and on errors that a random split hides."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from saibench.analysis.leak_audit import sentences
from saibench.analysis.leak_audit.of_evidence import Audited, audits_of
from saibench.analysis.leak_audit.random_split import (
    RANDOM,
    TIME,
    SplitStudy,
    TestedSplit,
    audited_tests,
    difference,
    split_studies,
)
from saibench.analysis.learning_curve.reading import curve_config
from saibench.analysis.trusted_range.records import Quantity
from saibench.errors import UserError
from saibench.evidence.audit_record import Audit
from saibench.evidence.reader import StudyEvidence
from saibench.evidence.titles import titled
from saibench.findings.finding import (
    CONTRADICTED,
    INCONCLUSIVE,
    SUPPORTED,
    Answer,
    Finding,
    check_claim,
)
from saibench.findings.verdict import verdict
from saibench.formatting import fixed

NO_LEAK = "the test partition is free of leaks (§4)"
HIDES = "a random split hides errors: with a split in time, the same net has larger errors (§4)"
ONE_NET_HIDES = "one net has smaller errors between its training samples than after them (§4)"
SEEN_IS_EASIER = "one net has smaller errors on the test partition with the higher audit score (§4)"
INTERLEAVES = "a random split interleaves test and training samples in time (§4)"

MAX_SINGLE = 3
"""Audits of one partition that are reported one by one; more are summarised in one finding."""


def findings(evidence: StudyEvidence) -> list[Finding]:
    """The findings on recorded audits, and on studies that compare splits."""
    found: list[Finding] = []
    try:
        studies = split_studies(evidence)
    except UserError:  # most studies do not vary the split
        studies = []
    for study in studies:
        found += check_claim(HIDES, study.label, partial(_hides, evidence, study), study.seeds)
        found += check_claim(ONE_NET_HIDES, study.label, partial(_one_net_hides, evidence, study))
        found += check_claim(INTERLEAVES, study.label, partial(_interleaves, study))
    audits = audits_of(evidence)
    audited = dict.fromkeys((one.point, one.label) for one in audits if not studies)
    for point, label in audited:
        found += check_claim(SEEN_IS_EASIER, label, partial(_seen_is_easier, evidence, point))
    by_partition: dict[str, list[Audited]] = {}
    for one in audits:
        by_partition.setdefault(one.audit.partition, []).append(one)
    for partition, of_points in by_partition.items():
        if len(of_points) > MAX_SINGLE:
            found += check_claim(NO_LEAK, partition, partial(_no_leaks, of_points))
            continue
        for one in of_points:
            found += check_claim(NO_LEAK, f"{one.label}, {partition}", partial(_no_leak, one.audit))
    return found


def _no_leak(audit: Audit) -> Answer:
    return _leaks(audit), "\n".join(sentences.summary(audit))


def _no_leaks(of_points: Sequence[Audited]) -> Answer:
    """One answer for many runs: the worst verdict, with the details of the highest score."""
    ordered = sorted(of_points, key=lambda one: one.audit.score.estimate)
    least, most = ordered[0], ordered[-1]
    verdicts = [_leaks(one.audit) for one in of_points]
    worst = next(one for one in (CONTRADICTED, INCONCLUSIVE, SUPPORTED) if one in verdicts)
    return worst, (
        f"Scores of {len(of_points)} runs are between {least.audit.score.estimate:.3f} "
        f"({least.label}) and {most.audit.score.estimate:.3f} ({most.label}); supported for "
        f"{verdicts.count(SUPPORTED)}, contradicted for {verdicts.count(CONTRADICTED)}, "
        f"inconclusive for {verdicts.count(INCONCLUSIVE)}.\n"
        f"The highest: {' '.join(sentences.summary(most.audit))}"
    )


def _leaks(audit: Audit) -> str:
    """Verdict on the claim that there is no leak."""
    limit = sentences.MAX_SCORE_WITHOUT_LEAK
    if audit.score.low > limit:
        return CONTRADICTED
    if audit.near_unknown:
        return INCONCLUSIVE
    return SUPPORTED if audit.score.high <= limit else INCONCLUSIVE


def _hides(evidence: StudyEvidence, study: SplitStudy) -> Answer | None:
    return _more(evidence, study.statistic, study.held_out(TIME), study.held_out(RANDOM))


def _one_net_hides(evidence: StudyEvidence, study: SplitStudy) -> Answer | None:
    return _more(evidence, study.statistic, study.held_out(TIME), study.between())


def _seen_is_easier(evidence: StudyEvidence, point: str) -> Answer | None:
    """Compare the partitions with the lowest and highest score, if these differ significantly."""
    if point not in evidence.metrics:
        return None
    tests = audited_tests(evidence, point)
    if len(tests) < 2:
        return None
    most, least = tests[0], tests[-1]
    if most.audit is None or least.audit is None or most.audit.score.low <= least.audit.score.high:
        return None
    field = next(
        f for f in evidence.fields("samples") if f.name == curve_config(evidence).statistic
    )
    return _more(evidence, Quantity(field.name, field.unit), least, most)


def _interleaves(study: SplitStudy) -> Answer | None:
    random, time = study.held_out(RANDOM), study.held_out(TIME)
    if random is None or time is None or random.audit is None or time.audit is None:
        return None
    first, second = random.audit.interleaved, time.audit.interleaved
    if first is None or second is None:
        return None
    found = SUPPORTED if first.low > second.high else INCONCLUSIVE
    if first.high < second.low:
        found = CONTRADICTED
    return found, " ".join(
        f"{one.label}: {sentences.time_sentence(one.audit)}" for one in (random, time) if one.audit
    )


def _more(
    evidence: StudyEvidence,
    statistic: Quantity,
    first: TestedSplit | None,
    second: TestedSplit | None,
) -> Answer | None:
    if first is None or second is None:
        return None
    more = difference(first, second)
    name = titled(statistic.name, evidence)
    unit = f" {statistic.unit}" if statistic.unit else ""
    return verdict(more), (
        f"{name} is {fixed(first.error, 1)}{unit} on {_described(first)} and "
        f"{fixed(second.error, 1)}{unit} on {_described(second)}: {fixed(more, 1)}{unit} more."
    )


def _described(one: TestedSplit) -> str:
    """`last_tenth (time split, 964 samples, audit score 0.02)`."""
    score = "" if one.audit is None else f"audit score {one.audit.score.estimate:.2f}"
    split = f"{one.split} split" if one.split else ""
    about = ", ".join(filter(None, [split, f"{one.error.count:,} samples", score]))
    return f"{one.partition} ({about})"
