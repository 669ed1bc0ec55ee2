"""The table of the error attribution has the numbers of the traces."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from made_traces import CORNERS, write_traced_study
from synthetic_study import WITHOUT_RESULTS, write_study

from saibench.analysis.tracing.study_traces import study_traces
from saibench.evidence.reader import StudyEvidence
from saibench.report.attribution import HEADS, attribution_table


def test_rows_are_the_features_and_components_of_every_traced_run(tmp_path: Path) -> None:
    evidence = StudyEvidence.load(write_traced_study(tmp_path / "study", CORNERS[:1]))
    content = json.loads(attribution_table(evidence))
    assert content["heads"] == list(HEADS)
    assert all(len(row) == len(HEADS) for row in content["rows"])
    traces = study_traces(evidence).traces
    expected = sum(
        len(one.associations) + len(one.components) for trace in traces for one in trace.responses
    )
    assert len(content["rows"]) == expected
    first = traces[0].responses[0]
    rows = [dict(zip(HEADS, row, strict=True)) for row in content["rows"]]
    of_run = [row for row in rows if row["run"] == traces[0].label and row["error"] == "force MAE"]
    for one in first.associations:
        (row,) = [row for row in of_run if row["contributor"] == one.feature.name]
        share, rho = one.share, one.rho.interval
        assert row["share [%]"] == pytest.approx(
            [100 * share.estimate, 100 * share.low, 100 * share.high], rel=1e-3
        )
        assert row["ρ"] == pytest.approx([rho.estimate, rho.low, rho.high], rel=1e-3)
        assert row["q"] == pytest.approx(one.rho.q, rel=1e-3)
    oxygen = next(row for row in of_run if row["contributor"] == "O")
    component = next(one for one in first.components if one.name == "O")
    assert oxygen["kind"] == "species" and oxygen["ρ"] is None
    assert oxygen["times the mean"][0] == pytest.approx(
        component.relative.interval.estimate, rel=1e-3
    )


def test_without_results_there_is_no_table(tmp_path: Path) -> None:
    evidence = StudyEvidence.load(write_study(tmp_path, WITHOUT_RESULTS))
    assert attribution_table(evidence) == b""
