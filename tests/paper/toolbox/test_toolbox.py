"""The toolbox is the paper's table 3, and all its names exist."""

from __future__ import annotations

from importlib import import_module

import pytest

from saibench.config.locations import study_files
from saibench.figures import figure_module
from saibench.paper.toolbox.technique import NotApplicable, Supported, Technique
from saibench.paper.toolbox.techniques import techniques, workloads
from saibench.shipped import conf

TABLE_3 = {
    "Scarce data": ["Sample efficiency"],
    "Point cloud": ["Rotational invariance", "Equivariance test"],
    "Dense matrix": ["Center-of-mass displacement", "Active area scoping", "Cumulative metrics"],
    "Time series": ["Time-domain extrapolation", "Time frame slices", "Differential trend"],
    "Scientific features": ["Feature out-of-distribution test"],
    "Error tracing": ["Per-sample breakdown analysis", "Metric correlation analysis"],
    "Generative model": ["Prediction stability analysis"],
}
TECHNIQUES = techniques()
SUPPORTED = [
    pytest.param(workload, one, id=f"{technique.name}-{workload}")
    for technique in TECHNIQUES
    for workload, one in technique.supported.items()
]


def test_techniques_are_those_of_table_3_in_order() -> None:
    found = [(technique.scenario, technique.name) for technique in TECHNIQUES]
    assert found == [(scenario, name) for scenario, names in TABLE_3.items() for name in names]
    assert len(found) == 13


@pytest.mark.parametrize("technique", TECHNIQUES, ids=lambda technique: technique.name)
def test_each_workload_has_a_study_or_a_reason(technique: Technique) -> None:
    cards = {path.stem for path in conf().glob("workload/*.yaml")}
    assert set(technique.on) == set(workloads()) == cards
    assert technique.supported
    for one in technique.on.values():
        if isinstance(one, NotApplicable):
            assert one.not_applicable.endswith(".")
            assert ". " not in one.not_applicable
    assert technique.paper.startswith("§")


@pytest.mark.parametrize(("workload", "one"), SUPPORTED)
def test_names_of_a_technique_exist(workload: str, one: Supported) -> None:
    for study in one.studies:
        assert study.startswith(f"{workload}/")
        assert study in study_files()
    for name in one.partitions_by:
        module, _, attribute = name.rpartition(".")
        assert hasattr(import_module(module), attribute)
    for figure in one.figures:
        assert figure_module(figure).title
    if one.command:
        assert hasattr(import_module(f"saibench.commands.{one.command}"), "run")
    assert one.statistics
    assert one.figures or one.command


def test_techniques_on_further_workloads_than_in_the_paper() -> None:
    further = {t.name for t in TECHNIQUES for one in t.supported.values() if not one.in_paper}
    assert further == {
        "Sample efficiency",
        "Rotational invariance",
        "Equivariance test",
        "Time frame slices",
        "Feature out-of-distribution test",
        "Metric correlation analysis",
        "Time-domain extrapolation",
        "Per-sample breakdown analysis",
    }


@pytest.mark.parametrize(
    ("workload", "row"),
    [  # table 1 of the paper
        ("force_field", ("point cloud", True, False, False)),
        ("jet_tagging", ("point cloud", False, True, False)),
        ("nowcasting", ("dense matrix", True, False, True)),
        ("field_dynamics", ("dense matrix", True, False, True)),
    ],
)
def test_workload_has_its_row_of_table_1(workload: str, row: tuple[str, bool, bool, bool]) -> None:
    card = workloads()[workload]
    assert card.characterization is not None
    assert tuple(card.characterization.model_dump().values()) == row
    assert card.name == workload
