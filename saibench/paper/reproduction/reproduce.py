"""Regenerates a figure or table of the paper."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from saibench.config.compose import compose_command
from saibench.errors import UserError
from saibench.findings.finding import Finding, module_findings
from saibench.paper.reproduction.comparison import comparison
from saibench.paper.reproduction.files import Written, write_figure
from saibench.paper.reproduction.result import Result
from saibench.paper.reproduction.results import TABLES, named_result
from saibench.paper.reproduction.runs import StudyRun, run_study
from saibench.paper.reproduction.tables import write_table
from saibench.report.failures import warn_of_failures

FAILED, INTERRUPTED = 1, 130
OUTPUTS = Path("outputs/reproduced")

FOUND = "found.txt"
"""What was printed, beside the figures."""


def reproduce(name: str, full: bool, overrides: Sequence[str], flags: Sequence[str] = ()) -> int:
    """Run or reuse the points, draw the figure, and compare the paper's claims with them.

    Args:
        name: `fig3` or `table2`.
        full: in the paper's size, not in minutes on two cores.
        overrides: settings of `train.py` for every point.
        flags: of `train.py`, which say where the user's own configs and modules are.

    Returns:
        the exit code: 1 if a point failed or a figure could not be drawn.

    Raises:
        UserError: a name that is not known, settings that do not go with it; nothing is written.
    """
    if name in TABLES:
        _refuse_settings(name, full, overrides)
        return _reproduce_table(name)
    result = named_result(name)
    if full and not result.has_two_sizes:
        raise UserError(f"{name} has one size; without --full it is drawn in it.")
    studies = list(result.studies if full else result.mini.values())
    arguments = [*flags, *overrides]
    for study in studies[1:]:  # the first is composed where it runs
        compose_command("train", ["-m", f"+sweeps={study}", *arguments])
    print(_heading(result, studies, full, flags))
    ran = []
    for study in studies:
        ran.append(run_study(study, arguments))
        if ran[-1].status == INTERRUPTED:
            return INTERRUPTED
    return _compare(result, ran)


def _compare(result: Result, ran: Sequence[StudyRun]) -> int:
    """Draw, write and print what the points say; the exit code."""
    folder = OUTPUTS / result.name
    findings: list[Finding] = []
    written: list[Written] = []
    studies = [points.evidence() for points in ran]
    for (study, figures), evidence in zip(result.studies.items(), studies, strict=True):
        for module in result.findings:
            findings += module_findings(module, evidence)
        for module in figures:
            name = _file_name(result, study, module)
            written.append(write_figure(evidence, module, folder, name))
    lines = [
        *(_where(one) for one in written),
        "",
        f"{result.label}: {result.title}",
        "",
        *comparison(result, findings, studies[0]),
    ]
    print("\n".join(lines))
    drawn = [one for one in written if one.stem is not None]
    if drawn:
        _keep(folder, lines, drawn)
    warn_of_failures(folder / FOUND, [*findings, *written])
    incomplete = any(points.status for points in ran)
    return FAILED if incomplete or len(drawn) < len(written) else 0


def _reproduce_table(name: str) -> int:
    path, lines = write_table(name, OUTPUTS / name)
    print("\n".join([*lines, "", str(path)]))
    return 0


def _refuse_settings(name: str, full: bool, overrides: Sequence[str]) -> None:
    given = [*(["--full"] if full else []), *overrides]
    if given:
        raise UserError(
            f"{name} takes no points, so that {' '.join(given)} would change nothing; the name "
            "alone would work."
        )


def _heading(result: Result, studies: Sequence[str], full: bool, flags: Sequence[str]) -> str:
    size = "in full size" if full else "in small size"
    larger = ["python -m saibench reproduce", *flags, result.name, *result.data]
    larger += ["--full"] if result.has_two_sizes else []
    hint = "" if full else f"\nAs in the paper: {' '.join(larger)}"
    return f"{result.label}, {result.title}, {size}: {' and '.join(studies)}{hint}"


def _file_name(result: Result, study: str, module: str) -> str:
    """The figure's name, with its study where several are drawn alike."""
    name = module.rpartition(".")[2]
    alike = sum(module in figures for figures in result.studies.values())
    return f"{name}-{study.rpartition('/')[2]}" if alike > 1 else name


def _where(written: Written) -> str:
    if written.stem is None:
        return f"not drawn: {written.reason}"
    return f"{written.stem}.svg, .png and .csv"


def _keep(folder: Path, lines: Sequence[str], drawn: Sequence[Written]) -> None:
    """What is printed, and the captions, beside the figures."""
    captions = [f"{one.stem.name}: {one.caption}" for one in drawn if one.stem is not None]
    text = "\n".join([*lines, "", *captions])
    (folder / FOUND).write_text(f"{text}\n", encoding="utf-8")
