"""What is known of the paper's figures and tables: all of them, and nothing that is not there."""

from __future__ import annotations

import re
from importlib import import_module
from types import ModuleType

import pytest

from saibench.config.compose import compose_command
from saibench.config.locations import study_files
from saibench.errors import UserError
from saibench.figures import figure_module
from saibench.paper.reproduction.result import PaperClaim, Result
from saibench.paper.reproduction.results import TABLES, named_result, results

FINDINGS = (
    "force_field.claims",
    *(f"jet_tagging.{part}" for part in ("size", "rotation", "energy", "tracing")),
    *(f"nowcasting.{part}" for part in ("claims", "errors", "trend", "tracing")),
)
RESULTS = results()
ALL = pytest.mark.parametrize("result", RESULTS.values(), ids=RESULTS)


def claims(module: ModuleType) -> list[str]:
    """The constants that name a figure or table of the paper."""
    constants = {name: value for name, value in vars(module).items() if name.isupper()}
    texts = [value for value in constants.values() if isinstance(value, str)]
    return [text for text in texts if re.search(r"\(§[\d.]+, (fig\.|table) \d+", text)]


def test_every_figure_but_the_drawing_and_every_table_has_an_entry() -> None:
    figures, tables = (f"fig{n}" for n in range(2, 22)), (f"table{n}" for n in range(1, 4))
    assert {*RESULTS, *TABLES} == {*figures, *tables}


@ALL
def test_studies_and_figures_are_there_and_are_the_papers(result: Result) -> None:
    assert result.label in ("Table 2", f"Figure {result.name[3:]}")
    result.check_names()
    for study, figures in result.studies.items():
        assert {study, result.mini[study]} <= set(study_files())
        for figure in figures:
            assert re.search(rf"\b{result.label}\b", figure_module(figure).paper, re.IGNORECASE)


@ALL
def test_each_claim_is_short_and_has_its_place_in_the_paper(result: Result) -> None:
    assert re.fullmatch(r"§\d(\.\d)?", result.section)
    assert result.claims
    for claim in result.claims:
        assert claim.text.endswith(".")
        assert len(claim.text) < 120


def test_every_claim_of_a_figure_is_set_beside_that_figure() -> None:
    for name in FINDINGS:
        for claim in claims(import_module(f"saibench.findings.{name}")):
            kind, number = re.findall(r"(fig|table)\.? (\d+)", claim)[-1]
            tested = {one.finding for one in RESULTS[f"{kind}{number}"].claims}
            assert claim in tested, f"{kind}{number}"


@pytest.mark.parametrize("given", [{}, {"claim": "a", "compare": "b"}], ids=["none", "two"])
def test_a_claim_takes_one_comparison(given: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="claim, numbers and compare"):
        PaperClaim(text="Something.", **given)


@pytest.mark.parametrize(
    ("name", "one"), [("fig2", "subset.count=200"), ("fig12", "seed=0"), ("fig20", "seed=0")]
)
def test_the_papers_data_compose_with_its_studies(name: str, one: str) -> None:
    (study,) = RESULTS[name].studies  # studies themselves are composed by tests/config
    arguments = ["-m", f"+sweeps={study}", *RESULTS[name].data, one]
    assert len(compose_command("train", arguments).points) == 1


@pytest.mark.parametrize(
    ("name", "works"),
    [
        ("fig1", "fig2 is the first"),
        ("fig22", r"did you mean 'fig\d+'\?"),
        ("figure3", r"did you mean 'fig3'\?"),
        ("tabel2", r"did you mean 'table2'\?"),
        ("xyz", "fig2 to fig21"),
    ],
)
def test_other_names_are_refused_with_the_closest(name: str, works: str) -> None:
    with pytest.raises(UserError, match=works):
        named_result(name)
