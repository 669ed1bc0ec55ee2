"""The commands that reproduce a study."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import polars

from saibench.report.reproduce import recipe


def commits_and_commands(study: str, *records: dict[str, Any]) -> list[str]:
    points = polars.DataFrame({"point": [str(number) for number in range(len(records))]})
    records_of = dict(zip(points["point"], records, strict=True))
    evidence = SimpleNamespace(study=study, points=points, records=records_of)
    found = recipe(evidence)  # type: ignore[arg-type]
    return [*found.commits, *found.commands]


def test_every_session_and_later_test_is_listed_once() -> None:
    train = {"commit": "a", "command": "train.py -m seed=0,1"}
    resumed = {"commit": "b", "command": "train.py -m seed=0,1"}
    tested = {"commit": "c", "command": "evaluate.py run=outputs/some/point test=[early]"}
    one = {**resumed, "sessions": [train, resumed], "partitions": {"last_tenth": resumed}}
    two = {**train, "sessions": [train], "partitions": {"train": {}, "early": tested}}
    assert commits_and_commands("some", one, two) == [
        *("a", "b", "c"),
        *("python train.py -m seed=0,1", "python evaluate.py run=outputs/some/point test=[early]"),
        *(
            "python -m saibench report outputs/some",
            "python -m saibench export outputs/some results",
        ),
    ]


def test_an_older_record_without_sessions_has_one() -> None:
    record = {"commit": "a", "command": "train.py", "partitions": {"last_tenth": {"count": 3}}}
    assert commits_and_commands("some", record)[:2] == ["a", "python train.py"]


def test_folder_of_a_study_is_that_of_its_last_command() -> None:
    copied = {"commit": "a", "command": "train.py -m seed=0 hydra.sweep.dir=before"}
    here = {"commit": "a", "command": "train.py -m seed=0 'hydra.sweep.dir=a folder'"}
    found = commits_and_commands("some", {"sessions": [copied, here]})
    assert found[3] == "python -m saibench report 'a folder'"
