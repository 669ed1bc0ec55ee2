"""The metrics that evaluate.py prints."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from saibench.runs.retest import MAX_PRINTED, _print_metrics


def point(folder: Path, metrics: int, headline: list[str]) -> Path:
    entry = {"value": 0.5, "unit": "mm/h", "per": "pixel", "count": 7}
    of_leads = {f"mae_{10 * (lead + 1)}": entry for lead in range(metrics)}
    (folder / "metrics.json").write_text(json.dumps({"held_out": of_leads}))
    record = {"point": "0a1b", "state": "complete", "settings": {}, "headline": headline}
    (folder / "run.json").write_text(json.dumps(record))
    return folder


def printed(folder: Path, capsys: pytest.CaptureFixture[str]) -> list[str]:
    _print_metrics(folder, ["held_out"])
    return capsys.readouterr().out.splitlines()


def test_few_are_all_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = printed(point(tmp_path, MAX_PRINTED, ["mae_60"]), capsys)
    assert len(lines) == 1 + MAX_PRINTED
    assert lines[6] == "  mae_60 = 0.5 mm/h, per pixel (n = 7)"


def test_of_hundreds_the_headline_ones_are_printed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = printed(point(tmp_path, 220, ["held_out/mae_60", "mae_180", "csi_16_60"]), capsys)
    assert lines == [
        "held_out:",
        "  mae_60 = 0.5 mm/h, per pixel (n = 7)",
        "  mae_180 = 0.5 mm/h, per pixel (n = 7)",
        f"  and 218 more in {tmp_path / 'metrics.json'}",
    ]


def test_all_are_printed_without_a_headline(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert len(printed(point(tmp_path, 220, []), capsys)) == 221


def test_control_characters_are_not_printed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = point(tmp_path, 1, [])
    entry = {"value": 0.5, "unit": "\x1b]0;mine\x07\x1b[31m eV"}
    (folder / "metrics.json").write_text(json.dumps({"held_out": {"mae\x1b[2J": entry}}))
    text = "".join(printed(folder, capsys))
    assert text.isprintable() and "eV" in text
