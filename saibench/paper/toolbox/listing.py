"""Studies and techniques as lines of text: the list of all, and the details of one."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path

from saibench.errors import UserError, closest
from saibench.formatting import counted, duration
from saibench.paper.toolbox.studies import MeasuredTime, Study, all_studies, measured_times
from saibench.paper.toolbox.technique import NotApplicable, Supported, Technique
from saibench.paper.toolbox.techniques import techniques, workloads
from saibench.settings import Characterization

WIDTH = 100
NOT_RUN = "not run here"


def all_lines(outputs: Path) -> list[str]:
    """Every study and technique by workload, after the workload's row of table 1."""
    cards, studies, known, lines = workloads(), all_studies(), techniques(), []
    for workload in dict.fromkeys((*cards, *(study.workload for study in studies))):
        row = cards[workload].characterization if workload in cards else None
        lines += [f"{workload}: {character(row)}" if row else workload, ""]
        for study in (study for study in studies if study.workload == workload):
            lines += _study_lines(study, outputs)
        on_workload = [technique for technique in known if workload in technique.on]
        if on_workload:
            lines += ["", f"  techniques of the toolbox on {workload}"]
        for technique in on_workload:
            lines += _technique_lines(technique, workload)
        lines.append("")
    return [
        *lines,
        "`python -m saibench studies <name>` prints details of a study or technique.",
    ]


def named_lines(name: str, outputs: Path) -> list[str]:
    """The details of the studies or the technique of this name.

    Raises:
        UserError: an unknown name, with the closest known one.
    """
    studies, known = all_studies(), techniques()
    plain = _plain(name)
    found = [one for one in studies if name == one.name]
    found = found or [one for one in studies if _plain(one.name.partition("/")[2]) == plain]
    texts = [
        *(technique_text(one) for one in known if _plain(one.name) == plain),
        *(study_text(one, known, outputs) for one in found),
    ]
    if not texts:
        names = {part for one in studies for part in (one.name, one.name.partition("/")[2])}
        names |= {one.name for one in known}
        raise UserError(f"'{name}' is no study or technique: {closest(name, names)}")
    return [line for text in texts for line in ("", *text)][1:]


def character(row: Characterization) -> str:
    """`point cloud · quantitative`: a row of table 1 as text."""
    traits = [name for name in ("quantitative", "qualitative", "time_series") if getattr(row, name)]
    return " · ".join([row.input_space, *(trait.replace("_", " ") for trait in traits)])


def study_text(study: Study, known: Sequence[Technique], outputs: Path) -> list[str]:
    """The details of a study, with the techniques that it runs."""
    times = measured_times(study, outputs)
    serves = [
        technique.name
        for technique in known
        if any(study.name in one.studies for one in technique.supported.values())
    ]
    lines = [study.name, *_wrapped(study.text, 2), ""]
    lines += [f"  {command}" for command in study.commands]
    lines += ["", *_wrapped(f"sweeps over: {_swept(study)}", 2)]
    lines += [f"  runs: {study.num_points}"]
    lines += [f"  {one.folder}: {_time(one)}" for one in times] or [f"  {NOT_RUN}"]
    if serves:
        lines += _wrapped(f"techniques: {', '.join(serves)}", 2)
    return lines


def technique_text(technique: Technique) -> list[str]:
    """The details of a technique."""
    lines = [
        f"{technique.name} ({technique.scenario.lower()}; {technique.paper})",
        *_wrapped(technique.shows, 2),
    ]
    for workload, one in technique.on.items():
        if isinstance(one, NotApplicable):
            lines += ["", *_wrapped(f"{workload}: not applicable. {one.not_applicable}", 2)]
            continue
        paper = "as in the paper" if one.in_paper else "not in the paper"
        lines += [
            "",
            f"  {workload} ({paper})",
            *(f"    {command}" for command in commands_of(one)),
            *_wrapped(f"partitions by {_last_names(one.partitions_by)}", 4),
            *_wrapped(f"statistics {', '.join(one.statistics)}", 4),
        ]
        if one.figures:
            lines += _wrapped(f"figures {_last_names(one.figures)}", 4)
    return lines


def commands_of(one: Supported) -> list[str]:
    """The commands that run it, the small form first."""
    runs = [f"python train.py -m +sweeps={study}" for study in one.studies]
    if one.command:
        runs.append(f"python -m saibench {one.command} outputs/<study>")
    return runs


def _study_lines(study: Study, outputs: Path) -> list[str]:
    times = measured_times(study, outputs)
    together = MeasuredTime(outputs, sum(t.complete for t in times), sum(t.seconds for t in times))
    runs = counted(study.num_points, "run")
    name = study.name.partition("/")[2]
    head = f"  {name:<30}{runs:>10}   {_time(together) if times else NOT_RUN}"
    return [head, *_wrapped(study.first_sentence, 6)]


def _technique_lines(technique: Technique, workload: str) -> list[str]:
    one = technique.on[workload]
    if isinstance(one, NotApplicable):
        return _wrapped(f"{technique.name}: not applicable. {one.not_applicable}", 4)
    return _wrapped(f"{technique.name} → {one.mini.partition('/')[2]}. {technique.shows}", 4)


def _time(one: MeasuredTime) -> str:
    return f"{counted(one.complete, 'run')} took {duration(one.seconds)} here"


def _swept(study: Study) -> str:
    return "; ".join(f"{key}={' '.join(values.split())}" for key, values in study.sweep.items())


def _last_names(dotted: Sequence[str]) -> str:
    return ", ".join(name.rpartition(".")[2] for name in dotted)


def _plain(name: str) -> str:
    return name.lower().replace("-", " ").replace("_", " ").strip()


def _wrapped(text: str, indent: int) -> list[str]:
    room = " " * indent
    return textwrap.wrap(
        text,
        WIDTH,
        initial_indent=room,
        subsequent_indent=f"{room}  ",
        break_on_hyphens=False,
        break_long_words=False,
    )
