"""A claim, and what a study's own evidence says of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from saibench.errors import UserError
from saibench.evidence.reader import StudyEvidence
from saibench.imports.modules import part_module, recorded_modules

SUPPORTED, CONTRADICTED, INCONCLUSIVE = "supported", "contradicted", "inconclusive"
NOT_TESTED = "not tested"

ONE_SEED = (
    "for these trained nets alone: a setting was trained with one seed, and another may decide "
    "otherwise."
)

Answer = tuple[str, str]
"""A verdict, and the numbers behind it."""


@dataclass(frozen=True)
class Finding:
    """What was claimed, whether this evidence shows it, and with which numbers.

    Args:
        claim: one clause with its source.
        verdict: `supported`, `contradicted`, `inconclusive` when the interval allows both, or
            `not tested` when the evidence does not allow the question.
        numbers: the numbers behind the verdict, with unit and interval, or why it was not asked;
            where they are many, a line each.
        variant: what the points that were asked share, where the study varies it.
        error: the defect of the program that kept it from being asked. Whoever shows findings
            warns of it afterwards: one question is not to cost the others, nor be lost.
        of_nets: the verdict for the trained nets alone, where a claim about settings is
            inconclusive because one of them has a single seed.
    """

    claim: str
    verdict: str
    numbers: str
    variant: str = ""
    error: Exception | None = None
    of_nets: str = ""

    @property
    def label(self) -> str:
        return f"the finding '{self.claim}'"


def ask(
    claim: str,
    variant: str,
    question: Callable[[], Answer | None],
    trainings: int | None = None,
) -> list[Finding]:
    """The answer to a question, or why there is none; nothing where it does not arise.

    Args:
        trainings: of a claim about settings (sizes, windows, models), the fewest seeds with which
            one of them was trained; a single net each cannot decide it. None for a claim about
            the nets that there are.
    """
    try:
        answer = question()
    except UserError as error:
        return [Finding(claim, NOT_TESTED, str(error), variant)]
    except Exception as error:
        return [Finding(claim, NOT_TESTED, f"{type(error).__name__}: {error}", variant, error)]
    if answer is None:
        return []
    if trainings is not None and trainings < 2 and answer[0] in (SUPPORTED, CONTRADICTED):
        told = f"{answer[1]}\n{answer[0].capitalize()} {ONE_SEED}"
        return [Finding(claim, INCONCLUSIVE, told, variant, of_nets=answer[0])]
    return [Finding(claim, *answer, variant)]


def study_findings(evidence: StudyEvidence) -> list[Finding]:
    """The findings of every module that the study's records name under `findings`."""
    named = recorded_modules(evidence.records.values(), "findings")
    return [finding for name in named for finding in module_findings(name, evidence)]


def find_function(name: str) -> Callable[[StudyEvidence], list[Finding]]:
    """`findings` of a dotted module name.

    Raises:
        UserError: there is no such module, it is not to be imported, or it has no findings.
    """
    function: Callable[[StudyEvidence], list[Finding]]
    function = part_module("findings", name, ("findings",)).findings
    return function


def module_findings(name: str, evidence: StudyEvidence) -> list[Finding]:
    """The findings of a module, or the one that says why they could not be asked."""
    return findings_of(name, lambda: find_function(name)(evidence))


def findings_of(name: str, part: Callable[[], list[Finding]]) -> list[Finding]:
    """The findings of one part, or the one that says why none of them could be asked."""
    try:
        return part()
    except UserError as error:
        return [Finding(f"findings of {name}", NOT_TESTED, str(error))]
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
        return [Finding(f"findings of {name}", NOT_TESTED, reason, error=error)]
