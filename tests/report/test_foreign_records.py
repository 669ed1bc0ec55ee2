"""Records from others: modules that they name are not imported, and their texts are escaped."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars
import pytest
from command_line import saibench
from html_page import Page
from synthetic_study import Made, write_study

from saibench.evidence.reader import StudyEvidence, join
from saibench.evidence.schema import read_fields, read_table, write_table
from saibench.report.page import write_report

OWN = """
import polars
from matplotlib.figure import Figure
from saibench.findings.finding import Finding
title, paper = "A custom figure", ""
needs = lambda evidence: None
draw = lambda evidence: Figure()
caption = lambda evidence: "what I drew"
table = lambda evidence: polars.DataFrame({"x": [1]})
fragment = lambda evidence: "<p>what I explore</p>"
findings = lambda evidence: [Finding("what I claim", "supported", "42")]
"""
TEXTS = {"findings": "what I claim", "figures": "what I drew", "explorers": "what I explore"}


@pytest.fixture
def study(tmp_path: Path) -> Path:
    return write_study(
        tmp_path / "study",
        [Made(0.0, 0.3, 1000, 0)],
        figures=["saibench.figures.force_field.point_errors"],
    )


def rewrite(study: Path, change: Callable[[dict[str, Any]], None]) -> None:
    for path in study.glob("*/run.json"):
        record = json.loads(path.read_text())
        record.pop("digest", None)
        change(record)
        path.write_text(json.dumps(record))


@pytest.mark.parametrize("part", TEXTS)
def test_module_that_a_record_names_is_refused_and_the_page_written(
    part: str, study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Although Python would find it in the study's folder."""
    trace = tmp_path / "trace"
    (study / "evil_part.py").write_text(f"open({str(trace)!r}, 'w')\n{OWN}")
    monkeypatch.syspath_prepend(study)
    rewrite(study, lambda record: record.update({part: [*record.get(part, []), "evil_part"]}))
    ended = saibench(tmp_path, "report", str(study))
    page = (study / "report.html").read_text()
    assert ended.status == 0, ended.err
    assert "&#39;evil_part&#39;" in page and TEXTS[part] not in page
    assert not trace.exists()
    if part != "figures":
        assert "<figure" in page


@pytest.mark.parametrize("way", ["--config-dir", "--trust-module"])
def test_modules_that_the_user_names_are_used(
    way: str, study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    name = f"my_parts_{way.strip('-').replace('-', '_')}"
    (folder / f"{name}.py").write_text(OWN)
    rewrite(study, lambda record: record.update({part: [name] for part in TEXTS}))
    if way == "--trust-module":
        monkeypatch.syspath_prepend(folder)
    named = [way, str(folder) if way == "--config-dir" else name]
    for command in (["report", str(study)], ["export", str(study), str(tmp_path / "out")]):
        ended = saibench(tmp_path, *command, *named)
        assert ended.status == 0, ended.err
    page = (study / "report.html").read_text()
    assert all(text in page for text in TEXTS.values())
    assert TEXTS["figures"] in (tmp_path / "out" / "README.md").read_text()


def test_module_that_a_joined_record_names_is_refused(
    study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trace, points = tmp_path / "trace", join(study) / "points.parquet"
    (study / "evil_joined.py").write_text(f"open({str(trace)!r}, 'w')\n{OWN}")
    monkeypatch.syspath_prepend(study)
    table, fields = read_table(points), read_fields(points)
    record = {**json.loads(table["record"][0]), **{part: ["evil_joined"] for part in TEXTS}}
    write_table(points, table.with_columns(polars.lit(json.dumps(record)).alias("record")), fields)
    for path in (points.with_name("SHA256SUMS"), *study.glob("*/run.json")):
        path.unlink()
    for command in (["report", str(study)], ["export", str(study), str(tmp_path / "out")]):
        assert saibench(tmp_path, *command).status == 0
    assert not trace.exists()


@pytest.mark.parametrize("value", ["evil", [["os"]], {"os": 1}, 3])
def test_record_without_a_list_of_modules_is_refused(value: object, study: Path) -> None:
    rewrite(study, lambda record: record.update(figures=value))
    ended = saibench(study, "report", str(study))
    assert ended.status == 2 and "figures" in ended.err


HOSTILE = (
    "</script><script>alert(1)</script><img src=x onerror=alert(2)>[x](javascript:alert(3))|\x1b[2J"
)


def hostile(record: dict[str, Any]) -> None:
    """Replace every text of a record, also names of partitions and settings."""
    record.update(
        slug=HOSTILE,
        study=HOSTILE,
        commit=HOSTILE,
        command=f"train.py {HOSTILE}\n```\n{HOSTILE}",
        workload=HOSTILE,
        headline=[HOSTILE],
        findings=[HOSTILE],
        explorers=[HOSTILE],
        failure={"cause": HOSTILE, "traceback": HOSTILE},
        wandb={"url": "javascript:alert(4)", "project": HOSTILE},
        versions={HOSTILE: HOSTILE},
    )
    record["figures"] = [*record["figures"], HOSTILE]
    record["data"] = {"describe": HOSTILE, "hash": HOSTILE}
    record["settings"] = {**record["settings"], HOSTILE: HOSTILE, "data.molecule": HOSTILE}
    for partition in record["partitions"].values():
        partition["describe"] = HOSTILE
    record["partitions"][HOSTILE] = {"describe": HOSTILE, "hash": HOSTILE, "count": 1}


def test_texts_of_a_record_are_escaped(study: Path, tmp_path: Path) -> None:
    rewrite(study, hostile)
    page = write_report(study).read_text()
    for markup in ("<script>alert", "<img src=x", "\x1b"):
        assert markup not in page
    assert 'href="javascript:' not in page
    parsed = Page(page)
    assert parsed.tags.count("script") == 3 + len(parsed.blocks), "only those of the page"
    assert page.count("alert(1)") > 5, "displayed as text"
    assert saibench(tmp_path, "export", str(study), str(tmp_path / "out")).status == 0
    text = (tmp_path / "out" / "README.md").read_text()
    prose = [part for at, part in enumerate(text.split("```")) if at % 2 == 0]
    assert "alert(1)" in text and "\x1b" not in text
    for markup in ("<script", "<img", "](javascript:"):
        assert not any(markup in part for part in prose)


def test_table_outside_the_folder_is_not_read(study: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere.parquet"
    elsewhere.write_text("secret")
    (run,) = study.glob("*/run.json")
    rewrite(
        study,
        lambda record: record.update(
            files={f"by_x/../../../{elsewhere.name}": "0", "by_/../../../elsewhere.parquet": "0"},
            evidence=["../../elsewhere.parquet", str(elsewhere)],
        ),
    )
    evidence = StudyEvidence.load(study)
    assert all(run.parent in path.parents for paths in evidence.sources.values() for path in paths)
