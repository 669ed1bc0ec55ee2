"""Mistakes in `python -m saibench <command>`: one message, exit code 2."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from command_line import saibench

MISTAKES = {
    "no command": ([], "saibench --help"),
    "an unknown command": (["reprt", "outputs"], "'reprt'"),
    "no folder": (["report"], "saibench report --help"),
    "an unknown flag": (["report", "outputs", "--figure"], "--figure"),
    "an unknown data set": (["data", "download", "rmd18"], "'rmd18'"),
    "an unknown molecule": (
        ["data", "download", "rmd17_small", "--molecule", "asprin"],
        "'aspirin'",
    ),
    "a folder that is not there": (["report", "outputs"], "outputs "),
    "a range of nothing": (["trust", "outputs", "--tolerance", "-1"], "--tolerance -1"),
}


@pytest.mark.parametrize(("arguments", "part"), MISTAKES.values(), ids=list(MISTAKES))
def test_mistake_is_refused_in_one_message(arguments: list[str], part: str, tmp_path: Path) -> None:
    ended = saibench(tmp_path, *arguments)
    assert part in ended.err
    assert re.fullmatch(r"[^\n]+[.?]\n", ended.err), "one sentence"
    assert (ended.status, ended.out) == (2, "")
    assert not list(tmp_path.iterdir())
