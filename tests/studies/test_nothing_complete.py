"""The report of a study without a complete run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from command_line import REPOSITORY
from omegaconf import OmegaConf
from synthetic_study import Made, write_study

from saibench.report import write_report
from saibench.runs.point import REPORTED

WORKLOADS = sorted((REPOSITORY / "conf" / "workload").glob("*.yaml"))


@pytest.mark.parametrize("workload", WORKLOADS, ids=lambda path: path.stem)
def test_report_is_written_without_a_complete_run(workload: Path, tmp_path: Path) -> None:
    study = write_study(tmp_path, [Made(state="stopped"), Made(seed=1, state="failed", cause="x")])
    card = OmegaConf.load(workload).workload
    for path in study.glob("*/run.json"):
        reported = {part: OmegaConf.to_container(card).get(part) or [] for part in REPORTED}
        record = json.loads(path.read_text()) | {"workload": workload.stem} | reported
        path.write_text(json.dumps(record))
    page = write_report(study).read_text()
    assert "stopped" in page and "failed" in page
