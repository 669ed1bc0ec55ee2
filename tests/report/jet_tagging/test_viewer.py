"""Jets kept by points, as a page shows them."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from synthetic_jet_study import MadeTagger, made_index, write_jet_study

from saibench.evidence.jet_tagging.saved_jets import SavedJets
from saibench.evidence.reader import StudyEvidence
from saibench.report import render, write_report
from saibench.report.jet_tagging import viewer as jet_viewer

VIEWER = "saibench.report.jet_tagging.viewer"
MADE = [MadeTagger(0.01), MadeTagger(1.0)]
WHY = "<b>most</b> wrong"


class Page(HTMLParser):
    """Elements of a page by their name, and the addresses that they ask for."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("href", "src")]


def jets(*ids: int) -> SavedJets:
    """Each of three constituents, one of them beyond the map."""
    count = len(ids)
    return SavedJets(
        sample_id=np.array(ids),
        label=np.arange(count) % 2,
        score=np.full(count, 0.75),
        why=np.array([WHY] * count),
        end=3 * np.arange(1, count + 1),
        eta=np.tile([0.0, 0.5, 1.5], count),
        phi=np.tile([0.0, -0.5, 0.0], count),
        pt=np.tile([300.0, 75.0, 1.0], count),
    )


@pytest.fixture
def study(tmp_path: Path) -> Path:
    folder = write_jet_study(tmp_path, MADE, jets=60, record={"explorers": [VIEWER]})
    jets(503, 504).write(folder / MADE[0].point / SavedJets.FILE)
    jets(503, 507).write(folder / MADE[1].point / SavedJets.FILE)
    return folder


def test_each_jet_is_shown_once_with_its_facts_and_scores(study: Path) -> None:
    evidence = StudyEvidence.load(study)
    assert jet_viewer.needs(evidence) is None
    html = jet_viewer.fragment(evidence)
    assert [html.count(f'data-jet="{jet}"') for jet in (503, 504, 507)] == [1, 1, 1]
    index = made_index(60)
    assert f"mass {index['jet_mass'][3]:.3g} GeV" in html
    assert f"{index['num_constituents'][3]} constituents" in html
    scores = evidence.samples.filter(sample_id=503)["score"].to_list()
    shown = re.findall(r"<tr><td>(.*?)</td><td>(.*?)</td></tr>", html)
    assert {words for words, _ in shown} == {"subset.fraction = 0.01", "subset.fraction = 1"}
    assert sorted(float(score) for _, score in shown[:2]) == pytest.approx(sorted(scores), rel=0.01)
    assert "1 constituent beyond the map" in html


def test_words_are_escaped_and_nothing_is_asked_for_from_outside(study: Path) -> None:
    html = jet_viewer.fragment(StudyEvidence.load(study))
    assert "&lt;b&gt;most&lt;/b&gt; wrong" in html and WHY not in html
    page = Page(html)
    assert page.addresses == [] and page.tags.count("script") == 1  # its own


def test_circles_have_their_place_and_their_area_goes_by_pt(study: Path) -> None:
    (first, *_) = jets(503)
    drawn, outside = jet_viewer.circles(first)
    assert outside == 1 and [(c.x, c.y) for c in drawn] == [(150.0, 150.0), (225.0, 225.0)]
    assert drawn[0].radius / drawn[1].radius == pytest.approx(2, rel=0.01)
    assert drawn[0].text == "pT 300 GeV, Δη 0.00, Δφ 0.00"
    assert drawn[1].text.endswith("Δφ −0.50")


def test_wrong_jets_are_told_from_right_ones(study: Path) -> None:
    html = jet_viewer.fragment(StudyEvidence.load(study))
    wrong = html[html.index('data-jet="503"') : html.index('data-jet="504"')]
    right = html[html.index('data-jet="504"') : html.index('data-jet="507"')]
    assert "QCD jet 503" in wrong and 'class="wrong">score 0.750, taken for top' in wrong
    assert "top jet 504" in right and 'class="wrong"' not in right


def test_page_has_the_viewer_or_says_why_not(study: Path) -> None:
    assert "Jets to look at" in write_report(study).read_text()
    for path in study.glob(f"*/{SavedJets.FILE}"):
        path.unlink()
    assert "Not shown: No point kept jets to look at." in render(StudyEvidence.load(study))


def test_damaged_file_costs_only_the_viewer(study: Path) -> None:
    next(study.glob(f"*/{SavedJets.FILE}")).write_bytes(b"")
    assert "jets.npz does not hold" in write_report(study).read_text()
