"""A technique of the toolbox: its purpose, and how it runs on each workload."""

from __future__ import annotations

from collections.abc import Mapping

from saibench.paper.described import Described
from saibench.paper.toolbox.studies import small_form


class Supported(Described):
    """How a technique runs on one workload.

    Args:
        study: name below `sweeps/`, in the size of the paper.
        partitions_by: dotted classes of the samplers and transforms that make its partitions.
        statistics: columns of the evidence (`force_mae`, with an axis `lead/mae`), or metrics of a
            partition (`auc`).
        figures: dotted modules.
        command: command of `python -m saibench` for the study's folder; empty if the study's
            report is enough.
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
        """The form of the study that runs in minutes on two cores."""
        return small_form(self.study)

    @property
    def studies(self) -> tuple[str, ...]:
        """The study and its small form, which is first."""
        return tuple(dict.fromkeys((self.mini, self.study)))


class NotApplicable(Described):
    """Why a technique does not run on one workload, in one sentence."""

    not_applicable: str


class Technique(Described):
    """One line of table 3.

    Args:
        name, scenario: as in the paper.
        shows: its purpose, in one sentence.
        paper: the section and figure of the paper.
        on: how it runs on each workload, or why it does not apply.
    """

    name: str
    scenario: str
    shows: str
    paper: str
    on: Mapping[str, Supported | NotApplicable]

    @property
    def supported(self) -> dict[str, Supported]:
        """How it runs, for the workloads that it applies to."""
        return {name: one for name, one in self.on.items() if isinstance(one, Supported)}
