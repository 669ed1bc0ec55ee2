"""The toolbox is the paper's table 3, and every name in it is there."""

from __future__ import annotations

from importlib import import_module

import pytest
from omegaconf import OmegaConf

from saibench.figures import figure_module
from saibench.paper.toolbox import TECHNIQUES, WORKLOADS, Offered, Technique
from saibench.paper.toolbox.studies import characterization
from saibench.shipped import conf, root

TABLE_3 = {
    "Scarce data": ["Sample efficiency"],
    "Point cloud": ["Rotational invariance", "Equivariance test"],
    "Dense matrix": ["Center-of-mass displacement", "Active area scoping", "Cumulative metrics"],
    "Time series": ["Time-domain extrapolation", "Time frame slices", "Differential trend"],
    "Scientific features": ["Feature out-of-distribution test"],
    "Error tracing": ["Per-sample breakdown analysis", "Metric correlation analysis"],
    "Generative model": ["Prediction stability analysis"],
}
OFFERS = [
    pytest.param(technique, workload, offer, id=f"{technique.name}-{workload}")
    for technique in TECHNIQUES
    for workload, offer in technique.offers.items()
]


def test_techniques_are_those_of_table_3_in_its_order() -> None:
    found = [(technique.scenario, technique.name) for technique in TECHNIQUES]
    assert found == [(scenario, name) for scenario, names in TABLE_3.items() for name in names]
    assert len(found) == 13


@pytest.mark.parametrize("technique", TECHNIQUES, ids=lambda technique: technique.name)
def test_each_workload_has_a_study_or_one_sentence_why_not(technique: Technique) -> None:
    assert set(technique.on) == set(WORKLOADS) == {p.stem for p in conf().glob("workload/*.yaml")}
    assert technique.offers
    for why in technique.refusals.values():
        assert why.endswith(".")
        assert ". " not in why
    assert technique.paper.startswith("§")


@pytest.mark.parametrize(("technique", "workload", "offer"), OFFERS)
def test_every_name_of_an_offer_is_there(
    technique: Technique, workload: str, offer: Offered
) -> None:
    for study in offer.studies:
        assert study.startswith(f"{workload}/")
        assert (root() / "sweeps" / f"{study}.yaml").is_file()
    for part in offer.parts:
        module, _, name = part.rpartition(".")
        assert hasattr(import_module(module), name)
    for figure in offer.figures:
        assert figure_module(figure).title
    if offer.command:
        assert hasattr(import_module(f"saibench.commands.{offer.command}"), "run")
    assert offer.statistics
    assert offer.figures or offer.command


def test_techniques_run_on_workloads_that_the_paper_did_not_run_them_on() -> None:
    further = {t.name for t in TECHNIQUES for o in t.offers.values() if not o.in_paper}
    assert further == {
        "Sample efficiency",
        "Rotational invariance",
        "Equivariance test",
        "Time frame slices",
        "Feature out-of-distribution test",
        "Metric correlation analysis",
    }


@pytest.mark.parametrize(
    ("workload", "row"),
    [  # table 1 of the paper
        ("force_field", ("point cloud", True, False, False)),
        ("jet_tagging", ("point cloud", False, True, False)),
        ("nowcasting", ("dense matrix", True, False, True)),
    ],
)
def test_workload_carries_its_row_of_table_1(
    workload: str, row: tuple[str, bool, bool, bool]
) -> None:
    assert tuple(characterization(workload).model_dump().values()) == row
    node = OmegaConf.load(conf() / "workload" / f"{workload}.yaml").workload
    assert node.name == workload
