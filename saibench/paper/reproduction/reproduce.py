"""Reproduce a figure or table of the paper."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from saibench.config.compose import DRY_RUN, compose_command
from saibench.errors import UserError
from saibench.findings.finding import Finding, module_findings
from saibench.paper.reproduction.comparison import comparison
from saibench.paper.reproduction.files import Written, write_figure
from saibench.paper.reproduction.result import Result
from saibench.paper.reproduction.results import TABLES, named_result
from saibench.paper.reproduction.runs import StudyRun, run_study
from saibench.paper.reproduction.tables import write_table
from saibench.report.failures import warn_of_failures

FAILED = 1
SIGNALLED = 128
"""Exit codes above it are those of a command that a signal has stopped."""
OUTPUTS = Path("outputs/reproduced")

FOUND = "found.txt"
"""File with the printed text."""


def reproduce(
    name: str,
    full: bool,
    overrides: Sequence[str],
    flags: Sequence[str] = (),
    dry_run: bool = False,
) -> int:
    """Run or reuse the runs, draw the figure, and compare them with the paper's claims.

    Args:
        name: `fig3` or `table2`.
        full: in the size of the paper instead of minutes on two cores.
        overrides: settings of `train.py` for every run.
        flags: flags of `train.py` with the folders of custom configs and modules.
        dry_run: print what would run, and write no run.

    Returns:
        The exit code: 1 if a run failed or a figure could not be drawn, above 128 if a signal
        stopped it.

    Raises:
        UserError: an unknown name, or settings that do not apply to it; nothing is written.
    """
    if name in TABLES:
        _refuse_settings(
            name, [*(["--full"] if full else []), *([DRY_RUN] if dry_run else []), *overrides]
        )
        return _reproduce_table(name)
    result = named_result(name)
    if full and not result.has_two_sizes:
        raise UserError(f"{name} has one size only. Remove --full.")
    studies = list(result.studies if full else result.mini.values())
    arguments = [*flags, *overrides, *([DRY_RUN] if dry_run else [])]
    for study in studies[1:]:  # run_study composes the first
        compose_command("train", ["-m", f"+sweeps={study}", *arguments])
    print(_heading(result, studies, full, flags))
    ran = []
    for study in studies:
        ran.append(run_study(study, arguments))
        if ran[-1].status > SIGNALLED:
            return ran[-1].status
    if dry_run:
        return 0
    return _compare(result, ran)


def _compare(result: Result, ran: Sequence[StudyRun]) -> int:
    """Draw the figures, write and print the comparison; returns the exit code."""
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
        _write_text(folder, lines, drawn)
    warn_of_failures(folder / FOUND, [*findings, *written])
    incomplete = any(points.status for points in ran)
    return FAILED if incomplete or len(drawn) < len(written) else 0


def _reproduce_table(name: str) -> int:
    path, lines = write_table(name, OUTPUTS / name)
    print("\n".join([*lines, "", str(path)]))
    return 0


def _refuse_settings(name: str, given: Sequence[str]) -> None:
    if given:
        raise UserError(
            f"{name} takes no runs, so {' '.join(given)} has no effect. Use {name} alone."
        )


def _heading(result: Result, studies: Sequence[str], full: bool, flags: Sequence[str]) -> str:
    size = "in full size" if full else "in small size"
    larger = ["python -m saibench reproduce", *flags, result.name, *result.data]
    larger += ["--full"] if result.has_two_sizes else []
    hint = "" if full else f"\nAs in the paper: {' '.join(larger)}"
    return f"{result.label}, {result.title}, {size}: {' and '.join(studies)}{hint}"


def _file_name(result: Result, study: str, module: str) -> str:
    """The name of the figure, with the study if several studies draw it."""
    name = module.rpartition(".")[2]
    drawn = sum(module in figures for figures in result.studies.values())
    return f"{name}-{study.rpartition('/')[2]}" if drawn > 1 else name


def _where(written: Written) -> str:
    if written.stem is None:
        return f"not drawn: {written.reason}"
    return f"{written.stem}.svg, .png and .csv"


def _write_text(folder: Path, lines: Sequence[str], drawn: Sequence[Written]) -> None:
    """Write the printed text and the captions next to the figures."""
    captions = [f"{one.stem.name}: {one.caption}" for one in drawn if one.stem is not None]
    text = "\n".join([*lines, "", *captions])
    (folder / FOUND).write_text(f"{text}\n", encoding="utf-8")
