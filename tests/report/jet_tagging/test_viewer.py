"""Saved jets on the page."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from html_page import Page
from synthetic_jet_study import MadeTagger, made_index, write_jet_study

from saibench.evidence.jet_tagging.saved_jets import SavedJets
from saibench.evidence.reader import StudyEvidence
from saibench.report import render, write_report
from saibench.report.jet_tagging import viewer as jet_viewer

VIEWER = "saibench.report.jet_tagging.viewer"
MADE = [MadeTagger(0.01), MadeTagger(1.0)]
WHY = "<b>most</b> wrong"


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


def test_each_jet_is_displayed_once_with_features_and_scores(study: Path) -> None:
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
    assert "1 constituent outside" in html


def test_text_is_escaped_and_the_viewer_is_self_contained(study: Path) -> None:
    html = jet_viewer.fragment(StudyEvidence.load(study))
    assert "&lt;b&gt;most&lt;/b&gt; wrong" in html and WHY not in html
    page = Page(html)
    assert page.links == [] and page.tags.count("script") == 1  # its own


def test_area_of_circles_is_proportional_to_pt(study: Path) -> None:
    (first, *_) = jets(503)
    drawn, outside = jet_viewer.circles(first)
    assert outside == 1 and [(c.x, c.y) for c in drawn] == [(150.0, 150.0), (225.0, 225.0)]
    assert drawn[0].radius / drawn[1].radius == pytest.approx(2, rel=0.01)
    assert drawn[0].text == "pT 300 GeV, Δη 0.00, Δφ 0.00"
    assert drawn[1].text.endswith("Δφ −0.50")


def test_misclassified_jets_are_marked(study: Path) -> None:
    html = jet_viewer.fragment(StudyEvidence.load(study))
    wrong = html[html.index('data-jet="503"') : html.index('data-jet="504"')]
    right = html[html.index('data-jet="504"') : html.index('data-jet="507"')]
    assert "QCD jet 503" in wrong and re.search(r'class="wrong">score 0\.750.* top<', wrong)
    assert "top jet 504" in right and 'class="wrong"' not in right


def test_page_has_the_viewer_or_the_reason(study: Path) -> None:
    page = write_report(study).read_text()
    assert jet_viewer.title in page and 'class="jets"' in page
    for path in study.glob(f"*/{SavedJets.FILE}"):
        path.unlink()
    evidence = StudyEvidence.load(study)
    assert f"{jet_viewer.needs(evidence)}" in render(evidence)


def test_damaged_file_prevents_only_the_viewer(study: Path) -> None:
    path = next(study.glob(f"*/{SavedJets.FILE}"))
    path.write_bytes(b"")
    assert str(path) in write_report(study).read_text()
