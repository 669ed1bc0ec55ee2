"""The page in a browser: dark, narrow, printed, by keyboard; tables that open on request."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from browser import Page, browser, chromium
from command_line import one_error_model
from made_traces import CORNERS, TRACE, write_traced_study
from made_trust import write_trust_study

from saibench.figures import error_shares
from saibench.report import write_report

pytestmark = pytest.mark.skipif(
    chromium() is None, reason="needs a Chromium: Debian's `chromium`, or one named by CHROME_PATH"
)
RECORD = {
    **TRACE,
    "figures": [error_shares.__name__],
    "findings": ["saibench.findings.tracing"],
}


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with browser(tmp_path_factory.mktemp("chromium")) as found:
        yield found


@pytest.fixture(autouse=True)
def nothing_goes_wrong(page: Page) -> Iterator[None]:
    page._events.clear()
    yield
    page.call("Emulation.setEmulatedMedia", media="", features=[])
    assert page.problems == []


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("layout") / "study"
    return write_report(write_traced_study(folder, CORNERS[:2], record=RECORD))


def brightness(page: Page, selector: str, what: str) -> float:
    """Mean of red, green and blue of an element's colour."""
    colour = page.value(f"getComputedStyle(document.querySelector('{selector}')).{what}")
    channels = colour[colour.index("(") + 1 : colour.index(")")].split(",")[:3]
    return sum(map(float, channels)) / 3


def test_colours_follow_the_reader(page: Page, study: Path) -> None:
    for scheme, is_dark in (("light", False), ("dark", True)):
        feature = {"name": "prefers-color-scheme", "value": scheme}
        page.call("Emulation.setEmulatedMedia", features=[feature])
        page.open(study)
        assert (brightness(page, "body", "backgroundColor") < 60) == is_dark
        assert (brightness(page, "body", "color") > 180) == is_dark
        assert (brightness(page, ".picture text", "fill") > 120) == is_dark
        inverted = page.value("getComputedStyle(document.querySelector('figure img')).filter")
        assert (inverted != "none") == is_dark
    page.call("Emulation.setEmulatedMedia", media="print", features=[feature])
    assert brightness(page, "body", "color") < 60, "paper is white"


@pytest.mark.parametrize("width", [400, 800, 1300, 1900])
def test_nothing_is_wider_than_the_screen(page: Page, study: Path, width: int) -> None:
    page.open(study, width=width)
    page.until("document.querySelector('#matrix-view')")
    assert page.value("document.documentElement.scrollWidth") <= width
    fit = "(one) => one.scrollWidth <= one.clientWidth"
    assert page.value(f"[...document.querySelectorAll('figure .wide')].every({fit})")
    tops = page.value(
        "[...document.querySelectorAll('.card')].map((one) => one.getBoundingClientRect().top)"
    )
    columns = {400: 1, 800: 2, 1300: 4, 1900: 4}[width]
    assert len(tops) == 4 and len({round(top) for top in tops}) == 4 / columns
    beside = page.value(
        "(() => { const f = document.querySelector('figure');"
        "const [a, b] = [f.querySelector('img'), f.querySelector('figcaption')]"
        ".map((one) => one.getBoundingClientRect()); return b.left >= a.right; })()"
    )
    assert beside == (width >= 1300)


def test_each_link_of_the_navigation_has_its_section(page: Page, study: Path) -> None:
    page.open(study)
    targets = page.value(
        "[...document.querySelectorAll('nav a, .card h2 a')].map((one) => one.hash.slice(1))"
    )
    assert len(targets) >= 5
    for target in targets:
        assert page.value(f"document.getElementById({target!r})?.tagName") == "SECTION", target


def test_printed_page_has_neither_controls_nor_closed_details(page: Page, study: Path) -> None:
    page.call("Emulation.setEmulatedMedia", media="print")
    page.open(study, width=800)
    page.until("document.querySelector('#matrix-view')")
    visible = (
        "[...document.querySelectorAll('nav, .controls, button, #provenance details')]"
        ".filter((one) => one.getClientRects().length).length"
    )
    assert page.value(visible) == 0
    heads = page.value(
        "[...document.querySelectorAll('#points tr')].map((row) =>"
        "[...row.cells].filter((one) => one.getClientRects().length).length)"
    )
    assert len(set(heads)) == 1, "columns stay below their heads"


def test_table_of_the_attribution_is_built_when_opened(page: Page, study: Path) -> None:
    page.open(study)
    details = "details[data-table]"
    assert page.value(f"document.querySelectorAll('{details} tr').length") == 0
    page.value(f"document.querySelector('{details}').open = true")
    page.until(f"document.querySelector('{details} tbody tr')")
    page.type(f"{details} input", "feature distance")
    rows = (
        f"[...document.querySelectorAll('{details} tbody tr')].filter((row) => !row.hidden)"
        ".map((row) => [...row.cells].map((cell) => cell.innerText))"
    )
    found = page.value(rows)
    assert found and all(row[2] == "feature" and row[3] == "distance" for row in found)
    assert all("[" in row[4] for row in found), "with intervals"
    page.type(f"{details} input", "")
    head = f"document.querySelectorAll('{details} thead th')[4]"
    page.value(f"{head}.focus()")
    for key, order in ((" ", "ascending"), ("Enter", "descending")):
        page.value(f"{head}.dispatchEvent(new KeyboardEvent('keydown', {{ key: {key!r} }}))")
        assert page.value(f"{head}.getAttribute('aria-sort')") == order
    shares = page.value(
        f"[...document.querySelectorAll('{details} tbody tr')]"
        ".map((row) => Number(row.cells[4].dataset.sort))"
    )
    assert shares == sorted(shares, reverse=True) and shares[0] > shares[-1]


def test_claims_are_one_row_each_with_details_on_request(page: Page, study: Path) -> None:
    page.open(study)
    claims = page.value(
        "[...document.querySelectorAll('#claims tbody tr td:first-child')]"
        ".map((one) => one.textContent)"
    )
    assert len(claims) == len(set(claims)) > 2
    closed = "document.querySelector('#claims td details:not([open])')"
    assert page.value(f"{closed}.querySelector('dd').checkVisibility()") is False
    page.value(f"{closed}.querySelector('summary').click()")
    assert page.value("document.querySelector('#claims td details[open] dd').checkVisibility()")


def test_a_moved_tolerance_shows_its_sentence_and_its_part_of_the_picture(
    page: Page, tmp_path: Path
) -> None:
    trust = {"feature": "distance", "statistic": "force_mae", "tolerance": 60.0}
    folder = write_trust_study(tmp_path, num_blocks=40, size=4, record={"trust": trust})
    with one_error_model():
        page.open(write_report(folder))
    visible = "[...document.querySelectorAll('.card {}[data-tolerance]')].filter((one) => "
    visible += "one.getClientRects().length).map((one) => one.dataset.tolerance)"
    slider = "document.querySelector('.tolerances input')"
    own = page.value(f"{slider}.value")
    assert page.value(visible.format("p")) == page.value(visible.format("g")) == [own]
    assert page.value(f"{slider}.getAttribute('aria-valuetext')").startswith("60")
    page.value(f"{slider}.value = 0; {slider}.dispatchEvent(new Event('input'))")
    assert page.value(visible.format("p")) == page.value(visible.format("g")) == ["0"]
    assert page.value("document.querySelector('.tolerances output').textContent").startswith("30")
