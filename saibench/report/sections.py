"""The sections of a page: one per question, with the figures that answer it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from saibench.figures.questions import BEST, DRIVERS, FAIR, OTHER, TRUST
from saibench.report.drawn import DrawnFigure
from saibench.report.packed import Packer

TITLES = {
    TRUST: ("Where can it be trusted?", "Trust"),
    DRIVERS: ("What drives the error?", "Drivers"),
    BEST: ("Which run is best?", "Comparison"),
    FAIR: ("Is the test fair?", "Fairness"),
    OTHER: ("More figures", "More figures"),
}
"""By question the title of its section and a short one, in the order of the page."""


class Study(Protocol):
    """What a section needs of a study."""

    @property
    def name(self) -> str: ...
    @property
    def figures(self) -> Sequence[DrawnFigure]: ...
    @property
    def attribution(self) -> bytes: ...


@dataclass(frozen=True)
class Section:
    """A question with its figures and tables, each with the name of its study.

    Args:
        key: the question, and the section's id.
        title, short: in full, and for the navigation.
        figures: of all studies; those of the same name are neighbours.
        tables: blocks of the packer.
    """

    key: str
    title: str
    short: str
    figures: Sequence[tuple[str, DrawnFigure]]
    tables: Sequence[tuple[str, int]]


def page_sections(studies: Sequence[Study], packer: Packer) -> list[Section]:
    """The sections that have a figure or table; figures of an unknown question are in the last."""
    found = [(study.name, figure) for study in studies for figure in study.figures]
    names = list(dict.fromkeys(figure.name for _, figure in found))
    found.sort(key=lambda one: names.index(one[1].name))
    sections = [
        Section(
            key,
            *titles,
            [one for one in found if _question(one[1]) == key],
            [
                (study.name, packer.document(study.attribution))
                for study in studies
                if key == DRIVERS and study.attribution
            ],
        )
        for key, titles in TITLES.items()
    ]
    return [section for section in sections if section.figures or section.tables]


def _question(figure: DrawnFigure) -> str:
    return figure.question if figure.question in TITLES else OTHER
