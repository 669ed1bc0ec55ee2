"""The README's commands are commands: each is composed or parsed as it stands."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from command_line import REPOSITORY, train

from saibench.commands import commands
from saibench.config.compose import compose_command, runs_points

README = (REPOSITORY / "README.md").read_text()
BLOCKS = re.findall(r"```bash\n(.*?)```", README, re.DOTALL)
LINES = "\n".join(BLOCKS).replace("\\\n", " ").splitlines()
SHOWN = [shlex.split(line, comments=True) for line in LINES if line.strip()]
TRAIN = [
    words[2:]
    for words in SHOWN
    if words[:2] == ["python", "train.py"] and "--config-dir" not in words  # tests/extension's
]
OTHERS = [words[3:] for words in SHOWN if words[:3] == ["python", "-m", "saibench"]]


@pytest.mark.parametrize("arguments", TRAIN, ids=" ".join)
def test_train_command_composes(arguments: list[str]) -> None:
    if runs_points(arguments):
        assert compose_command("train", arguments).points


@pytest.mark.parametrize("arguments", OTHERS, ids=" ".join)
def test_other_command_parses(arguments: list[str]) -> None:
    import argparse

    parser = argparse.ArgumentParser()
    subparsers = parser.add_subparsers(required=True)
    for command in commands():
        command.add_parser(subparsers)
    assert callable(parser.parse_args(arguments).run)


def test_make_targets_of_the_readme_exist() -> None:
    makefile = (REPOSITORY / "Makefile").read_text()
    for target in {words[1] for words in SHOWN if words[0] == "make"}:
        assert f"\n{target}:" in makefile


def test_answers_to_mistakes_are_those_that_are_shown(tmp_path: Path) -> None:
    (console,) = re.findall(r"```console\n(.*?)```", README, re.DOTALL)
    for command, answer in re.findall(r"\$ python train.py (.*)\n(.*)\n", console):
        ended = train(tmp_path, *shlex.split(command))
        assert (ended.status, ended.err.strip()) == (2, answer)
    assert not list(tmp_path.iterdir())
