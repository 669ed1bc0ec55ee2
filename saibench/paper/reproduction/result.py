"""A figure or table of the paper: its studies, figures and claims."""

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
    """One claim of the paper, and what is compared with it.

    Args:
        text: the claim in one sentence.
        claim: dotted constant, the `Finding.claim` that tests it on a study's evidence.
        numbers: if no finding tests it, dotted function of the evidence that reports numbers.
        compare: for many numbers, those to compare by eye.
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
        """The text of the claim that a finding tests, if any."""
        return str(named_object(self.claim)) if self.claim else None

    @property
    def reported(self) -> Callable[[StudyEvidence], str] | None:
        """The function that reports numbers, if no finding tests the claim."""
        function: Callable[[StudyEvidence], str] | None
        function = named_object(self.numbers) if self.numbers else None
        return function


class Result(Described):
    """One figure or table.

    Args:
        name: for the command, such as `fig3`.
        title: of the figure or table.
        section: of the paper.
        studies: studies below `sweeps/` in the size of the paper, each with its figures.
        data: settings that select the data of the paper.
        findings: modules that test the claims.
        claims: the paper's claims on this figure or table.
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
        """`Figure 3`; the name itself if it is no figure or table of the paper."""
        found = re.fullmatch(r"(fig|table)(\d+)", self.name)
        kinds = {"fig": "Figure", "table": "Table"}
        return f"{kinds[found[1]]} {found[2]}" if found else self.name

    @property
    def mini(self) -> dict[str, str]:
        """For each study, its form that runs in minutes on two cores."""
        return {study: small_form(study) for study in self.studies}

    @property
    def has_two_sizes(self) -> bool:
        return any(study != mini for study, mini in self.mini.items())

    def check_names(self) -> None:
        """Check before any run that all names exist.

        Raises:
            UserError: an unknown figure, module of findings, claim or function.
        """
        for figure in (figure for figures in self.studies.values() for figure in figures):
            figure_module(figure)
        for module in self.findings:
            find_function(module)
        for claim in self.claims:
            _ = claim.finding, claim.reported
