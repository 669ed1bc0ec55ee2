"""What is known of the paper's figures and tables: all of them, and nothing that is not there."""

from __future__ import annotations

import re
from importlib import import_module
from types import ModuleType

import pytest

from saibench.config.compose import compose_command
from saibench.errors import UserError
from saibench.figures import figure_module
from saibench.findings.finding import find_function
from saibench.paper.reproduction.result import Result, Said
from saibench.paper.reproduction.results import NAMES, RESULTS, TABLES, check_name
from saibench.shipped import root

FINDINGS = (
    "force_field.claims",
    *(f"jet_tagging.{part}" for part in ("size", "rotation", "energy", "tracing")),
    *(f"nowcasting.{part}" for part in ("claims", "errors", "trend", "tracing")),
)
ALL = pytest.mark.parametrize("result", RESULTS.values(), ids=RESULTS)


def claims(module: ModuleType) -> list[str]:
    """The constants that name a figure or table of the paper."""
    constants = {name: value for name, value in vars(module).items() if name.isupper()}
    texts = [value for value in constants.values() if isinstance(value, str)]
    return [text for text in texts if re.search(r"\(§[\d.]+, (fig\.|table) \d+", text)]


def test_every_figure_but_the_drawing_and_every_table_has_an_entry() -> None:
    assert (*(f"fig{n}" for n in range(2, 22)), "table1", "table2", "table3") == NAMES
    assert {*RESULTS, *TABLES} == set(NAMES)


@ALL
def test_studies_and_figures_are_there_and_are_the_papers(result: Result) -> None:
    assert result.label in ("Table 2", f"Figure {result.name[3:]}")
    assert all(find_function(module) for module in result.findings)
    for part in result.parts:
        for study in (part.study, part.mini):
            assert (root() / "sweeps" / f"{study}.yaml").is_file()
        for figure in part.figures:
            assert re.search(rf"\b{result.label}\b", figure_module(figure).paper, re.IGNORECASE)


@ALL
def test_each_finding_is_short_and_says_where_the_paper_has_it(result: Result) -> None:
    assert result.said
    for said in result.said:
        assert re.fullmatch(r"§\d(\.\d)?", said.section)
        assert said.text.endswith(".")
        assert len(said.text) < 120


def test_every_claim_of_a_figure_is_set_beside_that_figure() -> None:
    for name in FINDINGS:
        for claim in claims(import_module(f"saibench.findings.{name}")):
            kind, number = re.findall(r"(fig|table)\.? (\d+)", claim)[-1]
            said = {one.claim for one in RESULTS[f"{kind}{number}"].said}
            assert claim in said, f"{kind}{number}"


def test_a_finding_takes_one_answer() -> None:
    with pytest.raises(ValueError, match="just one"):
        Said("Something.", "§4", claim="a", compare="b")


@pytest.mark.parametrize(
    ("name", "one"), [("fig2", "subset.count=200"), ("fig12", "seed=0"), ("fig20", "seed=0")]
)
def test_the_papers_data_compose_with_its_studies(name: str, one: str) -> None:
    (part,) = RESULTS[name].parts  # studies themselves are composed by tests/config
    arguments = ["-m", f"+sweeps={part.study}", *RESULTS[name].data, one]
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
        check_name(name)
