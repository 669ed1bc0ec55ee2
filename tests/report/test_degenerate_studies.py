"""Pages of degenerate evidence: a single sample, no errors, or undefined errors."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from synthetic_jet_study import RANGES, write_jet_study
from synthetic_rain_study import MadeRain, write_rain_study
from synthetic_study import SIZES, WINDOWS, write_study

import saibench.figures
from saibench.analysis.answers import study_answers
from saibench.evidence.reader import StudyEvidence
from saibench.evidence.schema import read_fields, read_table, write_table
from saibench.findings.finding import module_findings
from saibench.report.drawn import draw_figure
from saibench.report.page import render

MODULES = [
    one.name
    for one in pkgutil.walk_packages(saibench.figures.__path__, "saibench.figures.")
    if not one.ispkg
]
FIGURES = [name for name in MODULES if hasattr(importlib.import_module(name), "needs")]
SHARED = ("tracing", "learning_curve", "leak_audit")
RAIN = [MadeRain(), MadeRain("persistence")]
STUDIES: dict[str, Callable[[Path, int], Path]] = {
    "force_field.claims": lambda folder, n: write_study(
        folder, [*WINDOWS[:2], *SIZES[:2]], frames=n, figures=[]
    ),
    "jet_tagging.claims": lambda folder, n: write_jet_study(folder, RANGES[:2], jets=n),
    "nowcasting.claims": lambda folder, n: write_rain_study(folder, RAIN, events=n),
}
"""By the module of a workload's findings."""
CASES = {"one sample": (1, None), "no error": (24, 0.0), "undefined": (24, None)}


@pytest.mark.filterwarnings("error::RuntimeWarning")
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("own", STUDIES)
def test_every_part_is_drawn_or_has_a_reason(own: str, case: str, tmp_path: Path) -> None:
    count, value = CASES[case]
    folder = STUDIES[own](tmp_path / "study", count)
    if case != "one sample":
        for path in folder.rglob("*.parquet"):
            table, fields = read_table(path), read_fields(path)
            errors = [one.name for one in fields if one.role == "statistic"]
            floats = [name for name in errors if table[name].dtype.is_float()]
            same = {name: pl.lit(value, dtype=table[name].dtype) for name in floats}
            write_table(path, table.with_columns(**same), fields)
    evidence = StudyEvidence.load(folder)
    modules = [f"saibench.findings.{name}" for name in (own, *SHARED)]
    parts = [
        *(draw_figure(evidence, name) for name in FIGURES),
        *(finding for name in modules for finding in module_findings(name, evidence)),
        *study_answers(evidence),
    ]
    assert [(part.label, part.error) for part in parts if part.error is not None] == []
    assert render(evidence, figures=[])
