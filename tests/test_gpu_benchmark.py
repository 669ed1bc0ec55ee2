"""Benchmarks of a GPU: what fails, or is missing, is a row, and the rest is measured."""

from __future__ import annotations

import io
import json
import math
import sys
from pathlib import Path

import pytest

from benchmarks import gpu
from benchmarks.end_to_end import differences
from benchmarks.gpu_parts import PARTS, Part, Row, of_inference, of_metrics, of_trainings
from benchmarks.measurement import TrainingTask, measure_in_turn

TASK = TrainingTask(batch_size=4, warm_up_steps=1, timed_steps=2, device="cpu")
FACTS = {"machine": "one", "torch": "2", "python": "3", "commit": "abc"}


def part(module: str, **changed: object) -> Part:
    settings = {"title": "a part", "options": (), "large": (), "small": (), "share": 60.0}
    return Part(module=module, rows=of_trainings, extras=None, **{**settings, **changed})


def trained(task: TrainingTask, folder: Path, times_file: Path) -> list[str]:
    times = dict(first_step_began=0, timing_began=1, timing_ended=3, timed_steps=2, cpu_seconds=1)
    code = f"open({str(times_file)!r}, 'w').write({json.dumps(times)!r})"
    return [sys.executable, "-c", code]


def broken(task: TrainingTask, folder: Path, times_file: Path) -> list[str]:
    return [sys.executable, "-c", "raise SystemExit('x=3 is wrong')"]


def test_a_contestant_that_fails_leaves_the_others() -> None:
    saved: list[int] = []
    found = measure_in_turn(
        {"bare": trained, "own": broken},
        TASK,
        2,
        "jets",
        limit=60,
        save=lambda until_then: saved.append(len(until_then.to_json())),
    )
    assert saved == [1, 2, 3]  # the second one's failure counts, and is not repeated
    assert [one.contestant for one in found.measurements] == ["bare", "bare"]
    assert found.failures == {"own": "x=3 is wrong"}
    assert "x=3 is wrong" in found.to_text("title")
    rows = {row.name: row for row in of_trainings(found.to_json())}
    assert rows["bare"].value == "4 jets/s" and not rows["bare"].failed  # 2 × 4 jets in 2 s
    assert rows["own"].failed and rows["own"].note == "x=3 is wrong"


def test_a_part_that_fails_or_lacks_a_package_is_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    log = io.StringIO()
    (row,) = gpu.rows_of(part("no_such_part"), "cpu", True, 600, log)
    assert row.failed and "no_such_part" in row.note
    assert "no_such_part" in log.getvalue()
    monkeypatch.setattr(gpu, "is_installed", lambda name: name not in ("weaver-core", "nequip"))
    (row,) = gpu.rows_of(PARTS["jets"], "cpu", True, 600, log)
    assert row.failed and "nequip, weaver-core" in row.note
    table = gpu.markdown(FACTS, {"jets": [row]}, {"jets": 1.0})
    assert f"|  |  |  | **failed** {row.note} |" in table


def test_a_part_ends_at_its_limit_and_none_begins_without_time() -> None:
    cause, _ = gpu.ended(["sh", "-c", "sleep 600; true"], limit=0.2)
    assert "0 s" in cause
    (row,) = gpu.rows_of(part("no_such_part"), "cpu", False, -math.inf, io.StringIO())
    assert row.failed and "no_such_part" not in row.note


def test_shares_of_time_leave_some_of_the_eight_minutes() -> None:
    assert gpu.shares(PARTS) <= 60 * gpu.parse([]).minutes < 480


def test_a_part_has_what_earlier_ones_left_and_not_what_is_kept_for_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits: list[float] = []

    def run(part: Part, device: str, small: bool, limit: float, log: object) -> list[Row]:
        limits.append(limit)
        return [Row("one", "1 s")]

    parts = {name: part("none", share=100.0) for name in ("first", "second")}
    monkeypatch.setattr(gpu, "PARTS", parts)
    monkeypatch.setattr(gpu, "machine_info", lambda: {"device": "cuda", **FACTS})
    monkeypatch.setattr(gpu, "rows_of", run)
    assert gpu.main([str(tmp_path), "--minutes", "5"]) == 0
    assert limits == pytest.approx([200.0, 300.0], abs=20.0)


def test_rows_have_ratios() -> None:
    seconds = {"copy": {"clock": [0.5, 1.0]}, "own": {"clock": [2.0, 4.0]}}
    rows = of_metrics({"input_bytes": 4e9, "seconds": seconds})
    assert [row.relative.split()[0] for row in rows] == ["100%", "25%"]
    runs = [
        {
            "task": {"contestant": name, "draws": 1, "events": 4},
            "result": {"seconds": seconds, "peak_megabytes": 7.0},
        }
        for name, seconds in (("bare", 2.0), ("saibench", 1.0))
    ]
    assert [row.relative for row in of_inference(runs)] == ["1.00 × bare", "2.00 × bare"]


def test_metrics_differ_by_a_fraction_of_the_larger() -> None:
    def value(number: float | None) -> dict[str, float | None]:
        return {"value": number}

    first = {"mae": value(4.0), "bias": value(0.0), "csi": value(None), "auc": value(0.5)}
    second = {"mae": value(5.0), "bias": value(0.0), "csi": value(None), "auc": value(None)}
    assert differences(first, second) == {"mae": 0.2, "bias": 0.0, "auc": 1.0}
