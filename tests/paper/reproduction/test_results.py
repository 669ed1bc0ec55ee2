"""The paper's figures and tables: all have an entry, and all names exist."""

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
    """The claims of a module that have a figure or table of the paper."""
    constants = {name: value for name, value in vars(module).items() if name.isupper()}
    texts = [value for value in constants.values() if isinstance(value, str)]
    return [text for text in texts if re.search(r"\(§[\d.]+, (fig\.|table) \d+", text)]


def test_all_figures_and_tables_have_an_entry() -> None:
    figures, tables = (f"fig{n}" for n in range(2, 22)), (f"table{n}" for n in range(1, 4))
    assert {*RESULTS, *TABLES} == {*figures, *tables}


@ALL
def test_studies_and_figures_exist_and_are_those_of_the_paper(result: Result) -> None:
    assert result.label in ("Table 2", f"Figure {result.name[3:]}")
    result.check_names()
    for study, figures in result.studies.items():
        assert {study, result.mini[study]} <= set(study_files())
        for figure in figures:
            assert re.search(rf"\b{result.label}\b", figure_module(figure).paper, re.IGNORECASE)


@ALL
def test_claims_are_short_and_have_a_section(result: Result) -> None:
    assert re.fullmatch(r"§\d(\.\d)?", result.section)
    assert result.claims
    for claim in result.claims:
        assert claim.text.endswith(".")
        assert len(claim.text) < 120


def test_every_claim_of_a_figure_is_compared_with_that_figure() -> None:
    for name in FINDINGS:
        for claim in claims(import_module(f"saibench.findings.{name}")):
            kind, number = re.findall(r"(fig|table)\.? (\d+)", claim)[-1]
            tested = {one.finding for one in RESULTS[f"{kind}{number}"].claims}
            assert claim in tested, f"{kind}{number}"


@pytest.mark.parametrize("given", [{}, {"claim": "a", "compare": "b"}], ids=["none", "two"])
def test_claim_has_one_comparison(given: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="claim, numbers and compare"):
        PaperClaim(text="Something.", **given)


@pytest.mark.parametrize(
    ("name", "one"), [("fig2", "subset.count=200"), ("fig12", "seed=0"), ("fig20", "seed=0")]
)
def test_data_of_the_paper_compose_with_its_studies(name: str, one: str) -> None:
    (study,) = RESULTS[name].studies  # tests/config composes the studies themselves
    arguments = ["-m", f"+sweeps={study}", *RESULTS[name].data, one]
    assert len(compose_command("train", arguments).points) == 1


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("fig1", "fig2"),
        ("fig22", r"did you mean 'fig\d+'\?"),
        ("figure3", r"did you mean 'fig3'\?"),
        ("tabel2", r"did you mean 'table2'\?"),
        ("xyz", "fig2 to fig21"),
    ],
)
def test_unknown_names_are_refused_with_the_closest(name: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        named_result(name)
