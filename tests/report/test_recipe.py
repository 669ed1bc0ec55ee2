"""What a page says of how its study is made again."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import polars

from saibench.report.reproduce import recipe


def of(study: str, *records: dict[str, Any]) -> list[str]:
    points = polars.DataFrame({"point": [str(number) for number in range(len(records))]})
    records_of = dict(zip(points["point"], records, strict=True))
    evidence = SimpleNamespace(study=study, points=points, records=records_of)
    found = recipe(evidence)  # type: ignore[arg-type]
    return [*found.commits, *found.commands]


def test_every_session_and_every_later_test_is_told_once() -> None:
    train = {"commit": "a", "command": "train.py -m seed=0,1"}
    resumed = {"commit": "b", "command": "train.py -m seed=0,1"}
    tested = {"commit": "c", "command": "evaluate.py run=outputs/some/point test=[early]"}
    one = {**resumed, "sessions": [train, resumed], "partitions": {"last_tenth": resumed}}
    two = {**train, "sessions": [train], "partitions": {"train": {}, "early": tested}}
    assert of("some", one, two) == [
        *("a", "b", "c"),
        *("python train.py -m seed=0,1", "python evaluate.py run=outputs/some/point test=[early]"),
        *(
            "python -m saibench report outputs/some",
            "python -m saibench export outputs/some results",
        ),
    ]


def test_a_record_of_before_sessions_were_kept_has_one() -> None:
    record = {"commit": "a", "command": "train.py", "partitions": {"last_tenth": {"count": 3}}}
    assert of("some", record)[:2] == ["a", "python train.py"]


def test_a_study_lies_where_its_command_has_put_it() -> None:
    copied = {"commit": "a", "command": "train.py -m seed=0 hydra.sweep.dir=before"}
    here = {"commit": "a", "command": "train.py -m seed=0 'hydra.sweep.dir=a folder'"}
    assert of("some", {"sessions": [copied, here]})[3] == "python -m saibench report 'a folder'"
