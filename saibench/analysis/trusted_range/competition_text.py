"""The competition of features and error models, as sentences and a table."""

from __future__ import annotations

from saibench.analysis.trusted_range.competition import Candidate, Competition
from saibench.analysis.trusted_range.reading import ErrorSamples
from saibench.analysis.trusted_range.study_ranges import Found
from saibench.analysis.trusted_range.trusted_range import TrustedRange
from saibench.evidence.reader import StudyEvidence
from saibench.evidence.titles import titled
from saibench.formatting import aligned, are, joined, minus, number

HEADER = ("features", "error model", "pinball loss", "gain", "")
MAX_ROWS = 12
CHOSEN = "chosen"


def candidate_sentences(found: Found, evidence: StudyEvidence) -> list[str]:
    """What was chosen, what adds nothing, and what could not be used."""
    trusted, samples = found.trusted, found.samples
    if trusted is None or samples is None:
        return []
    lines = []
    if trusted.competition is not None:
        lines.append(chosen_sentence(trusted, trusted.competition, evidence))
        useless = [titled(name, evidence) for name in trusted.competition.useless]
        if useless:
            verb = "adds" if len(useless) == 1 else "add"
            lines.append(f"{joined(useless)} {verb} nothing to the bound.")
    if samples.skipped:
        lines.append(f"Not used: {'; '.join(samples.skipped)}.")
    if samples.estimated_blocks not in (0, samples.num_blocks):
        lines.append(requested_blocks(samples))
    elif samples.raw_blocks != samples.num_blocks:
        lines.append(
            f"Errors that know the features make {samples.num_blocks} independent blocks; without "
            f"the features they make {samples.raw_blocks}."
        )
    return lines


def requested_blocks(samples: ErrorSamples) -> str:
    """What a requested number of blocks means beside the estimated one."""
    own, estimated = samples.num_blocks, samples.estimated_blocks
    correlated = ": neighbouring ones correlate, so that intervals are too narrow"
    return (
        f"{own} blocks are requested (--blocks), and the errors given the features make "
        f"{estimated} independent ones{correlated if own > estimated else ''}."
    )


def chosen_sentence(
    trusted: TrustedRange, competition: Competition, evidence: StudyEvidence
) -> str:
    """The chosen candidate and its gain."""
    names = joined([titled(name, evidence) for name in trusted.chosen])
    count, chosen = len(competition.candidates), competition.chosen
    return (
        f"Of {count} combinations of features and error models, {names} ({chosen.kind}) "
        f"{are(len(trusted.chosen))} used: the held-out pinball loss is {_gain(chosen)} lower than "
        "without a feature."
    )


def competition_table(competition: Competition, evidence: StudyEvidence) -> list[str]:
    """The candidates of the lowest losses, and the chosen one."""
    first = competition.candidates[:MAX_ROWS]
    chosen = competition.chosen
    rows = [*first, *([] if chosen in first else [chosen])]
    lines = aligned(
        [
            HEADER,
            *(
                (
                    joined([titled(name, evidence) for name in one.features]),
                    one.kind,
                    number(one.loss),
                    _gain(one),
                    CHOSEN if one == chosen else "",
                )
                for one in rows
            ),
        ]
    )
    rest = len(competition.candidates) - len(rows)
    return [*lines, f"and {rest} more (`--json`)"] if rest else lines


def _gain(one: Candidate) -> str:
    """`12.1 ± 1.3 %`, one standard error over blocks."""
    return minus(f"{100 * one.gain:.1f} ± {100 * one.gain_error:.1f} %")
