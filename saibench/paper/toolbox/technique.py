"""What is known of a technique: what it shows, and by which study it runs on each workload."""

from __future__ import annotations

from collections.abc import Mapping

from saibench.paper.described import Described
from saibench.paper.toolbox.studies import small_form


class Supported(Described):
    """How a technique runs on one workload.

    Args:
        study: below `sweeps/`, in the size of the paper.
        partitions_by: samplers and transforms that make its partitions, as dotted classes.
        statistics: columns of the evidence (`force_mae`, along an axis `lead/mae`), or metrics of
            a partition (`auc`).
        figures: dotted modules.
        command: of `python -m saibench`, run on the study's folder; empty where the study's own
            report has the answer.
        in_paper: whether the paper ran it on this workload.
    """

    study: str
    partitions_by: tuple[str, ...]
    statistics: tuple[str, ...]
    figures: tuple[str, ...] = ()
    command: str = ""
    in_paper: bool = True

    @property
    def mini(self) -> str:
        """The same in minutes on two cores."""
        return small_form(self.study)

    @property
    def studies(self) -> tuple[str, ...]:
        """The mini form first."""
        return tuple(dict.fromkeys((self.mini, self.study)))


class NotApplicable(Described):
    """Why a technique does not run on one workload, in one sentence."""

    not_applicable: str


class Technique(Described):
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
    on: Mapping[str, Supported | NotApplicable]

    @property
    def supported(self) -> dict[str, Supported]:
        """By workload, where it runs."""
        return {name: one for name, one in self.on.items() if isinstance(one, Supported)}
