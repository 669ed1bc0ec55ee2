"""Export of a study's results as small files."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from types import SimpleNamespace

import PIL.Image
import polars
import pytest
from matplotlib.figure import Figure
from synthetic_study import FIGURES, KEYS, Made, write_study

from saibench.cli import _commands
from saibench.errors import UserError
from saibench.evidence.points import points_table
from saibench.evidence.reader import StudyEvidence
from saibench.evidence.schema import Field, write_table
from saibench.figures.force_field import point_errors
from saibench.figures.style import PAGE_DPI, PAGE_WIDTH
from saibench.findings.finding import SUPPORTED, Finding
from saibench.report.drawn import csv_of
from saibench.report.export import _text, export
from saibench.report.measured import MeasuredMetrics
from saibench.report.page import render


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> tuple[StudyEvidence, Path]:
    folder = tmp_path_factory.mktemp("export")
    made = [Made(0.0, size, 1000, 0) for size in (0.3, 0.6, 0.9)] + [Made(0.0, 0.9, 200, 0)]
    figures = [*FIGURES, "saibench.figures.force_field.point_errors", "saibench.figures.nothing"]
    evidence = StudyEvidence.load(write_study(folder / "study", made, figures=figures))
    return evidence, export(evidence, folder / "out", ["samples", "by_species"])


def test_exported_evidence_equals_the_study_to_seven_digits(
    exported: tuple[StudyEvidence, Path],
) -> None:
    evidence, target = exported
    again = StudyEvidence.load(target)
    assert again.points.equals(evidence.points)
    keys = ["point", "partition", "sample_id"]
    before, after = evidence.samples.sort(keys), again.samples.sort(keys)
    assert after["time"].equals(before["time"])
    assert after["force_mae"].to_list() == pytest.approx(before["force_mae"].to_list(), rel=1e-6)
    assert again.units["force_mae"] == evidence.units["force_mae"]


def test_every_drawn_figure_has_an_image_and_numbers(
    exported: tuple[StudyEvidence, Path],
) -> None:
    _, target = exported
    text = (target / "README.md").read_text()
    drawn = sorted(path.stem for path in (target / "figures").iterdir())
    assert drawn
    for name in drawn:
        with PIL.Image.open(target / "figures" / f"{name}.png") as image:
            assert image.width == round(PAGE_WIDTH * PAGE_DPI)
            assert len(image.getcolors() or ()) > 20
        assert polars.read_csv(target / "tables" / f"{name}.csv").height
        assert f"](figures/{name}.png)" in text


@pytest.mark.parametrize("tested", [True, False])
def test_evidence_from_elsewhere_is_exported(tmp_path: Path, tested: bool) -> None:
    """It has no commit, hardware, data hash or run time."""
    rows = {"point": ["mine"] * 3, "partition": ["test"] * 3, "sample_id": [0, 1, 2]}
    fields = [*KEYS, Field("error", "float64", "eV", "frame")]
    joined = tmp_path / "own" / "evidence"
    write_table(
        joined / "samples.parquet", polars.DataFrame({**rows, "error": [1.0, 2, 3]}), fields
    )
    record = {"mine": {"point": "mine", "state": "complete", "settings": {}}}
    metrics = {"mine": {"test": {"error": {"value": 2.0, "unit": "eV", "per": "frame"}}}}
    points = points_table(record, metrics if tested else {})
    write_table(joined / "points.parquet", *points)
    text = (
        export(StudyEvidence.load(tmp_path / "own"), tmp_path / "out") / "README.md"
    ).read_text()
    assert text.startswith("# own\n") and "Hardware" not in text and "hash `" not in text
    assert ("2.00" in text) == tested


def test_text_has_commands_hashes_and_reasons_for_missing_figures(
    exported: tuple[StudyEvidence, Path],
) -> None:
    evidence, target = exported
    text = (target / "README.md").read_text()
    for record in evidence.records.values():
        assert record["command"] in text
        assert record["point"] in text
    assert text.count("Not drawn: ") == 1 and "'saibench.figures.nothing'" in text
    assert point_errors.title not in text, "a figure of a single run"


def test_model_that_was_not_trained_has_no_training_set(tmp_path: Path) -> None:
    folder = write_study(tmp_path / "study", [Made(seed=0), Made(seed=1)], 20, figures=[])
    path = next(folder.glob("*seed0*/run.json"))
    path.write_text(path.read_text().replace('"count": 1000,', '"count": 0,'))
    text = (export(StudyEvidence.load(folder), tmp_path / "out") / "README.md").read_text()
    cells = {tuple(line.split(" | ")[2:4]) for line in text.split("\n") if "-count" in line}
    assert cells == {("–", "not trained here"), ("a1b2c3d4e5f6", "1,000")}


def test_lines_of_findings_and_captions_become_lists(
    exported: tuple[StudyEvidence, Path],
) -> None:
    evidence, _ = exported
    found = [
        Finding("a claim", SUPPORTED, "first\nsecond", "here"),
        Finding("another", SUPPORTED, "alone"),
    ]
    figure = {"name": "drawn", "title": "Drawn", "paper": "", "caption": "Drawn.\nfound <b>"}
    text = _text(evidence, found, [figure], MeasuredMetrics(evidence))
    first = "- a claim (here): **supported**.\n  - first\n  - second\n"
    findings = f"{first}- another: **supported**.\n  alone\n"
    assert findings in text
    assert "Drawn. Numbers: [drawn.csv](tables/drawn.csv).\n\n- found &lt;b>\n" in text
    assert "| time | ps | " in text, "data features"
    assert "| force MAE [meV/Å], n = 964 | " in text


def test_lines_of_a_caption_become_a_list_on_the_page(
    exported: tuple[StudyEvidence, Path],
) -> None:
    drawn = SimpleNamespace(
        title="Drawn",
        paper="",
        needs=lambda evidence: None,
        draw=lambda evidence: Figure(),
        caption=lambda evidence: "Drawn.\nfound <b>",
        table=lambda evidence: polars.DataFrame({"number": [1]}),
    )
    page = render(exported[0], [drawn])
    assert "<p>Drawn.</p>" in page and "<ul><li>found &lt;b&gt;</li></ul>" in page
    drawn.reading = lambda evidence: "It grows."
    page = render(exported[0], [drawn])
    assert "<p>It grows.</p>" in page and "<p>Drawn.</p>" in page, "the caption is folded"
    drawn.reading = lambda evidence: ""
    assert render(exported[0], [drawn]).count("<p>Drawn.</p>") == 1


def test_unknown_table_is_refused_and_nothing_written(
    exported: tuple[StudyEvidence, Path], tmp_path: Path
) -> None:
    evidence, _ = exported
    with pytest.raises(UserError, match=r"--evidence by_specis.*'by_species'"):
        export(evidence, tmp_path / "new", ["samples", "by_specis"])
    assert not (tmp_path / "new").exists()


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> StudyEvidence:
    """Two runs of few frames, with one figure."""
    folder = tmp_path_factory.mktemp("small") / "study"
    made = [Made(0.0, size) for size in (0.3, 0.6)]
    return StudyEvidence.load(write_study(folder, made, frames=60, figures=FIGURES[1:2]))


@pytest.mark.parametrize(
    ("options", "kept"),
    [
        ([], []),
        (["--evidence"], ["by_species", "points", "samples"]),
        (["--tables", "by_species"], ["by_species", "points"]),
        (["--svg"], []),
    ],
    ids=" ".join,
)
def test_evidence_and_svg_are_written_on_request(
    options: list[str], kept: list[str], small: StudyEvidence, tmp_path: Path
) -> None:
    target = tmp_path / "not" / "there yet"
    assert _commands(["export", str(small.folder), str(target), *options]) == 0
    assert sorted(path.stem for path in (target / "evidence").glob("*.parquet")) == kept
    images = {path.name for path in (target / "figures").iterdir()}
    names = {Path(name).stem for name in images}
    suffixes = ("png", "svg") if "--svg" in options else ("png",)
    assert images == {f"{name}.{suffix}" for name in names for suffix in suffixes} != set()
    if kept:
        assert StudyEvidence.load(target).points.equals(small.points)


def test_unwritable_folder_is_named(exported: tuple[StudyEvidence, Path], tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="file/results"):
        export(exported[0], tmp_path / "file" / "results")


def test_no_exported_file_is_over_a_megabyte(exported: tuple[StudyEvidence, Path]) -> None:
    _, target = exported
    assert max(path.stat().st_size for path in target.rglob("*.*")) < 1_000_000


def test_no_cell_of_a_table_is_a_formula() -> None:
    table = polars.DataFrame(
        {
            '=HYPERLINK("http://x")': [-1.5, None],
            "text": ["=1+1", "-0.5"],
            "others": ["@SUM(1)", "\tx"],
            "plain": ["a-b", None],
        }
    )
    rows = list(csv.reader(io.StringIO(csv_of(table).decode(), newline="")))
    assert rows == [
        ['\'=HYPERLINK("http://x")', "text", "others", "plain"],
        ["-1.5", "'=1+1", "'@SUM(1)", "a-b"],
        ["", "-0.5", "'\tx", ""],
    ]
