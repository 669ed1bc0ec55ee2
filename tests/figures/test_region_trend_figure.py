"""The figure of separately tested regions."""

from __future__ import annotations

from pathlib import Path

import polars
import pytest
from made_trust import write_trust_study

from saibench.evidence.reader import StudyEvidence
from saibench.figures import figure_module, region_trend
from saibench.figures.style import svg

TRUST = {"feature": "distance", "statistic": "force_mae", "tolerance": 60.0}


@pytest.fixture(scope="module")
def evidence(tmp_path_factory: pytest.TempPathFactory) -> StudyEvidence:
    record = {"trust": {**TRUST, "regions": ["temperature", "distance"]}}
    return StudyEvidence.load(write_trust_study(tmp_path_factory.mktemp("study"), record=record))


def test_each_run_has_a_panel_with_its_regions(evidence: StudyEvidence) -> None:
    module = figure_module("saibench.figures.region_trend")
    assert module.needs(evidence) is None
    figure = module.draw(evidence)
    assert len(figure.axes) == 2
    assert figure.axes[0].get_xlabel().endswith("[Å]")
    assert svg(figure) == svg(module.draw(evidence))
    caption = module.caption(evidence)
    assert "60 meV/Å" in caption and len(caption.splitlines()) == 3
    assert region_trend.reading(evidence) in caption.replace("\n", " ")


def test_table_has_regions_trend_and_the_predicted_one(evidence: StudyEvidence) -> None:
    numbers = region_trend.table(evidence)
    regions = numbers.filter(polars.col("curve") == "region")
    assert regions.height == 16 and regions["samples"].sum() == 2 * 992
    assert numbers.filter(polars.col("curve") == "predicted last region").height == 2
    assert (numbers["low"] <= numbers["value"]).all()
    assert set(numbers["feature"]) == {"distance"}


def test_reason_is_given_where_there_are_no_regions(tmp_path: Path) -> None:
    def reason(name: str, record: dict[str, object], blocks: int = 100) -> str:
        folder = write_trust_study(tmp_path / name, ["near"], blocks, 4, {"trust": record})
        return str(region_trend.needs(StudyEvidence.load(folder)))

    assert "workload.trust" in reason("no_card", dict(TRUST))
    assert "temperature" in reason("no_column", {**TRUST, "regions": ["temperature"]})
    assert "regions of" in reason("few", {**TRUST, "regions": ["distance"]}, blocks=5)
