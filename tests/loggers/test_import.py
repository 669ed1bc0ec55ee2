"""Imported runs are logged like trained ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars
import pytest
from command_line import saibench
from wandb_file import logged_runs

from saibench.evidence.reader import StudyEvidence
from saibench.loggers import panels

TRUTH = np.linspace(0, 1, 60)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    runs = [
        {"id": n, "y_true": y, "y_pred": y + seed + 1, "pt": 2 * y, "seed": seed}
        for seed in (0, 1)
        for n, y in enumerate(TRUTH)
    ]
    polars.DataFrame(runs).write_parquet(tmp_path / "table.parquet")
    return tmp_path


def test_imported_runs_are_logged_to_wandb(folder: Path) -> None:
    options = ("--logger", "wandb", "--project", "mine")
    ended = saibench(folder, "import", "table.parquet", "-o", "study", *options)
    assert ended.status == 0, ended.err
    evidence = StudyEvidence.load(folder / "study")
    maes = {}
    for record in evidence.records.values():
        (run,) = logged_runs(folder / "study" / f"{record['slug']}-{record['point']}")
        assert (run.group, run.project, run.exit_code) == ("study", "mine", 0)
        assert run.summary["test/pt"] == pytest.approx(1.0)
        maes[run.config["seed"]] = run.summary["test/mae"]
    assert maes == {0: pytest.approx(1), 1: pytest.approx(2)}
    assert panels.place_of(evidence).project == "mine"
    workspace = panels.build_workspace(evidence, "mine", "me")
    assert workspace.sections


@pytest.mark.parametrize(
    ("options", "word"),
    [(("--logger", "wandbb"), "'wandb'"), (("--project", "mine"), "--logger wandb"),
     (("--logger", "csv", "--entity", "me"), "--entity")],
)  # fmt: skip
def test_wrong_options_are_refused(folder: Path, options: tuple[str, ...], word: str) -> None:
    ended = saibench(folder, "import", "table.parquet", "-o", "study", *options)
    assert (ended.status, word in ended.err) == (2, True)
    assert not (folder / "study").exists()
