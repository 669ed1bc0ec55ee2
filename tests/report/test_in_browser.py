"""The page in a browser: opening, filtering, and following links from the table to a sample."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from browser import Page, browser, chromium
from PIL import Image
from synthetic_study import PARTITION, WINDOWS, Made, write_study

import saibench
from saibench.analysis.blocks import find_blocks
from saibench.analysis.bootstrap import block_bootstrap
from saibench.analysis.proportions import combined, exact_interval
from saibench.evidence.force_field.saved_frames import SavedFrames
from saibench.evidence.reader import StudyEvidence
from saibench.figures.force_field import window_similarity, windows
from saibench.figures.style import svg
from saibench.report import write_comparison, write_report

pytestmark = pytest.mark.skipif(
    chromium() is None, reason="needs a Chromium: Debian's `chromium`, or one named by CHROME_PATH"
)

VIEWER = "saibench.report.force_field.viewer"
MADE = [*WINDOWS[:3], Made(size=0.9, count=400)]
ATTACK = "<img src=x onerror='window.attacked=1'>\"';</script><script>window.attacked=1</script>"
WATER = np.array([[0.0, 0.0, 0.0], [0.96, 0.0, 0.0], [-0.24, 0.93, 0.0]], np.float32)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with browser(tmp_path_factory.mktemp("chromium")) as found:
        yield found


@pytest.fixture(autouse=True)
def nothing_goes_wrong(page: Page) -> Iterator[None]:
    page._events.clear()
    yield
    assert page.problems == []


def change_record(folder: Path, made: Made, **changes: object) -> None:
    path = folder / f"{made.slug}-{made.point}" / "run.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def frames(*ids: int) -> SavedFrames:
    """Water; the oxygen of the n-th frame has an error of n × 5 meV/Å."""
    count = len(ids)
    error = np.zeros((count, 3, 3), np.float32)
    error[:, 0] = np.array([3.0, 4.0, 0.0]) * np.arange(1, count + 1)[:, None]
    return SavedFrames(
        sample_id=np.array(ids),
        why=np.array([ATTACK] * count),
        atomic_numbers=np.array([8, 1, 1]),
        positions=np.stack([WATER] * count),
        forces=np.ones((count, 3, 3), np.float32),
        force_error=error,
    )


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write_study(
        tmp_path_factory.mktemp("browser") / "study",
        MADE,
        200,
        figures=[one.__name__ for one in (window_similarity, windows)],
    )
    for made in MADE:
        change_record(folder, made, explorers=[VIEWER])
        frames(9500, 9501).write(folder / f"{made.slug}-{made.point}" / SavedFrames.FILE)
    write_report(folder)
    return folder / "report.html"


def page_of(*folders: Path) -> Path:
    """The page that compares these studies."""
    studies = [StudyEvidence.load(folder) for folder in folders]
    return write_comparison(studies, folders[0].with_name("compared.html"))


def choose_columns(page: Page, view: str) -> None:
    page.value(
        f"(() => {{ const s = document.getElementById('matrix-view'); s.value = '{view}';"
        "s.dispatchEvent(new Event('change')); })()"
    )


def rows_shown(page: Page) -> list[str]:
    return page.value(
        "[...document.querySelectorAll('#matrix tbody tr')].filter((row) => !row.hidden)"
        ".map((row) => row.dataset.key)"
    )


def test_table_is_filtered_sorted_and_grouped_by_partition(page: Page, study: Path) -> None:
    page.open(study)
    assert len(rows_shown(page)) == len(MADE)
    page.type("#filter-points", "subset.count<=400")
    assert rows_shown(page) == [MADE[3].point]
    page.type("#filter-points", "nonsense>3")
    assert rows_shown(page) == []
    assert "no setting or metric nonsense" in page.text("#matrix-controls")
    page.type("#filter-points", "")
    metrics = StudyEvidence.load(study.parent).metrics
    by_error = sorted(metrics, key=lambda point: metrics[point][PARTITION]["force_mae"]["value"])
    column = page.value(
        "[...document.querySelectorAll('#points thead th')]"
        ".findIndex((head) => head.textContent.includes('force MAE'))"
    )
    page.click(f"#points thead th:nth-child({column + 1})")
    assert rows_shown(page) == by_error
    choose_columns(page, "menergy_bias")
    assert f"{PARTITION}\nmeV · per frame" in page.text("#matrix thead")
    bias = metrics[MADE[0].point][PARTITION]["energy_bias"]["value"]
    shown = page.text(f"#matrix tr[data-key='{MADE[0].point}']").replace("−", "-")
    assert f"{bias:.3g}" in shown and "n = 200" in shown


def test_links_lead_from_the_table_to_a_sample_and_its_molecule(page: Page, study: Path) -> None:
    page.open(study)
    page.click(f"#points tr[data-key='{MADE[0].point}'] td.number a")
    page.until("document.querySelector('#cell .samples')")
    cell = page.text("#cell")
    assert PARTITION in cell and "the last 10 % of the samples in order of time" in cell
    samples = StudyEvidence.load(study.parent).samples.filter(point=MADE[0].point)
    worst = samples.sort("force_mae")["sample_id"][-1]
    assert page.text("#cell .samples tbody th").startswith(str(worst))
    page.type("#filter-samples", "sample_id=9500")
    assert page.text("#cell .samples tbody th").startswith("9500 ◉")
    page.click("#cell .samples tbody th a")
    page.until("document.querySelector('#sample canvas')?.width > 100")
    sample = page.text("#sample")
    row = samples.row(by_predicate=pl.col("sample_id") == 9500, named=True)
    assert f"{row['force_mae']:.3g}" in sample and "largest error 5.00 meV/Å" in sample
    assert "force MAE 0.778 meV/Å per component, n = 3 atoms" in sample  # (3 + 4) / 9
    assert ATTACK in sample and page.value("window.attacked === undefined")
    page.until(
        "(() => { const c = document.querySelector('#sample canvas');"
        "const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;"
        "const seen = new Set(); for (let i = 0; i < d.length; i += 4) if (d[i + 3])"
        "seen.add(`${d[i]},${d[i + 1]},${d[i + 2]}`); return seen.size > 50; })()"
    )
    page.value("history.back()")
    page.until("location.hash.startsWith('#/cell')")


def test_a_click_on_a_dot_opens_its_sample(page: Page, study: Path) -> None:
    page.open(study, f"#/cell/{MADE[1].point}/{PARTITION}")
    page.until("document.querySelector('#cell .dots')")
    drawn = page.value(
        "(() => { const p = document.querySelector('#cell .dots');"
        "p.scrollIntoView({ block: 'center' });"
        "const b = p.ownerSVGElement.getBoundingClientRect(), s = b.width / 880;"
        "const [, x, y] = /^M([\\d.]+) ([\\d.]+)/.exec(p.getAttribute('d'));"
        "return [b.x + s * x, b.y + s * y]; })()"
    )
    page.click_at(*drawn)
    page.until("location.hash.startsWith('#/sample')")
    page.until("document.querySelector('#sample h2')")
    opened = int(page.text("#sample h2").split()[1])
    assert 9433 <= opened < 9633


def test_difference_of_two_runs_equals_the_paired_bootstrap(page: Page, study: Path) -> None:
    first, second = MADE[0].point, MADE[2].point
    page.open(study, f"#/compare/{first}/{PARTITION}/{second}/{PARTITION}")
    page.until("document.querySelector('#compare .comparison')")
    cells = page.value(
        "[...document.querySelectorAll('#compare .comparison tbody tr')]"
        ".map((row) => [...row.cells].map((cell) => cell.innerText))"
    )
    row = next(row for row in cells if row[0] == "force_mae")
    samples = StudyEvidence.load(study.parent).samples.sort("sample_id")
    a, b = (samples.filter(point=point) for point in (first, second))
    fewer = min(
        (find_blocks(one, one["force_mae"]) for one in (a, b)), key=lambda one: one.num_blocks
    )
    expected = block_bootstrap(b["force_mae"] - a["force_mae"], fewer.labels)
    low, high = (float(part.strip("[] ").replace("−", "-")) for part in row[5].split(","))
    width = expected.high - expected.low
    assert float(row[4].replace("−", "-")) == pytest.approx(expected.estimate, rel=0.01)
    assert low == pytest.approx(expected.low, abs=0.01 * width)  # of means to few digits
    assert high == pytest.approx(expected.high, abs=0.01 * width)
    assert row[7] == "paired"
    assert "200 common test samples" in page.text("#compare")


def shown_difference(page: Page, first: dict[str, Any], second: dict[str, Any]) -> list[float]:
    """The script's interval of the difference of two accuracies, with a jet per block."""
    source = (Path(saibench.__file__).parent / "report/scripts/intervals.js").read_text()
    return page.value(
        "(async () => {"
        "const unpack = async (one) => one, study = { student: { 25: 2, 62: 2, 300: 2 } };"
        f"{source}\n"
        f"return (await difference({json.dumps(first)}, {json.dumps(second)})).interval; }})()"
    )


def accuracy_of(right: int, count: int, samples: str) -> dict[str, Any]:
    means = [1.0] * right + [0.0] * (count - right)
    blocks = {"means": means, "counts": [1] * count, "size": count, "blocks": count}
    of_mean = {"factors": [1], "offset": 0, "samples": samples, "share": True}
    return {
        "v": right / count, "i": list(exact_interval(right, count)), "b": {**blocks, **of_mean}
    }  # fmt: skip


def test_two_accuracies_of_1_differ_by_0_with_a_combined_interval(page: Page, study: Path) -> None:
    page.open(study)
    low, high = shown_difference(page, accuracy_of(62, 62, "a"), accuracy_of(62, 62, "a"))
    reach = 1 - exact_interval(62, 62)[0]
    assert (low, high) == pytest.approx((-reach, reach))


def test_accuracies_of_different_bins_have_a_combined_interval(page: Page, study: Path) -> None:
    page.open(study)
    large, small = accuracy_of(293, 300, "large"), accuracy_of(25, 25, "small")
    expected = combined(1 - 293 / 300, (1, -1), (1, 293 / 300), [small["i"], large["i"]])
    assert shown_difference(page, large, small) == pytest.approx(expected)
    assert expected[0] < 0 < expected[1]


def test_figures_are_decoded_near_the_screen_and_can_be_downloaded(
    page: Page, study: Path, tmp_path: Path
) -> None:
    page.open(study, height=500)  # the second figure is then far: figures are drawn 600 ahead
    assert page.value("document.getElementById('figure-windows').offsetTop") > 1200
    assert not page.value("document.querySelector('#figure-windows img').naturalWidth")
    page.value("document.getElementById('figure-windows').scrollIntoView()")
    page.until("document.querySelector('#figure-windows img').naturalWidth > 300")
    page.call("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(tmp_path))
    files = {kind: tmp_path / f"made_up_study-windows.{kind}" for kind in ("svg", "png", "csv")}
    for place, path in enumerate(files.values(), start=1):
        page.click(f"#figure-windows .downloads button:nth-child({place})")
        page.wait(path.exists, str(path))
    evidence = StudyEvidence.load(study.parent)
    assert files["svg"].read_bytes() == svg(windows.draw(evidence))
    assert files["csv"].read_bytes() == windows.table(evidence).write_csv().encode()
    with Image.open(files["png"]) as image:
        assert image.width > 2000 and len(image.convert("RGB").getcolors(1 << 24)) > 20


def test_csv_has_no_formula(page: Page) -> None:
    source = (Path(saibench.__file__).parent / "report/scripts/downloads.js").read_text()
    rows = "[['=1+1', -1], ['-0.5', '@x'], [null, -Infinity]]"
    text = page.value(f"(() => {{ {source}\nreturn csv(['=a', 'b'], {rows}); }})()")
    assert text.splitlines() == ["'=a,b", "'=1+1,-1", "-0.5,'@x", ",-Infinity"]


def test_text_of_files_is_escaped(page: Page, tmp_path: Path) -> None:
    folder = write_study(tmp_path / "study", MADE[:2], frames=60, figures=[])
    settings = {**MADE[0].settings, "model.name": ATTACK, f"window{ATTACK}": ATTACK}
    partitions = {PARTITION: {"count": 60, "hash": ATTACK, "describe": ATTACK}}
    change_record(
        folder, MADE[0], settings=settings, slug=ATTACK, command=ATTACK, study=ATTACK,
        data={"describe": ATTACK, "hash": ATTACK}, partitions=partitions, versions={ATTACK: ATTACK},
    )  # fmt: skip
    page.open(write_report(folder), f"#/cell/{MADE[0].point}/{PARTITION}")
    page.until("document.querySelector('#cell .samples')")
    assert ATTACK in page.text("#cell") and ATTACK in page.text("h1")
    page.value("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    assert page.value("document.body.innerText").count(ATTACK) >= 10
    assert page.value("window.attacked === undefined && !document.querySelector('img[src=x]')")


def test_two_studies_are_compared_on_one_page(page: Page, tmp_path: Path) -> None:
    for name, seed in (("one", 0), ("two", 1)):
        made = [Made(0.0, 0.9, count, seed) for count in (200, 400)]
        write_study(tmp_path / name, made, frames=80, figures=[])
        for one in made:
            settings = {key: value for key, value in one.settings.items() if key != "seed"}
            change_record(tmp_path / name, one, study=name, settings=settings)
    target = page_of(tmp_path / "one", tmp_path / "two")
    page.open(target)
    page.until("document.querySelector('#studies .comparison')")
    assert len(rows_shown(page)) == 4
    compared = page.value("document.querySelectorAll('#studies tbody tr').length")
    assert compared == 4  # two sizes, two headline metrics
    page.click("#studies tbody a")
    page.until("document.querySelector('#compare .comparison')")
    assert "study\tone\ttwo" in page.text("#compare")


def test_copies_of_a_run_in_different_studies_are_compared(page: Page, tmp_path: Path) -> None:
    """Joined tables lack the settings that their study does not vary."""
    both, alone = [Made(seed=0), Made(seed=1)], [Made(seed=0)]
    for name, made in (("both", both), ("alone", alone)):
        write_study(tmp_path / name, made, frames=400, figures=[])
        for one in made:
            more = {"model.lr": 0.1 * (1 + one.seed)} if name == "both" else {}
            change_record(tmp_path / name, one, study=name, settings={**one.settings, **more})
    folders = [tmp_path / "both", tmp_path / "alone"]
    for order in (folders, folders[::-1]):
        page.open(page_of(*order))
        page.until("document.querySelector('#studies .comparison')")
        compared = page.text("#studies tbody").split("\n")
        assert len([line for line in compared if line.endswith("\tpaired")]) == 2


def test_runs_on_different_data_are_compared_and_not_paired(page: Page, tmp_path: Path) -> None:
    for name, seed in (("one", 0), ("two", 1)):
        made = Made(0.0, 0.9, 200, seed)
        write_study(tmp_path / name, [made], frames=400, figures=[])
        settings = {key: value for key, value in made.settings.items() if key != "seed"}
        data = {"hash": str(seed) * 64, "describe": name}
        change_record(tmp_path / name, made, study=name, settings=settings, data=data)
    page.open(page_of(tmp_path / "one", tmp_path / "two"))
    page.until("document.querySelector('#studies .comparison')")
    assert page.text("#studies tbody").count("not paired") == 2


def test_run_without_training_is_marked_in_every_table(page: Page, tmp_path: Path) -> None:
    folder = write_study(tmp_path / "study", [Made()], frames=80, figures=[])
    change_record(folder, Made(), partitions={"train": {"count": 0}})
    page.open(write_report(folder))
    assert "\tnot trained here\t" in page.text("#matrix")
    choose_columns(page, "mforce_mae")
    assert "\tnot trained here\t" in page.text("#matrix")


def test_page_of_ten_thousand_samples_creates_their_elements_on_request(
    page: Page, tmp_path: Path
) -> None:
    folder = write_study(tmp_path / "study", WINDOWS[:2], frames=9633, figures=[])
    path = write_report(folder)
    assert path.stat().st_size < 15e6
    page.open(path)
    page.until("document.querySelector('#matrix-view')")
    assert page.value("document.getElementsByTagName('*').length") < 2000
    page.click("#points td.number a")
    page.until("document.querySelector('#cell .samples')")
    assert page.text("#cell .controls output") == "9,633 samples"
