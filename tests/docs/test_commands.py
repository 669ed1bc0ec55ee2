"""Each command that README and documentation show is composed or parsed as it stands."""

from __future__ import annotations

import argparse
import re
import shlex
from pathlib import Path

import pytest
from command_line import REPOSITORY, train
from docs_pages import DOCS, commands

from saibench.commands import commands as subcommands
from saibench.config.compose import compose_command, runs_points

README = REPOSITORY / "README.md"
WRITTEN = (DOCS / "results", DOCS / "extensions")
PAGES = [README, *(p for p in sorted(DOCS.rglob("*.md")) if not {*p.parents} & {*WRITTEN})]
SHOWN = list(dict.fromkeys(tuple(words) for page in PAGES for words in commands(page)))
TRAIN = [
    words[2:]
    for words in SHOWN
    if words[:2] == ("python", "train.py") and "--config-dir" not in words  # test_how_to's
    if "hydra/launcher=submitit_slurm" not in words  # an extra that tests go without
]
AS_IT_IS = [
    words[2:]
    for words in SHOWN
    if words[:2] == ("python", "evaluate.py") and any(word.startswith("model=") for word in words)
    if "--config-dir" not in words
]
OTHERS = [words[3:] for words in SHOWN if words[:3] == ("python", "-m", "saibench")]


@pytest.mark.parametrize("arguments", TRAIN, ids=" ".join)
def test_train_command_composes(arguments: tuple[str, ...]) -> None:
    if runs_points(arguments):
        assert compose_command("train", arguments).points


@pytest.mark.parametrize("arguments", AS_IT_IS, ids=" ".join)
def test_evaluation_of_a_model_composes(arguments: tuple[str, ...]) -> None:
    assert compose_command("train", [*arguments, "trainer=none"]).points


@pytest.mark.parametrize("arguments", OTHERS, ids=" ".join)
def test_other_command_parses(arguments: tuple[str, ...]) -> None:
    parser = argparse.ArgumentParser()
    subparsers = parser.add_subparsers(required=True)
    for command in subcommands():
        command.add_parser(subparsers)
    assert callable(parser.parse_args(arguments).run)


def test_make_targets_exist() -> None:
    makefile = (REPOSITORY / "Makefile").read_text()
    targets = {words[1] for words in SHOWN if words[0] == "make"}
    assert {"demo", "test"} <= targets
    for target in targets:
        assert f"\n{target}:" in makefile


def test_answers_to_mistakes_are_those_that_are_shown(tmp_path: Path) -> None:
    consoles = re.findall(r"```console\n(.*?)```", (DOCS / "start.md").read_text(), re.DOTALL)
    answers = re.findall(r"\$ python train.py (.*)\n(.*)\n", "".join(consoles))
    assert answers
    for command, answer in answers:
        ended = train(tmp_path, *shlex.split(command))
        assert (ended.status, ended.err.strip()) == (2, answer)
    assert not list(tmp_path.iterdir())


def test_readme_is_short_and_its_links_lead_somewhere() -> None:
    text = README.read_text()
    assert len(text.splitlines()) < 150
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", text):
        assert (REPOSITORY / target).exists(), target


def test_pictures_are_small() -> None:
    pictures = list((DOCS / "images").glob("*.png"))
    assert pictures
    for picture in pictures:
        assert picture.stat().st_size < 150_000, picture.name
