"""The cards of a page: sentences of the answers, and pictures with their numbers."""

from __future__ import annotations

import math
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from html_page import Page
from made_traces import CORNERS, write_traced_study
from made_trust import write_trust_study

from saibench.analysis.answers import Answers, study_answers
from saibench.analysis.answers.best_run import best_runs
from saibench.analysis.answers.trust import best_range
from saibench.evidence.reader import StudyEvidence
from saibench.report import render
from saibench.report.cards import Card, study_cards
from saibench.report.svg import HEIGHT, LEFT, RIGHT, TOP, WIDTH, Axis

TRUST = {"trust": {"feature": "distance", "statistic": "force_mae", "tolerance": 60.0}}


@pytest.fixture(scope="module")
def evidence(tmp_path_factory: pytest.TempPathFactory) -> StudyEvidence:
    folder = tmp_path_factory.mktemp("cards")
    return StudyEvidence.load(write_trust_study(folder, num_blocks=60, size=6, record=TRUST))


@pytest.fixture(scope="module")
def answers(evidence: StudyEvidence) -> Answers:
    return study_answers(evidence)


@pytest.fixture(scope="module")
def cards(evidence: StudyEvidence) -> dict[str, Card]:
    return {card.key: card for card in study_cards(evidence)}


def marks(card: Card, kind: str, of: str = "class") -> list[ET.Element]:
    """The elements of a class, or of a tag, in the card's picture."""
    every = ET.fromstring(card.picture).iter()
    return [one for one in every if (one.tag if of == "tag" else one.get("class")) == kind]


def places(element: ET.Element) -> np.ndarray:
    """The points `(n, 2)` of a path that has absolute positions."""
    drawn = (element.get("d") or "").replace("h0", "").replace("M", "L").strip("L").split("L")
    return np.array([[float(part) for part in pair.split()] for pair in drawn if pair])


def test_page_opens_with_four_answers(evidence: StudyEvidence, answers: Answers) -> None:
    page = render(evidence)
    shown = Page(page).shown
    for answer in answers:
        assert answer.question in shown
        assert " ".join(answer.sentence.split()) in shown
        assert all(caution in shown for caution in answer.cautions)
    assert page.index(answers.trust.question) < page.index('<section id="runs"')
    assert page.count("<article") == 4


def test_trusted_part_of_the_picture_ends_where_the_bound_exceeds_the_tolerance(
    answers: Answers, cards: dict[str, Card]
) -> None:
    numbers = answers.trust.numbers
    assert numbers is not None and numbers.tolerance == 60.0
    x = Axis(numbers.positions[0], numbers.positions[-1], LEFT, WIDTH - RIGHT)
    (own,) = (one for one in marks(cards["trust"], "g", "tag") if one.get("hidden") is None)
    shades, (line, _) = ([e for e in own if e.get("class") == k] for k in ("trusted", "tolerance"))
    ((shaded, (low, high)),) = zip(shades, numbers.intervals, strict=True)
    left, width = float(shaded.get("x", "")), float(shaded.get("width", ""))
    assert left == pytest.approx(x(max(low, x.low)), abs=0.06)
    assert left + width == pytest.approx(x(min(high, x.high)), abs=0.12)
    tolerance = places(line)[0, 1]
    bound = places(marks(cards["trust"], "bound")[0])
    inside = (bound[:, 0] > left + 3) & (bound[:, 0] < left + width - 3)
    assert (bound[inside, 1] >= tolerance - 0.1).all(), "lower on the page is smaller"
    assert TOP <= tolerance <= HEIGHT


def test_answers_at_other_tolerances_are_those_of_the_same_bound(
    evidence: StudyEvidence, answers: Answers, cards: dict[str, Card]
) -> None:
    """Shares by counting the samples of which the bound of the range is within the tolerance."""
    at = cards["trust"].tolerances
    assert [one.tolerance for one in at if one.sentence == answers.trust.sentence] == [60.0]
    assert [one.get("data-tolerance") for one in marks(cards["trust"], "g", "tag")] == [
        str(place) for place in range(len(at))
    ]
    found = best_range(evidence, best_runs(evidence))
    assert found.trusted is not None and found.samples is not None
    check = found.trusted.check(found.samples.features)
    for one in at:
        share = 100 * np.mean(check.inside & (check.upper <= one.tolerance))
        assert not one.intervals or f"({share:.3g}"[:3] in one.sentence
        alone = replace(found.trusted, tolerance=one.tolerance).trusted()
        assert one.intervals == alone.intervals


def test_lengths_of_bars_are_shares(tmp_path: Path) -> None:
    evidence = StudyEvidence.load(write_traced_study(tmp_path / "study", CORNERS[:1]))
    numbers = study_answers(evidence).drivers.numbers
    assert numbers is not None and len(numbers.drivers) > 1
    card = next(card for card in study_cards(evidence) if card.key == "drivers")
    lengths = [float(bar.get("width", "")) for bar in marks(card, "share")]
    shares = [driver.share.estimate for driver in numbers.drivers]
    assert np.array(lengths) / lengths[0] == pytest.approx(np.array(shares) / shares[0], abs=0.01)
    bounds = [places(one)[:, 0] - 4 for one in marks(card, "error")]
    for (low, high), driver in zip(bounds, numbers.drivers, strict=True):
        scale = lengths[0] / shares[0]
        assert high == pytest.approx(scale * driver.share.high, abs=1)
        assert low == pytest.approx(scale * max(0.0, driver.share.low), abs=1)


def test_interval_of_a_difference_is_drawn_against_the_best(
    answers: Answers, cards: dict[str, Card]
) -> None:
    numbers = answers.best.numbers
    assert numbers is not None
    _, other = numbers.models
    assert other.difference is not None and other.is_worse
    zero = places(marks(cards["best"], "reference")[0])[0, 0]
    low, high = places(marks(cards["best"], "error")[0])[:, 0]
    dot = places(marks(cards["best"], "model sure")[0])[0, 0]
    assert zero < low < dot < high, "significantly worse"
    found = (other.difference.low, other.difference.estimate, other.difference.high)
    ratio = (found[1] - found[0]) / (found[2] - found[0])
    assert (dot - low) / (high - low) == pytest.approx(ratio, abs=0.01)


def test_a_single_seed_is_a_caution(answers: Answers, cards: dict[str, Card]) -> None:
    assert answers.fairness.numbers is not None and answers.fairness.numbers.seeds == 1
    assert cards["fair"].answer.cautions
    (few,) = marks(cards["fair"], "seed few")
    assert len(places(few)) == 1


def test_pictures_have_names_for_a_screen_reader(cards: dict[str, Card]) -> None:
    for card in cards.values():
        drawing = ET.fromstring(card.picture)
        assert drawing.get("role") == "img" and drawing.get("aria-label")
        width, height = map(float, drawing.get("viewBox", "").split()[2:])
        for text in drawing.iter("text"):
            assert 0 <= float(text.get("x", "")) <= width
            assert 0 < float(text.get("y", "")) <= height


def test_axis_maps_its_ends_and_has_round_ticks() -> None:
    axis = Axis(0.013, 0.033, 40, 300)
    assert (axis(0.013), axis(0.033), axis(0.023)) == pytest.approx((40, 300, 170))
    assert axis.ticks(5) == pytest.approx([0.015, 0.02, 0.025, 0.03])
    assert math.isfinite(Axis(1.0, 1.0, 0, 10)(1.0)), "a single value"
