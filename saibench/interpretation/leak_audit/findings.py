"""Findings on leaks: of every audited test, and of what a random split hides."""

from __future__ import annotations

from functools import partial

from saibench.errors import UserError
from saibench.evidence.reader import StudyEvidence
from saibench.interpretation.bootstrap import Interval
from saibench.interpretation.finding import NOT_SEEN, SEEN, UNDECIDED, Answer, Finding, ask
from saibench.interpretation.leak_audit import sentences
from saibench.interpretation.leak_audit.of_evidence import audits_of
from saibench.interpretation.leak_audit.random_split import (
    RANDOM,
    TIME,
    SplitStudy,
    TestedSplit,
    difference,
    split_studies,
)
from saibench.interpretation.leak_audit.records import Audit
from saibench.interpretation.verdict import verdict

NO_LEAK = "training has not seen the like of the test (§4)"
HIDES = "a random split hides errors: split in time, the same net errs more (§4)"
ONE_NET_HIDES = "one net errs less between the frames that it was trained on than after them (§4)"
INTERLEAVES = "a random split interleaves test and training in time (§4)"


def findings(evidence: StudyEvidence) -> list[Finding]:
    """Of the audits that the records keep, and of the studies of splits."""
    found: list[Finding] = []
    try:
        studies = split_studies(evidence)
    except UserError:  # most studies do not vary the split
        studies = []
    for study in studies:
        found += ask(HIDES, study.label, partial(_hides, study))
        found += ask(ONE_NET_HIDES, study.label, partial(_one_net_hides, study))
        found += ask(INTERLEAVES, study.label, partial(_interleaves, study))
    for one in audits_of(evidence):
        label = f"{one.label}, {one.audit.partition}"
        found += ask(NO_LEAK, label, partial(_no_leak, one.audit))
    return found


def _no_leak(audit: Audit) -> Answer:
    limit = sentences.WITHOUT_LEAK
    found = SEEN if audit.score.high <= limit else UNDECIDED
    if audit.score.low > limit:
        found = NOT_SEEN
    return found, " ".join(sentences.story(audit))


def _hides(study: SplitStudy) -> Answer | None:
    return _more(study, study.held_out(TIME), study.held_out(RANDOM))


def _one_net_hides(study: SplitStudy) -> Answer | None:
    return _more(study, study.held_out(TIME), study.between())


def _interleaves(study: SplitStudy) -> Answer | None:
    random, time = study.held_out(RANDOM), study.held_out(TIME)
    if random is None or time is None or random.audit is None or time.audit is None:
        return None
    first, second = random.audit.interleaved, time.audit.interleaved
    if first is None or second is None:
        return None
    found = SEEN if first.low > second.high else UNDECIDED
    if first.high < second.low:
        found = NOT_SEEN
    return found, " ".join(
        f"{one.label}: {sentences.time_sentence(one.audit)}" for one in (random, time) if one.audit
    )


def _more(
    study: SplitStudy, first: TestedSplit | None, second: TestedSplit | None
) -> Answer | None:
    if first is None or second is None:
        return None
    more = difference(first, second)
    unit = f" {study.statistic.unit}" if study.statistic.unit else ""
    return verdict(more), (
        f"{study.statistic.name} is {_number(first.error)}{unit} on {first.partition} "
        f"({first.split} split, {first.error.count:,} samples{_score(first)}) and "
        f"{_number(second.error)}{unit} on {second.partition} ({second.split} split, "
        f"{second.error.count:,} samples{_score(second)}): {_number(more)}{unit} more."
    )


def _score(one: TestedSplit) -> str:
    return "" if one.audit is None else f", audit's score {one.audit.score.estimate:.2f}"


def _number(interval: Interval) -> str:
    shown = (f"{value:.1f}" for value in (interval.estimate, interval.low, interval.high))
    return "{} [{}, {}]".format(*shown).replace("-", "−")
