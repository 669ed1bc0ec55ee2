"""A claim of the paper, and the verdict on it from a study's evidence."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from saibench.errors import UserError
from saibench.evidence.reader import StudyEvidence
from saibench.imports.modules import part_module, recorded_modules

SUPPORTED, CONTRADICTED, INCONCLUSIVE = "supported", "contradicted", "inconclusive"
NOT_TESTED = "not tested"

ONE_SEED = (
    "for these trained nets alone: a setting was trained with one seed; other seeds may give "
    "another verdict."
)

Answer = tuple[str, str]
"""A verdict and the numbers behind it."""


@dataclass(frozen=True)
class Finding:
    """A claim, its verdict, and the numbers behind it.

    Args:
        claim: one clause with its source.
        verdict: `supported`, `contradicted`, `inconclusive` if the interval allows both, or
            `not tested` if the evidence is not enough to test the claim.
        numbers: the numbers behind the verdict, with unit and interval, or why the claim was not
            tested; one line each if there are many.
        variant: the settings that the tested runs share, if the study varies them.
        error: a defect of the program that prevented the test. Callers show all findings first
            and warn about it afterwards.
        nets_verdict: the verdict for the trained nets alone, if a claim about settings is
            inconclusive because one of them has a single seed.
    """

    claim: str
    verdict: str
    numbers: str
    variant: str = ""
    error: Exception | None = None
    nets_verdict: str = ""

    @property
    def label(self) -> str:
        return f"the finding '{self.claim}'"


def check_claim(
    claim: str,
    variant: str,
    test: Callable[[], Answer | None],
    num_seeds: int | None = None,
) -> list[Finding]:
    """Test a claim; returns no finding if the claim does not apply.

    Args:
        test: returns the verdict with its numbers, or None if the claim does not apply.
        num_seeds: for a claim about settings (sizes, windows, models), the fewest seeds that one
            of them was trained with; a single seed cannot decide it. None for a claim about the
            trained nets themselves.
    """
    try:
        answer = test()
    except Exception as error:
        return [_not_tested(claim, error, variant)]
    if answer is None:
        return []
    verdict, numbers = answer
    if num_seeds is not None and num_seeds < 2 and verdict in (SUPPORTED, CONTRADICTED):
        numbers = f"{numbers}\n{verdict.capitalize()} {ONE_SEED}"
        return [Finding(claim, INCONCLUSIVE, numbers, variant, nets_verdict=verdict)]
    return [Finding(claim, verdict, numbers, variant)]


def study_findings(evidence: StudyEvidence) -> list[Finding]:
    """The findings of every module that the study's records list under `findings`."""
    names = recorded_modules(evidence.records.values(), "findings")
    return [finding for name in names for finding in module_findings(name, evidence)]


def find_function(name: str) -> Callable[[StudyEvidence], list[Finding]]:
    """The function `findings` of a dotted module name.

    Raises:
        UserError: there is no such module, it may not be imported, or it has no `findings`.
    """
    function: Callable[[StudyEvidence], list[Finding]]
    function = part_module("findings", name, ("findings",)).findings
    return function


def module_findings(name: str, evidence: StudyEvidence) -> list[Finding]:
    """The findings of a module, or a single one with the reason why there are none."""
    return findings_of(name, lambda: find_function(name)(evidence))


def findings_of(name: str, function: Callable[[], list[Finding]]) -> list[Finding]:
    """The findings that a function returns, or a single one with the reason why it failed."""
    try:
        return function()
    except Exception as error:
        return [_not_tested(f"findings of {name}", error)]


def _not_tested(claim: str, error: Exception, variant: str = "") -> Finding:
    """The finding for a claim whose test failed: any error but a `UserError` is a defect."""
    if isinstance(error, UserError):
        return Finding(claim, NOT_TESTED, str(error), variant)
    return Finding(claim, NOT_TESTED, f"{type(error).__name__}: {error}", variant, error)
