"""What is known of a figure or table of the paper, as data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from saibench.evidence.reader import StudyEvidence


@dataclass(frozen=True)
class Said:
    """One thing that the paper finds, in short.

    Args:
        text: the paper's finding, in our words.
        section: where it says so.
        claim: `Finding.claim` that asks the same of a study's evidence.
        numbers: where no finding asks it, what says the numbers that stand against it.
        compare: where those are many, which to look at.
    """

    text: str
    section: str
    claim: str = ""
    numbers: Callable[[StudyEvidence], str] | None = None
    compare: str = ""

    def __post_init__(self) -> None:
        given = [answer for answer in (self.claim, self.numbers, self.compare) if answer]
        if len(given) != 1:
            raise ValueError(f"'{self.text}' takes a claim, numbers or what to compare, just one.")


@dataclass(frozen=True)
class Part:
    """A figure of ours that shows it, and the study whose points it is drawn from.

    Args:
        study: in the paper's size, below `sweeps/`.
        mini: in minutes on two cores; the same where the study is that small.
        figures: modules of `saibench.figures`.
    """

    study: str
    mini: str
    figures: tuple[str, ...]


@dataclass(frozen=True)
class Result:
    """One figure or table.

    Args:
        name: as the command takes it, `fig3`.
        title: what it shows.
        parts: the studies that it takes, each with the figures drawn from it.
        data: the settings that choose the data of the paper.
        findings: the modules that ask the claims.
        said: what the paper reads from it.
    """

    name: str
    title: str
    parts: tuple[Part, ...]
    data: tuple[str, ...]
    findings: tuple[str, ...]
    said: tuple[Said, ...]

    @property
    def label(self) -> str:
        """`Figure 3`."""
        if self.name.startswith("fig"):
            return f"Figure {self.name.removeprefix('fig')}"
        return f"Table {self.name.removeprefix('table')}"

    @property
    def has_two_sizes(self) -> bool:
        return any(part.study != part.mini for part in self.parts)


def of_study(study: str, *figures: str, mini: str | None = None) -> Part:
    """Figures of one study, whose small form is `<study>_mini` unless it is named."""
    modules = tuple(f"saibench.figures.{name}" for name in figures)
    return Part(study, f"{study}_mini" if mini is None else mini, modules)
