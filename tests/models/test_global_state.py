"""Libraries of one workload are not imported by others."""

from __future__ import annotations

import subprocess
import sys

OF_FORCE_FIELDS = {"ase", "dscribe", "e3nn", "nequip", "tblite"}
MODULES = (
    *("saibench.runs.training", "saibench.runs.evaluation", "saibench.config.reported"),
    *("saibench.models.global_state", "saibench.models.jet_tagging.module"),
    *("saibench.models.nowcasting.module", "saibench.datamodules.jet_tagging.module"),
    *("saibench.datamodules.nowcasting.module", "saibench.report.page", "saibench.report.export"),
    *("saibench.analysis.tracing", "saibench.analysis.trusted_range.reading"),
)


def test_libraries_of_force_fields_are_imported_by_their_workload_only() -> None:
    program = f"import sys, {', '.join(MODULES)}\nprint(*sys.modules)"
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    loaded = set(ended.stdout.split())
    assert "saibench.report.page" in loaded and not OF_FORCE_FIELDS & loaded
