"""What is said of a technique: what it shows, and by which study it runs on each workload."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

WORKLOADS = ("force_field", "jet_tagging", "nowcasting")
"""Those that are shipped, by their names."""


@dataclass(frozen=True)
class Offered:
    """How a technique runs on one workload.

    Args:
        study: below `sweeps/`, in the size of the paper.
        mini: the same in minutes on two cores; the study itself where it is that small.
        parts: samplers and transforms that make its partitions, as dotted classes.
        statistics: columns of the evidence (`force_mae`, along an axis `lead/mae`), or metrics of
            a partition (`auc`).
        figures: dotted modules.
        command: of `python -m saibench`, run on the study's folder; empty where the study's own
            report has the answer.
        in_paper: whether the paper ran it on this workload.
    """

    study: str
    mini: str
    parts: tuple[str, ...]
    statistics: tuple[str, ...]
    figures: tuple[str, ...]
    command: str = ""
    in_paper: bool = False

    @property
    def studies(self) -> tuple[str, ...]:
        """The mini form first."""
        return tuple(dict.fromkeys((self.mini, self.study)))


@dataclass(frozen=True)
class NotOffered:
    """Why a technique does not run on one workload, in one sentence."""

    why: str


@dataclass(frozen=True)
class Technique:
    """One line of table 3.

    Args:
        name, scenario: as the paper has them.
        shows: what is learned from it, in one sentence.
        paper: where the paper has it.
        on: by workload, how it runs or why it does not.
    """

    name: str
    scenario: str
    shows: str
    paper: str
    on: Mapping[str, Offered | NotOffered]

    @property
    def offers(self) -> dict[str, Offered]:
        """By workload, where it runs."""
        return {name: one for name, one in self.on.items() if isinstance(one, Offered)}

    @property
    def refusals(self) -> dict[str, str]:
        """By workload, why it does not run there."""
        return {name: one.why for name, one in self.on.items() if isinstance(one, NotOffered)}
