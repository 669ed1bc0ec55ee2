"""What is known of a figure or table of the paper."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Annotated

from pydantic import Field, model_validator

from saibench.evidence.reader import StudyEvidence
from saibench.figures import figure_module
from saibench.findings.finding import find_function
from saibench.imports.modules import named_object
from saibench.paper.described import Described
from saibench.paper.toolbox.studies import small_form


class PaperClaim(Described):
    """One thing that the paper finds, in short, and what is compared with it.

    Args:
        text: the paper's finding, in our words.
        claim: dotted constant, the `Finding.claim` that asks the same of a study's evidence.
        numbers: where no finding asks it, dotted function of the evidence that reports numbers.
        compare: where those are many, which to look at.
    """

    text: str
    claim: str = ""
    numbers: str = ""
    compare: str = ""

    @model_validator(mode="after")
    def _takes_one_comparison(self) -> PaperClaim:
        if sum(map(bool, (self.claim, self.numbers, self.compare))) != 1:
            raise ValueError("takes one of claim, numbers and compare")
        return self

    @property
    def finding(self) -> str | None:
        """The text of the claim that a finding tests, if one does."""
        return str(named_object(self.claim)) if self.claim else None

    @property
    def reported(self) -> Callable[[StudyEvidence], str] | None:
        """What reports numbers, if no finding tests the claim."""
        function: Callable[[StudyEvidence], str] | None
        function = named_object(self.numbers) if self.numbers else None
        return function


class Result(Described):
    """One figure or table.

    Args:
        name: as the command takes it, `fig3`.
        title: what it shows.
        section: of the paper, that reads from it.
        studies: in the paper's size, below `sweeps/`, each with the figures drawn from it.
        data: the settings that choose the data of the paper.
        findings: the modules that ask the claims.
        claims: what the paper reads from it.
    """

    name: str
    title: str
    section: str
    studies: Annotated[
        Mapping[str, Annotated[tuple[str, ...], Field(min_length=1)]], Field(min_length=1)
    ]
    data: tuple[str, ...] = ()
    findings: tuple[str, ...] = ()
    claims: tuple[PaperClaim, ...]

    @property
    def label(self) -> str:
        """`Figure 3`; the name itself where it is of no paper's figure or table."""
        found = re.fullmatch(r"(fig|table)(\d+)", self.name)
        kinds = {"fig": "Figure", "table": "Table"}
        return f"{kinds[found[1]]} {found[2]}" if found else self.name

    @property
    def mini(self) -> dict[str, str]:
        """By study, its form in minutes on two cores."""
        return {study: small_form(study) for study in self.studies}

    @property
    def has_two_sizes(self) -> bool:
        return any(study != mini for study, mini in self.mini.items())

    def check_names(self) -> None:
        """Refuse what it names and is not there, before any run.

        Raises:
            UserError: a figure, a module of findings, a claim or a function.
        """
        for figure in (figure for figures in self.studies.values() for figure in figures):
            figure_module(figure)
        for module in self.findings:
            find_function(module)
        for claim in self.claims:
            _ = claim.finding, claim.reported
