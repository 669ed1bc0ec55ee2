"""The page of trusted ranges on real input is that of its JSON, and judges goals by its numbers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from docs_pages import DOCS

HERE = DOCS / "results" / "trusted_range"


@pytest.fixture(autouse=True)
def own_modules(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(HERE)


def interval(estimate: float, half: float = 0.01) -> dict[str, float]:
    return {"estimate": estimate, "low": estimate - half, "high": estimate + half}


def range_of(
    coverage: float, gain: float, auroc: float, inside: float, recognised: float
) -> dict[str, Any]:
    validation = {
        "coverage": 0.9,
        "levels": [0.5, 0.9],
        "observed": [interval(0.5), interval(coverage)],
        "gain": interval(gain),
        "usefulness": {"auroc": interval(auroc)},
    }
    hot = {
        "partition": "hot",
        "coverage_inside": interval(inside),
        "decision": {"recognised": interval(recognised)},
    }
    cold = {"partition": "cold", "coverage_inside": interval(0), "decision": None}
    return {"refused": None, "validation": validation, "shifts": [cold, hot]}


def found_of(*ranges: dict[str, Any]) -> Any:
    from study import Found

    seconds = [{"seconds": {"train": 100.0, "test": 20.0 * k}} for k in range(1, len(ranges) + 1)]
    return Found(ranges, {}, dict(enumerate(seconds)))


def test_page_is_that_of_its_json() -> None:
    from page import page
    from study import load_studies

    written = (HERE / "README.md").read_text("utf-8")
    assert written == "\n".join(page(load_studies())).rstrip() + "\n", (
        "Run: python docs/results/trusted_range/run.py --write"
    )


def test_goals_are_judged_run_by_run() -> None:
    from goals import parts_of

    good = range_of(0.91, 0.35, 0.95, 0.86, 0.6)
    poor = range_of(0.85, 0.05, 0.87, 0.84, 0.4)
    verdicts = {
        goal: [part.met for part in parts_of(goal, found_of(good, poor), ["hot"])] for goal in "abc"
    }
    assert verdicts == {"a": [[True, False]] * 4, "b": [[True, False]] * 2, "c": [[True, False]]}


def test_a_range_without_a_test_meets_no_goal() -> None:
    from goals import parts_of

    good = range_of(0.91, 0.35, 0.95, 0.86, 0.6)
    (narrower,) = parts_of("c", found_of(good, {**good, "validation": None}), [])
    assert narrower.met == [True, False] and "1 could not be tested" in narrower.sentence()


def test_summary_holds_the_intervals_of_all_runs() -> None:
    from goals import parts_of

    runs = [range_of(0.91, gain, 0.95, 0.9, 0.6) for gain in (0.30, 0.36)]
    (narrower,) = parts_of("c", found_of(*runs), [])
    assert narrower.is_met
    assert "33.0 % [29.0, 37.0]" in narrower.sentence()


def test_partitions_that_are_no_shift_do_not_count() -> None:
    from goals import parts_of

    kept, recognised = parts_of("b", found_of(range_of(0.9, 0.3, 0.9, 0.9, 0.6)), ["hot"])
    assert [kept.met, recognised.met] == [[True], [True]]


def test_unknown_limits_are_not_shown() -> None:
    from cells import number, percent
    from goals import joint

    unknown = {"estimate": 0.5, "low": None, "high": None}
    found = joint([interval(0.7), unknown])
    assert found is not None
    assert (percent(found), number(found)) == ("60.0 %", "0.60")


def tried(run: str, feature: str, auroc: float, recognised: float | None) -> dict[str, Any]:
    shares = {"inside": 0.5, "coverage": 0.9, "recognised": recognised}
    own = {"loss": 0.5, "width": 0.8, "auroc": auroc, "own": shares, "shifts": {"hot": shares}}
    return {"run": run, "features": [feature], "kind": "isotonic", **own}


def test_table_of_all_tried_has_mean_and_range_of_the_runs() -> None:
    from study import Found
    from tried_table import tried_table

    one = {"label": "seed0", "refused": None, "features": [{"name": "a"}, {"name": "b"}]}
    rows = [tried("0", "b", 0.8, None), tried("1", "b", 0.9, None), tried("0", "a", 0.7, 0.2)]
    lines = list(tried_table(Found((one, one), {}, {}, tried=tuple(rows))))
    head, _, *table = [line.strip("| ").split(" | ") for line in lines if line.startswith("|")]
    by_name = [dict(zip(head, row, strict=True)) for row in table]
    assert [row["features"] for row in by_name] == ["a", "b"]
    name = "AUROC of the worst tenth"
    assert [row[name] for row in by_name] == ["0.70", "0.85 [0.80, 0.90]"]
    assert [row["hot: recognised"] for row in by_name] == ["20.0 %", "–"]
    assert not any("wait for" in line for line in lines)


def test_table_of_old_evidence_says_which_columns_wait() -> None:
    from study import load_studies
    from tried_table import tried_table

    new = load_studies()["acac"].found()
    assert new is not None and new.tried
    elsewhere = {"partition": "test_600K", "features": ["soap_distance"], "used": ["soap_distance"]}
    shares = {key: {"estimate": 0.5} for key in ("inside", "coverage_inside", "recognised")}
    found = replace(new, tried=(), under_shift=({**elsewhere, "kind": "monotone", **shares},))
    waiting, *lines = tried_table(found)
    assert "AUROC" in waiting and found.fitted[0]["label"] in waiting
    (head,) = [line for line in lines if line.startswith("| features")]
    assert "AUROC" not in head and "test_600K: recognised" in head
