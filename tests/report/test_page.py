from __future__ import annotations

import argparse
import io
import json
import subprocess
import sys
from dataclasses import astuple
from itertools import product
from pathlib import Path

import polars as pl
import pytest
from html_page import Page
from synthetic_study import FIGURES, PARTITION, WINDOWS, WITHOUT_RESULTS, Made, write_study

from saibench.analysis.estimates import estimate_mean
from saibench.analysis.proportions import MIN_BLOCKS
from saibench.commands import report
from saibench.errors import PartFailed, UserError
from saibench.evidence.reader import StudyEvidence
from saibench.evidence.schema import Field, write_table
from saibench.figures.force_field import windows
from saibench.figures.style import svg
from saibench.formatting import duration, number
from saibench.report import drawable, render, write_report
from saibench.report.export import export
from saibench.report.headline import headline_metrics, headline_values
from saibench.report.page_data import all_points, page_studies
from saibench.report.text import web_address

MADE = [*WINDOWS[:4], Made(size=0.9, count=400), *WITHOUT_RESULTS]


def edit_record(folder: Path, made: Made, **changes) -> None:
    path = folder / f"{made.slug}-{made.point}" / "run.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_study(tmp_path_factory.mktemp("report") / "study", MADE, frames=60)


@pytest.fixture(scope="module")
def evidence(study: Path) -> StudyEvidence:
    return StudyEvidence.load(study)


@pytest.fixture(scope="module")
def page(evidence: StudyEvidence) -> Page:
    return Page(render(evidence))


def test_page_loads_nothing_from_elsewhere(evidence: StudyEvidence, page: Page) -> None:
    for tag, name, address in page.addresses:
        assert address.startswith(("data:", "#")), (tag, name, address[:80])
    html = render(evidence, [])
    assert "url(" not in html and "@import" not in html and "fetch(" not in html
    assert "default-src 'none'" in html
    assert not {"link", "iframe", "base", "object"} & set(page.tags)


def test_every_run_is_a_row_with_its_state_and_cause(page: Page) -> None:
    for made in MADE:
        assert page.shown.count(made.point) >= 2  # in the table and in the details
    assert "5 complete" in page.shown
    for made in WITHOUT_RESULTS:
        assert made.cause is not None and made.cause in page.shown


def test_provenance_of_every_run_is_on_the_page(page: Page) -> None:
    for text in (
        "0123456789abcdef0123456789abcdef01234567",
        "made-up aspirin, 9,633 frames",
        "9d8c7b6a5f4e",
        "the last 10 % of the samples in order of time",
        "5a4b3c2d1e0f",
        "python train.py -m +sweeps=force_field/made_up",
        "2.13.0",
        "made-up CPU",
    ):
        assert text in page.shown


def test_headline_values_carry_intervals_and_counts(evidence: StudyEvidence, page: Page) -> None:
    metrics = headline_metrics(evidence)
    assert [metric.name for metric in metrics] == ["force_mae", "energy_mae_per_atom"]
    values = headline_values(evidence, metrics)
    columns = {"force_mae": "force_mae", "energy_mae_per_atom": "energy_error_per_atom"}
    bounded = 0
    for made, (metric, column) in product(MADE[:5], columns.items()):
        samples = evidence.samples.filter(pl.col("point") == made.point)
        found = values[made.point][f"{PARTITION}/{metric}"]
        expected = estimate_mean(samples, pl.col(column).abs()).interval
        assert found.value == pytest.approx(expected.estimate, rel=1e-12)
        assert found.count == 60
        if expected.num_blocks < MIN_BLOCKS:
            assert found.interval is None
            continue
        bounded += 1
        assert found.interval is not None
        assert astuple(found.interval) == pytest.approx(astuple(expected), rel=1e-12)
        shown = f"{number(found.value)} [{number(expected.low)}, {number(expected.high)}]"
        assert shown in page.shown
    assert bounded
    assert "meV/atom · per frame · n = 60" in page.shown


def test_headline_finds_a_metric_on_the_partition_that_has_it(tmp_path: Path) -> None:
    """Only rotated molecules have an equivariance error."""
    study = write_study(tmp_path, MADE[:2], frames=30, figures=[])
    for made, error in zip(MADE, (0.0012, 3.4), strict=False):
        edit_record(
            study,
            made,
            headline=["equivariance_error", "force_mae", "rotated/force_mae", "not_a_metric"],
        )
        path = study / f"{made.slug}-{made.point}" / "metrics.json"
        metrics = json.loads(path.read_text())
        rotated = {"value": error, "unit": "meV/Å", "per": "component", "count": 30}
        forces = {**metrics[PARTITION]["force_mae"], "value": 100 * error}
        metrics["rotated"] = {"equivariance_error": rotated, "force_mae": forces}
        path.write_text(json.dumps(metrics))
    evidence = StudyEvidence.load(study)
    keys = [metric.key for metric in headline_metrics(evidence)]
    assert keys == ["rotated/equivariance_error", f"{PARTITION}/force_mae", "rotated/force_mae"]
    values = headline_values(evidence, headline_metrics(evidence))
    assert values[MADE[1].point]["rotated/force_mae"].value == pytest.approx(340)
    shown = Page(render(evidence)).shown
    assert "equivariance error on rotated meV/Å · per component · n = 30" in shown
    assert "force MAE meV/Å" in shown and "force MAE on rotated meV/Å" in shown
    assert "0.00120" in shown and "3.40" in shown


def test_metric_that_differs_from_its_statistic_has_no_interval(tmp_path: Path) -> None:
    study = write_study(tmp_path, MADE[:1], frames=30)
    path = study / f"{MADE[0].slug}-{MADE[0].point}" / "metrics.json"
    metrics = json.loads(path.read_text())
    metrics[PARTITION]["force_mae"]["value"] *= 1.01
    path.write_text(json.dumps(metrics))
    evidence = StudyEvidence.load(study)
    headline = headline_metrics(evidence)
    values = headline_values(evidence, headline)[MADE[0].point]
    assert values[f"{PARTITION}/force_mae"].interval is None
    assert values[f"{PARTITION}/energy_mae_per_atom"].interval is not None


def test_image_and_numbers_of_a_figure_are_on_the_page(evidence: StudyEvidence, page: Page) -> None:
    image, csv = map(page.document, page.figures["made_up_study-windows"])
    assert image == svg(windows.draw(evidence))
    numbers = pl.read_csv(io.BytesIO(csv))
    assert numbers.columns == windows.table(evidence).columns
    assert numbers["estimate"].to_list() == pytest.approx(
        windows.table(evidence)["estimate"].to_list()
    )


def test_figures_are_those_that_the_study_names(tmp_path: Path) -> None:
    study = write_study(tmp_path, MADE[:2], frames=30, figures=[windows.__name__])
    evidence = StudyEvidence.load(study)
    assert list(drawable(evidence)) == ["windows"]
    assert "Figure 3 of the paper" in Page(render(evidence)).shown
    assert "Figure 6 of the paper" not in Page(render(evidence)).shown
    assert "Figure 6 of the paper" in Page(render(evidence, [FIGURES[4]])).shown
    assert "of the paper" not in Page(render(evidence, [])).shown


def test_figure_that_cannot_be_drawn_has_a_reason(tmp_path: Path) -> None:
    evidence = StudyEvidence.load(write_study(tmp_path, MADE[:1], frames=30))
    shown = Page(render(evidence)).shown
    assert f"Not drawn: {windows.needs(evidence)}" in shown
    assert shown.count("Not drawn:") == 5


def test_web_addresses_of_a_record_are_links(tmp_path: Path) -> None:
    study = write_study(tmp_path, MADE[:1], frames=30, figures=[])
    edit_record(study, MADE[0], wandb={"id": "abc", "url": "https://wandb.ai/x/y/runs/abc"})
    page = Page(render(StudyEvidence.load(study)))
    assert ("a", "href", "https://wandb.ai/x/y/runs/abc") in page.addresses
    assert web_address("javascript:alert(1)") == web_address(None) == web_address(3) == ""


def test_another_workload_has_its_own_columns(tmp_path: Path) -> None:
    fields = [
        Field("point", "string", role="key"),
        Field("partition", "string", role="key"),
        Field("sample_id", "int64", role="key"),
        Field("correct", "float64", "", "jet", describe="whether the label is right"),
    ]
    for point, fraction in (("aaaaaaaaaaaa", 0.05), ("bbbbbbbbbbbb", 1.0)):
        rows = pl.DataFrame(
            {
                "point": point,
                "partition": "test",
                "sample_id": range(400),
                "correct": [float(i % 4 > 0) for i in range(400)],
            }
        )
        write_table(tmp_path / point / "samples.parquet", rows, fields)
        accuracy = {"value": 0.75, "unit": "", "per": "jet", "count": 400}
        metrics = {"test": {"accuracy": accuracy, "auc": {"value": 0.98, "count": 400}}}
        (tmp_path / point / "metrics.json").write_text(json.dumps(metrics))
        record = {"point": point, "state": "complete", "settings": {"subset.fraction": fraction}}
        (tmp_path / point / "run.json").write_text(json.dumps(record))
    evidence = StudyEvidence.load(tmp_path)
    page = Page(render(evidence, FIGURES))
    assert page.shown.count("Not drawn: ") == 5
    assert f"{windows.needs(evidence)}" in page.shown and "force_mae" in page.shown
    assert "subset.fraction" in page.shown and "accuracy" in page.shown and "0.98" in page.shown
    values = headline_values(evidence, headline_metrics(evidence))
    accuracy = values["aaaaaaaaaaaa"]["test/accuracy"].interval
    assert accuracy is not None and accuracy.num_blocks == 200
    assert values["aaaaaaaaaaaa"]["test/auc"].interval is None


def test_study_without_any_result_has_a_page(tmp_path: Path) -> None:
    shown = Page(render(StudyEvidence.load(write_study(tmp_path, WITHOUT_RESULTS)))).shown
    assert "1 failed" in shown and "1 not applicable" in shown
    assert "loss became NaN at step 1,204" in shown


def test_undefined_metric_is_shown_as_undefined(tmp_path: Path) -> None:
    study = write_study(tmp_path, MADE[:2], frames=30, figures=[])
    path = study / f"{MADE[0].slug}-{MADE[0].point}" / "metrics.json"
    metrics = {PARTITION: {"force_mae": {"value": float("nan"), "unit": "meV/Å", "count": 0}}}
    path.write_text(json.dumps(metrics))
    assert "undefined" in Page(render(StudyEvidence.load(study))).shown


def test_command_joins_the_study_and_writes_its_page(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    study = write_study(tmp_path / "study", MADE[:2], frames=30)
    parser = argparse.ArgumentParser()
    report.add_parser(parser.add_subparsers())
    arguments = parser.parse_args(["report", str(study), "--figures", windows.__name__])
    assert arguments.run(arguments) == 0
    assert capsys.readouterr().out.strip() == str(study / "report.html")
    assert (study / "evidence" / "points.parquet").exists()
    assert Page((study / "report.html").read_text()).shown.count("of the paper") == 1


def test_command_writes_one_page_of_two_studies(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, made in (("one", MADE[0]), ("two", MADE[1])):
        write_study(tmp_path / name, [made], frames=30, figures=[])
        edit_record(tmp_path / name, made, study=name)
    parser = argparse.ArgumentParser()
    report.add_parser(parser.add_subparsers())
    both = ["report", str(tmp_path / "one"), str(tmp_path / "two")]
    arguments = parser.parse_args(both)
    assert arguments.run(arguments) == 0
    target = tmp_path / "one" / "compared.html"
    assert capsys.readouterr().out.strip() == str(target)
    page = Page(target.read_text())
    assert "one and two" in page.shown and "Studies compared" in page.shown
    assert all(page.shown.count(made.point) >= 2 for made in MADE[:2])
    assert not (tmp_path / "one" / "report.html").exists()
    arguments = parser.parse_args([*both, "--output", str(tmp_path / "none" / "page.html")])
    with pytest.raises(UserError, match="none "):
        arguments.run(arguments)


def test_setting_that_one_study_varies_is_filled_in_for_the_others(tmp_path: Path) -> None:
    made = Made(seed=0), Made(seed=1)
    for name, points in (("both", made), ("alone", made[:1])):
        folder = write_study(tmp_path / name, points, frames=20, figures=[])
        for one in points:
            config = {
                "workload": {"name": "force_field"},
                "partitions": {PARTITION: {}},
                "held_out": PARTITION,
                "model": {"lr": 0.1 * (1 + one.seed)},
            }
            (folder / f"{one.slug}-{one.point}" / "config.yaml").write_text(json.dumps(config))
            edit_record(folder, one, study=name)
    studies = page_studies([StudyEvidence.load(tmp_path / name) for name in ("both", "alone")])
    points = all_points(studies).sort("study", "seed")
    assert points["model.lr"].to_list() == pytest.approx([0.1, 0.1, 0.2])


def test_page_of_committed_evidence_is_the_same(study: Path, tmp_path: Path) -> None:
    joined = StudyEvidence.load(study).join()
    joined.rename(tmp_path / "evidence")
    page = write_report(tmp_path, [windows.__name__]).read_text()
    assert page == render(StudyEvidence.load(study), [windows.__name__])
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["report.html"]


def test_defect_of_a_figure_is_on_the_page_and_warned_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = write_study(tmp_path, MADE[:3], frames=30)

    def broken(evidence: StudyEvidence) -> None:
        raise KeyError("nowhere")

    monkeypatch.setattr(windows, "draw", broken)
    with pytest.warns(PartFailed, match=r"figure .*\(windows\): KeyError: 'nowhere'"):
        write_report(study)
    log = study / "report.failures.log"
    assert "in broken" in log.read_text() and "the figure" in log.read_text()
    shown = Page((study / "report.html").read_text()).shown
    assert "Not drawn: KeyError: 'nowhere'" in shown
    assert "Figure 5 of the paper The mean absolute energy error is" in shown, (
        "the others are drawn"
    )
    with pytest.warns(PartFailed):
        assert export(StudyEvidence.load(study), tmp_path / "out").is_dir()
    assert "Not drawn: KeyError: 'nowhere'" in (tmp_path / "out/README.md").read_text()
    assert (tmp_path / "out/figures/energy_error_over_time.png").is_file()
    monkeypatch.undo()
    write_report(study)
    assert not log.exists()


def test_missing_figure_of_a_record_does_not_prevent_the_page(tmp_path: Path) -> None:
    names = ["saibench.figures.none", windows.__name__]
    study = write_study(tmp_path, MADE[:2], frames=30, figures=names)
    shown = Page(write_report(study).read_text()).shown
    assert "'saibench.figures.none'" in shown
    caption = windows.caption(StudyEvidence.load(study)).split("\n")[0]
    assert all(sentence in shown for sentence in caption.split(". "))


def test_unknown_figure_is_refused_and_nothing_written(tmp_path: Path) -> None:
    study = write_study(tmp_path, MADE[:1], frames=30)
    with pytest.raises(UserError, match=r"'saibench\.figures\.none'"):
        write_report(study, ["saibench.figures.none"])
    assert not (study / "report.html").exists()


def test_report_imports_no_torch() -> None:
    check = (
        f"import saibench.report, saibench.commands.report, {', '.join(FIGURES)}, sys; "
        "sys.exit(any(name in sys.modules for name in ('torch', 'lightning')))"
    )
    subprocess.run([sys.executable, "-c", check], check=True)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (30.617, "30.6"),
        (0.39149, "0.391"),
        (1234.5, "1,234"),
        (-0.0123, "−0.0123"),
        (0.0, "0"),
        (0.000012, "1.20e−05"),
        (964, "964"),
        (15_000, "15,000"),
        (float("nan"), "undefined"),
        (None, "–"),
    ],
)
def test_numbers_have_three_significant_digits(value: float | None, shown: str) -> None:
    assert number(value) == shown


def test_durations_have_a_suitable_unit() -> None:
    found = [duration(seconds) for seconds in (11, 1800, 9000, None)]
    assert found == ["11 s", "30 min", "2.5 h", "–"]
